//! Upserts of single rows.

use bytes::Bytes;

use crate::model::limits::{MEMBER_MAX_BYTES, PII_MAX_BYTES};
use crate::model::schema::typed;
use crate::model::{Attributes, Member, Outcome, Reason, Refusal, Row, RowError, Sight, UpsertOptions};
use crate::stored::block::place;
use crate::stored::commit;
use crate::stored::member;
use crate::table::index::entries::{lookup_deltas, new_deltas};
use crate::table::index::lookup::LookupKind;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::decide::{Current, Decided};
use crate::table::plan::prepare::{Prepared, Writes, key_of};
use crate::table::read::view::holds;
use crate::table::{RowOutcome, TableError};

/// When uniqueness of keys is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// As each row is applied.
    ByRow,
    /// For all rows, after the last one.
    AtTheEnd,
    /// Not at all: no other member has a key of the row.
    Known,
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

    /// Applies a row whose keys no member has, which creates a member unless it is refused.
    pub async fn create_row(
        &mut self,
        prepared: &Prepared,
        options: &UpsertOptions,
    ) -> Result<RowOutcome, TableError> {
        loop {
            match self.apply_row(Current::Absent, prepared, options, Uniqueness::Known) {
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
        let changing = match self.decide(current, prepared, options) {
            Decided::Done(outcome) => return Ok(Ok(outcome)),
            Decided::Create(member) => {
                return self.create(prepared.writes(self.plainly()), member, uniqueness);
            }
            Decided::Change(changing) => *changing,
        };
        let row = changing.row;
        let mut writes = Writes { patch: &changing.sent.patch, ..prepared.writes(changing.written) };
        if !changing.is_repeatable {
            writes.fingerprint = 0;
        }
        let before = (&*changing.old, &changing.stored);
        Ok(Ok(match self.change(writes, row, before, changing.change, changing.new, uniqueness)? {
            Ok(outcome) => outcome.keeping_status(changing.keeps_status),
            Err(refusal) => RowOutcome::failed(Some(row), refusal),
        }))
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
        member::encode_into(&mut self.encoded, &member);
        if let Err(refusal) = check_size(&self.encoded, self.sight) {
            return Ok(Err(refusal));
        }
        // Only the first row of a block begins a new one; otherwise the block has older rows and must be
        // read.
        let (number, slot) = place(row);
        self.ensure_block(number, slot == 0)?;
        let lookups = new_deltas(writes.keys_of_new(), writes.fingerprint);
        debug_assert_eq!(
            lookups[..],
            lookup_deltas(&self.open.parts.hashes, None, Some(&member), writes.fingerprint)
        );
        let moves = self.moves_of_new(row, &member, writes.beforehand);
        let step = match self.step(None, Some(&member), writes.written) {
            Ok(step) => step,
            Err(held) => return Ok(Err(held.of_row())),
        };
        let stored = Bytes::copy_from_slice(&self.encoded);
        self.set_member(row, Some(stored), step);
        self.note(row, commit::Change::Created, None, &lookups, moves);
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
        member::encode_into(&mut self.encoded, &new);
        if let Err(refusal) = check_size(&self.encoded, self.sight) {
            return Ok(Err(refusal));
        }
        self.ensure_block(place(row).0, false)?;
        let lookups = lookup_deltas(&self.open.parts.hashes, Some(old), Some(&new), writes.fingerprint);
        let moves = self.moves(row, Some(old), Some(&new));
        let step = match self.step(Some(old), Some(&new), writes.written) {
            Ok(step) => step,
            Err(held) => return Ok(Err(held.of_row())),
        };
        let stored = Bytes::copy_from_slice(&self.encoded);
        self.set_member(row, Some(stored), step);
        self.note(row, change, Some(before), &lookups, moves);
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
        if uniqueness != Uniqueness::ByRow {
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
    pub(in crate::table) fn ok(row: Row, outcome: Outcome) -> Self {
        Self { row: Some(row), outcome, status_kept: false, error: None }
    }

    pub(super) fn keeping_status(self, status_kept: bool) -> Self {
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
