//! Upserts of single rows.

use bytes::Bytes;

use crate::model::limits::{MEMBER_MAX_BYTES, PII_MAX_BYTES};
use crate::model::schema::typed;
use crate::model::{
    Attributes, Change, MatchKey, Member, MemberPatch, MemberRow, Outcome, Reason, Refusal, Row, RowError,
    Sight, Update, UpsertOptions, upsert,
};
use crate::stored::block::place;
use crate::stored::commit;
use crate::stored::member;
use crate::table::index::entries::lookup_deltas;
use crate::table::index::lookup::{LookupKind, short};
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::prepare::{Matched, Prepared, Writes};
use crate::table::read::view::holds;
use crate::table::{RowOutcome, TableError};

/// When uniqueness of keys is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// As each row is applied.
    ByRow,
    /// For all rows, after the last one.
    AtTheEnd,
}

/// The member that a row is about.
pub(super) enum Current {
    /// No member has the row's key, so the row creates one.
    Absent,
    /// No member has the row's id.
    Gone,
    /// The row repeats what was last applied to the member.
    Repeated(Row),
    /// The member exists.
    Found(Row, Box<Member>, Bytes),
}

impl Current {
    /// Its place, if it exists.
    pub fn row(&self) -> Option<Row> {
        match self {
            Self::Absent | Self::Gone => None,
            Self::Repeated(row) | Self::Found(row, ..) => Some(*row),
        }
    }
}

