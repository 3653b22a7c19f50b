//! What is known of the rows of a list that were planned so far, and what they decide for the next row.

use std::borrow::Cow;

use crate::model::{
    GuardCounts, ListMatch, ListOptions, MatchBy, Outcome, Reason, Refusal, Row, RowKeys, RowTally,
    UnreadRow, UpsertOptions,
};
use crate::table::index::lookup::LookupKind;
use crate::table::index::resolve::Wanted;
use crate::table::plan::{Plan, Prepared};
use crate::table::sync::digest::PlanDigest;
use crate::table::sync::example::{ExampleOf, Examples};
use crate::table::sync::guarded::Causes;
use crate::table::sync::key_lines::KeyLines;
use crate::table::sync::named::Named;
use crate::table::sync::request::{ListRequest, PlannedRow};
use crate::table::sync::same::Same;
use crate::table::{RowOutcome, TableError};

/// What is known of the rows so far.
pub struct SoFar {
    /// The members that they name.
    pub named: Named,
    /// The keys that no member has, or that their rows give to a member.
    keys: KeyLines,
    pub tally: RowTally,
    /// Rows that may be anybody.
    pub unreadable: u64,
    /// More about the first of them.
    pub causes: Causes,
    /// What the guard counts.
    pub counted: GuardCounts,
    pub digest: PlanDigest,
    pub examples: Examples,
}

/// What the rows of a slice have in common.
pub struct Slice<'a> {
    pub options: &'a ListOptions,
    pub upsert: &'a UpsertOptions,
    /// The row of the first member that the slice creates.
    pub first_new: Row,
}

/// The place of a row in the list, and the member that its id names.
pub struct Line {
    pub number: u64,
    pub named: Option<Row>,
}

impl SoFar {
    /// Before the first row.
    pub fn new(request: &ListRequest) -> Self {
        Self {
            named: Named::default(),
            keys: KeyLines::default(),
            tally: RowTally::default(),
            unreadable: 0,
            causes: Causes::default(),
            counted: GuardCounts::default(),
            digest: PlanDigest::new(&request.options, &request.scope),
            examples: Examples::new(request.sight),
        }
    }

    /// Plans the next row.
    pub async fn row(
        &mut self,
        plan: &mut Plan<'_>,
        slice: &Slice<'_>,
        line: &Line,
        row: &Result<Prepared, UnreadRow>,
    ) -> Result<PlannedRow, TableError> {
        let outcome = self.decide(plan, slice, row).await?;
        let of = ExampleOf::Row(outcome.outcome);
        self.examples.add_planned(plan, slice.first_new, of, line.number, &outcome)?;
        let change = plan.change_of(&outcome)?;
        let outcome = outcome.unwritten(slice.first_new);
        let is_unreadable = match row {
            _ if outcome.is_failed() => self.note_failed(plan, slice, line, row, &outcome).await?,
            Ok(prepared) if outcome.outcome != Outcome::Unchanged => {
                self.keys.add(keys_of(prepared), line.number);
                false
            }
            Ok(_) | Err(_) => false,
        };
        if let Some(row) = outcome.row {
            // A row that fails only names its member: a later row of the same member may be applied.
            if outcome.is_failed() {
                self.named.add(row, line.number);
            } else {
                self.named.add_found(row, line.number);
            }
        }
        line.named.into_iter().for_each(|row| self.named.add(row, line.number));
        self.tally.add(outcome.outcome);
        if is_unreadable {
            self.unreadable += 1;
            self.causes.note_unreadable(line.number, outcome.error.as_deref());
        }
        self.digest.row(outcome.outcome, outcome.row);
        change.iter().for_each(|(before, after)| self.digest.change(before, after));
        Ok(PlannedRow { line: line.number, outcome, is_unreadable })
    }

    /// Notes the next row if it says what its member is, and no earlier row finds this member or has one of
    /// the row's keys.
    pub fn same(&mut self, line: u64, same: &Same) -> Option<PlannedRow> {
        let is_again = self.named.finder(same.row).is_some()
            || self.keys.find(same.keys.iter().flatten().copied()).is_some();
        if is_again {
            return None;
        }
        let outcome = RowOutcome::ok(same.row, Outcome::Unchanged);
        self.examples.add_unwritten(ExampleOf::Row(outcome.outcome), line, outcome.row);
        self.named.add_found(same.row, line);
        self.tally.add(outcome.outcome);
        self.digest.row(outcome.outcome, outcome.row);
        Some(PlannedRow { line, outcome, is_unreadable: false })
    }

    async fn decide(
        &self,
        plan: &mut Plan<'_>,
        slice: &Slice<'_>,
        row: &Result<Prepared, UnreadRow>,
    ) -> Result<RowOutcome, TableError> {
        match row {
            Err(unread) => Ok(RowOutcome::failed(None, unread.error.clone())),
            Ok(prepared) => match self.keys.find(keys_of(prepared)) {
                Some((key, line)) => Ok(RowOutcome::failed(None, same_key(key, line))),
                None => plan.list_row(prepared, slice.upsert, |row| self.named.finder(row)).await,
            },
        }
    }

    /// Notes whom a row names that fails. Returns whether it may be anybody.
    async fn note_failed(
        &mut self,
        plan: &mut Plan<'_>,
        slice: &Slice<'_>,
        line: &Line,
        row: &Result<Prepared, UnreadRow>,
        outcome: &RowOutcome,
    ) -> Result<bool, TableError> {
        let keys = match row {
            Ok(prepared) => Cow::Owned(RowKeys::of(&prepared.row)),
            Err(unread) => Cow::Borrowed(&*unread.keys),
        };
        let mut holders = plan.named_by(&keys).await?;
        holders.retain(|(_, row)| *row < slice.first_new);
        holders.iter().for_each(|(_, row)| self.named.add(*row, line.number));
        let hashes = || keys.iter().map(|key| plan.key_hash(key));
        let match_by = slice.options.match_by;
        // A key of an earlier line is that of its member.
        let is_known = |counts: &dyn Fn(LookupKind) -> bool| {
            holders.iter().any(|(kind, _)| counts(*kind))
                || self.keys.find(hashes().filter(|(kind, _)| counts(*kind))).is_some()
        };
        let is_unreadable = match keys.is_unreadable {
            true => !is_known(&|kind| decides(match_by, kind)),
            false => !match_by.has_key(&keys) && !is_known(&|_| true),
        };
        self.keys.add(hashes(), line.number);
        Ok(is_unreadable && outcome.row.is_none() && line.named.is_none())
    }
}

/// Whether a list finds members by a lookup.
fn decides(match_by: ListMatch, kind: LookupKind) -> bool {
    match match_by {
        ListMatch::Key(MatchBy::Ref) => kind == LookupKind::Ref,
        ListMatch::Key(MatchBy::Email) => kind == LookupKind::Email,
        ListMatch::Key(MatchBy::WorkerId) => kind == LookupKind::WorkerId,
        ListMatch::Key(MatchBy::Id) => false,
        ListMatch::WorkerIdOrEmail => kind != LookupKind::Ref,
    }
}

/// The keys of a row.
fn keys_of(prepared: &Prepared) -> impl Iterator<Item = Wanted> {
    prepared.matched_by.keys().take(1).chain(prepared.others.iter().copied())
}

/// The refusal of a row that has a key of an earlier line.
fn same_key((kind, _): Wanted, line: u64) -> Refusal {
    Refusal::field(Reason::DuplicateInList, kind.field(), format!("is in line {line} too"))
}
