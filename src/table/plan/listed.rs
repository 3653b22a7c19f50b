//! Rows of a full list, as its planner plans them.
//!
//! - A row that finds a member which an earlier row of the list found is refused: of two rows for one member
//!   neither is known to be the right one, and what the second does would depend on the first.
//! - The members that a row names are those that have any of its keys, not only the key that it is matched
//!   by.

use std::collections::BTreeSet;

use crate::model::{MatchKey, Member, Outcome, Reason, Refusal, Row, RowError, RowKeys, UpsertOptions};
use crate::stored::block::place;
use crate::stored::member;
use crate::table::index::layer::Blocks;
use crate::table::index::lookup::LookupKind;
use crate::table::index::overlay::Op;
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::freed::Freed;
use crate::table::plan::prepare::Prepared;
use crate::table::plan::upsert::Uniqueness;
use crate::table::read::view::holds;
use crate::table::{RowOutcome, TableError};

/// The members before and after a change.
pub type BeforeAfter = (Option<Member>, Option<Member>);

impl<'a> Plan<'a> {
    /// Plans as if earlier rows had freed these keys. Call it before anything is fetched.
    pub fn after(&mut self, freed: &'a Freed) {
        self.freed = Some(freed);
    }

    /// The keys that this plan frees, of members in rows before `first_new`.
    pub fn frees(&self, first_new: Row) -> impl Iterator<Item = (u64, Row)> + '_ {
        let all = self.layer.overlays.iter().flat_map(|overlay| overlay.iter());
        let freed = all.filter(move |(_, (row, op))| *op == Op::Remove && *row < first_new.0);
        freed.map(|(hash, (row, _))| (hash, Row(row)))
    }

    /// Plans one row. `line_of` says which earlier line of the list found a member.
    pub async fn list_row(
        &mut self,
        prepared: &Prepared,
        options: &UpsertOptions,
        line_of: impl Fn(Row) -> Option<u64>,
    ) -> Result<RowOutcome, TableError> {
        loop {
            match self.try_list_row(prepared, options, &line_of) {
                Ok(outcome) => return Ok(outcome),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_list_row(
        &mut self,
        prepared: &Prepared,
        options: &UpsertOptions,
        line_of: &impl Fn(Row) -> Option<u64>,
    ) -> Result<RowOutcome, Stop> {
        let current = self.current(prepared)?;
        if let Some((row, line)) = current.row().and_then(|row| Some((row, line_of(row)?))) {
            let field = prepared.matched_by.keys().next().map_or("id", |(kind, _)| kind.field());
            return Ok(RowOutcome::failed(Some(row), same_member(field, line)));
        }
        let outcome = self.apply_row(current, prepared, options, Uniqueness::ByRow)?;
        let mut outcome = outcome.unwrap_or_else(|refusal| RowOutcome::failed(None, refusal));
        if let Some(error) = &mut outcome.error
            && let Some(line) = error.taken_by.and_then(line_of)
        {
            let field = error.violations.first().map_or(String::new(), |fault| fault.field.clone());
            **error = Refusal { taken_by: error.taken_by, ..same_member(field, line) };
        }
        Ok(outcome)
    }

    /// The hash of a key.
    pub fn key_hash(&self, key: MatchKey<'_>) -> Wanted {
        self.open.parts.hashes.match_key(key)
    }

    /// The members that have one of these keys, each with the lookup of the key.
    pub async fn named_by(&mut self, keys: &RowKeys) -> Result<Vec<(LookupKind, Row)>, TableError> {
        let mut rows = Vec::new();
        for key in keys.iter() {
            let wanted = self.key_hash(key);
            let fold = self.open.parts.hashes.fold();
            let found = loop {
                match self.holder(wanted, None, |member| holds(member, key, fold, self.now)) {
                    Ok(found) => break found,
                    Err(Stop::Need(need)) => self.fetch(need).await?,
                    Err(Stop::Failed(error)) => return Err(error),
                }
            };
            rows.extend(found.map(|(row, ..)| (wanted.0, row)));
        }
        Ok(rows)
    }

    /// Fetches, for many rows together, what [`Plan::named_by`] needs.
    pub async fn prefetch_named<'b>(
        &mut self,
        keys: impl Iterator<Item = &'b RowKeys>,
    ) -> Result<(), TableError> {
        let wanted: Vec<Wanted> = keys.flat_map(RowKeys::iter).map(|key| self.key_hash(key)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.fetch_hashes(&wanted).await?;
        let rows = wanted.iter().flat_map(|key| self.known(*key)).map(|(row, _)| place(Row(*row)).0);
        let blocks: BTreeSet<u64> = rows.filter(|number| self.block(*number).is_none()).collect();
        self.fetch_blocks(&blocks.into_iter().collect::<Vec<_>>()).await
    }

    /// A member before this plan and after it. The plan must have just written it.
    pub fn before_and_after(&self, row: Row) -> Result<BeforeAfter, TableError> {
        let (number, slot) = place(row);
        let in_block =
            |blocks: &Blocks| blocks.get(&number).and_then(|block| block.get(slot)).map(member::decode);
        Ok((in_block(&self.fetched).transpose()?, in_block(&self.layer.blocks).transpose()?))
    }

    /// A member before and after what was just planned for it; `None` unless that changes an existing member.
    pub fn change_of(&self, outcome: &RowOutcome) -> Result<Option<(Member, Member)>, TableError> {
        let changes = matches!(outcome.outcome, Outcome::Updated | Outcome::Reactivated);
        let Some(row) = outcome.row.filter(|_| changes) else { return Ok(None) };
        let (before, after) = self.before_and_after(row)?;
        Ok(before.zip(after))
    }
}

/// The refusal of a row for a member that another line of the list finds.
fn same_member(field: impl Into<String>, line: u64) -> RowError {
    let text = format!("belongs to the member of line {line}");
    Refusal::field(Reason::DuplicateInList, field, text)
}