impl Plan<'_> {
    /// Applies one row. A refusal of the row is an outcome, not an error.
    pub async fn upsert_row(
        &mut self,
        prepared: &Prepared,
        options: &UpsertOptions,
        uniqueness: Uniqueness,
    ) -> Result<RowOutcome, TableError> {
        loop {
            match self.try_row(prepared, options, uniqueness) {
                Ok(Ok(outcome)) => return Ok(outcome),
                Ok(Err(refusal)) => return Ok(RowOutcome::failed(None, refusal)),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_row(
        &mut self,
        prepared: &Prepared,
        options: &UpsertOptions,
        uniqueness: Uniqueness,
    ) -> Result<Result<RowOutcome, RowError>, Stop> {
        let current = self.current(prepared)?;
        self.apply_row(current, prepared, options, uniqueness)
    }

    /// Applies a row to `current`, the member that it is about.
    pub(super) fn apply_row(
        &mut self,
        current: Current,
        prepared: &Prepared,
        options: &UpsertOptions,
        uniqueness: Uniqueness,
    ) -> Result<Result<RowOutcome, RowError>, Stop> {
        let new_members = self.layer.header.settings.first_status(self.origin.door);
        match current {
            Current::Repeated(row) => Ok(Ok(RowOutcome::ok(row, Outcome::Unchanged))),
            Current::Gone => Ok(Err(gone())),
            Current::Absent => {
                match prepared.row.without_doubts().and_then(|row| upsert::create(row, new_members, self.now))
                {
                    Ok(member) => self.create(prepared.writes(), member, uniqueness),
                    Err(refusal) => Ok(Err(refusal)),
                }
            }
            Current::Found(row, old, stored) => {
                let refused = |refusal| Ok(Ok(RowOutcome::failed(Some(row), refusal)));
                let by_alias = under_own_ref(prepared, &old);
                let sent = match by_alias.as_ref().unwrap_or(&prepared.row).settled(&old) {
                    Ok(sent) => sent,
                    Err(refusal) => return refused(refusal),
                };
                let sent = sent.as_ref();
                let update = upsert::update(&old, sent, options, new_members, self.now);
                let judged =
                    |update| options.sight.judge(update, &old, &sent.patch, options.semantics, self.now);
                let (change, new) = match update.map(judged) {
                    Ok(Update::Unchanged) => {
                        let outcome = RowOutcome::ok(row, Outcome::Unchanged);
                        return Ok(Ok(outcome.keeping_status(upsert::keeps_status(&old, sent))));
                    }
                    Ok(Update::Updated(new)) => (commit::Change::Updated, new),
                    Ok(Update::Reactivated(new)) => (commit::Change::Reactivated, new),
                    Err(refusal) => return refused(refusal),
                };
                let keeps_status = upsert::keeps_status(&new, sent);
                let mut writes = Writes { patch: &sent.patch, ..prepared.writes() };
                // The reply to a repeat is made without reading the member, so a repeat must not be
                // recognised if its reply depends on the member's status.
                if by_alias.is_some() || keeps_status || prepared.row.doubts.is_some() {
                    writes.fingerprint = 0;
                }
                match self.change(writes, row, (&old, &stored), change, new, uniqueness)? {
                    Ok(outcome) => Ok(Ok(outcome.keeping_status(keeps_status))),
                    Err(refusal) => refused(refusal),
                }
            }
        }
    }

    /// The member that a row is about.
    pub(super) fn current(&self, prepared: &Prepared) -> Result<Current, Stop> {
        if let Matched::Place(row) = prepared.matched_by {
            let found = self.member(row)?;
            return Ok(
                found.map_or(Current::Gone, |(member, stored)| Current::Found(row, Box::new(member), stored))
            );
        }
        for wanted in prepared.matched_by.keys() {
            match self.current_by(wanted, prepared)? {
                Current::Absent => {}
                found => return Ok(found),
            }
        }
        Ok(Current::Absent)
    }

    fn current_by(&self, wanted: Wanted, prepared: &Prepared) -> Result<Current, Stop> {
        let candidates = self.candidates(wanted)?;
        if let Some((row, _)) = candidates.iter().find(|(_, fingerprint)| is_repeat(*fingerprint, prepared)) {
            return Ok(Current::Repeated(Row(*row)));
        }
        let Some(key) = key_of(&prepared.row.patch, wanted.0) else { return Ok(Current::Absent) };
        let fold = self.open.parts.hashes.fold();
        let found = self.holder(wanted, None, |member| holds(member, key, fold, self.now))?;
        Ok(found
            .map_or(Current::Absent, |(row, member, stored)| Current::Found(row, Box::new(member), stored)))
    }

    pub(super) fn create(
        &mut self,
        writes: Writes<'_>,
        mut member: Member,
        uniqueness: Uniqueness,
    ) -> Result<Result<RowOutcome, RowError>, Stop> {
        let row = Row(self.layer.header.next_row);
        if let Err(refusal) = self.check_tier(writes.patch) {
            return Ok(Err(refusal));
        }
        if let Err(refusal) = self.check_unique(writes, None, uniqueness)? {
            return Ok(Err(refusal));
        }
        match typed(self.layer.header.schema.as_deref(), &Attributes::default(), member.attributes) {
            Ok(attributes) => member.attributes = attributes,
            Err(refusal) => return Ok(Err(refusal)),
        }
        member.revision = self.layer.header.revision + 1;
        let stored = member::encode(&member);
        if let Err(refusal) = check_size(&stored, self.sight) {
            return Ok(Err(refusal));
        }
        // Only the first row of a block begins a new one; otherwise the block has older rows and must be
        // read.
        let (number, slot) = place(row);
        self.ensure_block(number, slot == 0)?;
        let lookups = lookup_deltas(&self.open.parts.hashes, None, Some(&member), writes.fingerprint);
        let sets = self.set_changes(row, None, Some(&member));
        let step = match self.step(None, Some(member.status)) {
            Ok(step) => step,
            Err(held) => return Ok(Err(held.of_row())),
        };
        self.set_member(row, Some(stored), step);
        self.note(row, commit::Change::Created, None, &lookups, sets);
        self.layer.header.next_row += 1;
        Ok(Ok(RowOutcome::ok(row, Outcome::Created)))
    }

    pub(super) fn change(
        &mut self,
        writes: Writes<'_>,
        row: Row,
        (old, before): (&Member, &Bytes),
        change: commit::Change,
        mut new: Member,
        uniqueness: Uniqueness,
    ) -> Result<Result<RowOutcome, RowError>, Stop> {
        if let Err(refusal) = self.check_tier(writes.patch) {
            return Ok(Err(refusal));
        }
        if let Err(refusal) = self.check_unique(writes, Some((row, old)), uniqueness)? {
            return Ok(Err(refusal));
        }
        match typed(self.layer.header.schema.as_deref(), &old.attributes, new.attributes) {
            Ok(attributes) => new.attributes = attributes,
            Err(refusal) => return Ok(Err(refusal)),
        }
        new.revision = self.layer.header.revision + 1;
        new.drop_aliases(self.now);
        let stored = member::encode(&new);
        if let Err(refusal) = check_size(&stored, self.sight) {
            return Ok(Err(refusal));
        }
        self.ensure_block(place(row).0, false)?;
        let lookups = lookup_deltas(&self.open.parts.hashes, Some(old), Some(&new), writes.fingerprint);
        let sets = self.set_changes(row, Some(old), Some(&new));
        let step = match self.step(Some(old.status), Some(new.status)) {
            Ok(step) => step,
            Err(held) => return Ok(Err(held.of_row())),
        };
        self.set_member(row, Some(stored), step);
        self.note(row, change, Some(before), &lookups, sets);
        let outcome =
            if change == commit::Change::Reactivated { Outcome::Reactivated } else { Outcome::Updated };
        Ok(Ok(RowOutcome::ok(row, outcome)))
    }

    /// Refuses keys that belong to another member than `current`.
    fn check_unique(
        &self,
        writes: Writes<'_>,
        current: Option<(Row, &Member)>,
        uniqueness: Uniqueness,
    ) -> Result<Result<(), RowError>, Stop> {
        if uniqueness == Uniqueness::AtTheEnd {
            return Ok(Ok(()));
        }
        let mut refusal: Option<RowError> = None;
        for wanted in writes.unique {
            let Some(key) = key_of(writes.patch, wanted.0) else { continue };
            if current.is_some_and(|(_, member)| holds(member, key, self.open.parts.hashes.fold(), self.now))
            {
                continue;
            }
            let holder = self.holder(*wanted, current.map(|(row, _)| row), |member| {
                holds(member, key, self.open.parts.hashes.fold(), self.now)
            })?;
            if let Some((holder, ..)) = holder {
                let taken = taken(wanted.0, holder);
                match &mut refusal {
                    Some(refusal) => refusal.violations.extend(taken.violations),
                    None => refusal = Some(taken),
                }
            }
        }
        Ok(refusal.map_or(Ok(()), Err))
    }
}

impl RowOutcome {
    pub(super) fn ok(row: Row, outcome: Outcome) -> Self {
        Self { row: Some(row), outcome, status_kept: false, error: None }
    }

    fn keeping_status(self, status_kept: bool) -> Self {
        Self { status_kept, ..self }
    }

    /// The outcome of a refused row, with the place of the member that it found.
    pub(in crate::table) fn failed(found: Option<Row>, error: RowError) -> Self {
        Self { row: found, outcome: Outcome::Failed, status_kept: false, error: Some(Box::new(error)) }
    }

    /// Turns the outcome of a good row into a failure, because another row of its request failed.
    pub(in crate::table) fn abort(&mut self) {
        if !self.is_failed() {
            *self = Self::failed(self.row, Refusal::new(Reason::AtomicAborted));
        }
    }
}

/// The refusal of a value that belongs to the member at `holder`.
pub(super) fn taken(kind: LookupKind, holder: Row) -> RowError {
    let reason = match kind {
        LookupKind::Ref => Reason::RefTaken,
        LookupKind::Email => Reason::EmailTaken,
        LookupKind::WorkerId => Reason::WorkerIdTaken,
    };
    let refusal = Refusal::field(reason, kind.field(), "belongs to another member of the memberbase");
    Refusal { taken_by: Some(holder), ..refusal }
}

/// The refusal of a row whose member does not exist.
fn gone() -> RowError {
    Refusal::field(Reason::MemberNotFound, "id", "is not the id of a member of this memberbase")
}

/// The value that a patch sets in a lookup.
pub(super) fn key_of(patch: &MemberPatch, kind: LookupKind) -> Option<MatchKey<'_>> {
    match kind {
        LookupKind::Ref => patch.ref_.as_set().map(MatchKey::Ref),
        LookupKind::Email => patch.email.as_set().map(MatchKey::Email),
        LookupKind::WorkerId => patch.worker_id.as_set().map(MatchKey::WorkerId),
    }
}

/// For a row that found `member` by a former ref: the row with the member's present ref, so that it keeps
/// that one.
fn under_own_ref(prepared: &Prepared, member: &Member) -> Option<MemberRow> {
    let by_ref = matches!(prepared.matched_by, Matched::Key((LookupKind::Ref, _)));
    let own = member.profile.ref_.as_ref();
    if !by_ref || prepared.row.patch.ref_.as_set() == own {
        return None;
    }
    let mut row = prepared.row.clone();
    row.patch.ref_ = own.cloned().map_or(Change::Keep, Change::Set);
    Some(row)
}

/// Whether a row repeats what was last applied to the member with this fingerprint.
pub(super) fn is_repeat(fingerprint: u64, prepared: &Prepared) -> bool {
    fingerprint != 0 && fingerprint == short(prepared.fingerprint)
}

/// Refuses a member whose stored form is too large. For a sender who does not see all fields, only the
/// visible ones count, and there is always room for the hidden ones. So no refusal reveals their lengths.
pub(super) fn check_size(stored: &[u8], sight: Sight) -> Result<(), RowError> {
    let (bytes, limit, what) = match sight {
        Sight::Whole => (stored.len(), MEMBER_MAX_BYTES, "in all"),
        Sight::WithoutPii => {
            let hidden = member::pii_bytes(stored).unwrap_or_default();
            let limit = MEMBER_MAX_BYTES - PII_MAX_BYTES;
            (stored.len().saturating_sub(hidden), limit, "besides bank details and date of birth")
        }
    };
    if bytes <= limit {
        return Ok(());
    }
    let description = format!("takes {bytes} bytes {what}; the limit is {limit}");
    Err(Refusal::field(Reason::MemberTooLarge, "", description))
}
