//! Bringing deleted members back, with their records.

use crate::engine::{Key, Value};
use crate::model::schema::typed;
use crate::model::{Attributes, Member, Outcome, Reason, RecordCounts, Refusal, Row, RowError, Timestamp};
use crate::stored::block::place;
use crate::stored::commit::Change;
use crate::stored::member_record::{Kept, Purge, encode_counts};
use crate::stored::{member, record_key};
use crate::table::index::entries::{lookup_deltas, match_keys};
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::upsert::taken;
use crate::table::read::deleted::{Deleted, Sought, is_over, log_begins};
use crate::table::read::view::holds;
use crate::table::{RowOutcome, TableError};

/// The records that come back with a member.
pub(super) struct Returning {
    /// The mark by which they were to be purged, and its value.
    purge: Key,
    mark: Option<Value>,
    /// How many there are; `None` if there is no mark.
    counts: Option<RecordCounts>,
}

/// Members that are brought back before the task yields to the others of its thread.
const READ_TOGETHER: usize = 128;

impl Plan<'_> {
    /// Brings members back, in one commit. Each comes back whole or not at all. The outcome is `Created` for
    /// a member that came back, `Unchanged` for one that is not deleted, and otherwise a failure.
    pub async fn undelete(
        &mut self,
        sought: &[Sought],
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<Vec<RowOutcome>, TableError> {
        let mut outcomes = Vec::with_capacity(sought.len());
        for together in sought.chunks(READ_TOGETHER) {
            self.work(together.len()).await;
            check_wanted()?;
            self.prefetch_deleted(together).await?;
            for one in together {
                outcomes.push(match one {
                    Sought::Missing(row) => missing(*row),
                    Sought::Living(row) => RowOutcome::ok(*row, Outcome::Unchanged),
                    Sought::Deleted(deleted) => self.undelete_one(deleted).await?,
                });
            }
            self.check_one_commit(sought.len())?;
        }
        Ok(outcomes)
    }

    /// Fetches, in one read each, the blocks, the marks of records and the lookups that these need.
    async fn prefetch_deleted(&mut self, together: &[Sought]) -> Result<(), TableError> {
        let found = || together.iter().filter_map(Sought::deleted);
        let mut blocks: Vec<u64> = found().map(|deleted| place(deleted.row).0).collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks.retain(|number| self.block(*number).is_none());
        self.fetch_blocks(&blocks).await?;
        let base = self.open.number;
        self.fetch_marks(found().map(|deleted| record_key::record_purge(base, deleted.row))).await?;
        let mut wanted = Vec::new();
        for deleted in found() {
            let member = member::decode(&deleted.record)?;
            wanted.extend(match_keys(&self.open.parts.hashes, &member).into_iter().map(|(wanted, _)| wanted));
        }
        self.fetch_hashes(&wanted).await
    }

    /// Fetches marks of records, and after them where the log begins: a member without a mark had no records
    /// only if the log still has its deletion.
    pub(super) async fn fetch_marks(&mut self, marks: impl Iterator<Item = Key>) -> Result<(), TableError> {
        self.fetch_records(marks).await?;
        self.log_begins = log_begins(&self.open.parts.engine, self.open.number).await?;
        Ok(())
    }

    async fn undelete_one(&mut self, deleted: &Deleted) -> Result<RowOutcome, TableError> {
        loop {
            match self.try_undelete(deleted) {
                Ok(outcome) => return Ok(outcome),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_undelete(&mut self, deleted: &Deleted) -> Result<RowOutcome, Stop> {
        let row = deleted.row;
        if self.stored_member(row)?.is_some() {
            return Ok(RowOutcome::ok(row, Outcome::Unchanged));
        }
        let records = match self.records_to_return(row, deleted.at)? {
            Ok(records) => records,
            Err(refusal) => return Ok(RowOutcome::failed(Some(row), refusal)),
        };
        let member = match self.restored(&deleted.record, None)? {
            Ok(member) => member,
            Err(refusal) => return Ok(RowOutcome::failed(Some(row), refusal)),
        };
        if let Err(refusal) = self.check_keys(&member)? {
            return Ok(RowOutcome::failed(Some(row), refusal));
        }
        self.ensure_block(place(row).0, false)?;
        let step = match self.step(None, Some(&member), self.plainly()) {
            Ok(step) => step,
            Err(held) => return Ok(RowOutcome::failed(Some(row), held.of_row())),
        };
        let lookups = lookup_deltas(&self.open.parts.hashes, None, Some(&member), 0);
        let moves = self.moves(row, None, Some(&member));
        self.set_member(row, Some(member::encode(&member).into()), step);
        self.note(row, Change::Created, None, &lookups, moves);
        self.return_records(row, records);
        Ok(RowOutcome::ok(row, Outcome::Created))
    }

    /// The records that come back with a member that was deleted at this time, unless it can no longer come
    /// back.
    pub(super) fn records_to_return(
        &self,
        row: Row,
        deleted_at: Timestamp,
    ) -> Result<Result<Returning, RowError>, Stop> {
        let is_forgotten = self.log_begins.is_none_or(|begins| deleted_at < begins);
        if is_forgotten || is_over(deleted_at, self.open.parts.undelete_micros, self.now) {
            return Ok(Err(gone()));
        }
        let purge = record_key::record_purge(self.open.number, row);
        let mark = self.record_value(&purge);
        let records = mark.as_deref().map(Purge::decode).transpose()?;
        Ok(match records.map(|records| records.kept) {
            Some(Kept::Not) => Err(gone()),
            Some(Kept::NameTaken(holder)) => Err(name_taken(holder)),
            Some(Kept::Whole) | None => {
                Ok(Returning { purge, mark, counts: records.map(|records| records.counts) })
            }
        })
    }

    /// Brings the records of a member back.
    pub(super) fn return_records(&mut self, row: Row, records: Returning) {
        let Returning { purge, mark, counts: Some(counts) } = records else { return };
        let key = record_key::record_counts(self.open.number, row);
        let bytes = encode_counts(&counts);
        self.weight.add(2 * (key.len() + bytes.len()));
        // If the purge has begun meanwhile, the mark is another one, and the batch is refused.
        self.commits.checks.push((purge.clone(), mark));
        self.layer.records.insert(purge, None);
        self.layer.records.insert(key, Some(bytes.into()));
    }

    /// A member as it becomes when it gets this stored form back, written now. Refuses a tier that the base
    /// no longer has, and attributes that the schema no longer allows; those that the `present` member has
    /// too are not checked.
    pub(super) fn restored(
        &self,
        record: &[u8],
        present: Option<&Member>,
    ) -> Result<Result<Member, RowError>, Stop> {
        let mut member = member::decode(record)?;
        member.drop_aliases(self.now);
        if let Some(tier) = &member.profile.tier
            && let Err(refusal) = self.check_one_tier(tier)
        {
            return Ok(Err(refusal));
        }
        let schema = self.layer.header.schema.as_deref();
        let none = Attributes::default();
        let present = present.map_or(&none, |member| &member.attributes);
        match typed(schema, present, std::mem::take(&mut member.attributes)) {
            Ok(attributes) => member.attributes = attributes,
            Err(refusal) => return Ok(Err(refusal)),
        }
        member.updated_at = self.now;
        member.revision = self.layer.header.revision + 1;
        Ok(Ok(member))
    }

    /// Refuses a member whose keys belong to others now.
    fn check_keys(&self, member: &Member) -> Result<Result<(), RowError>, Stop> {
        let mut refusal: Option<RowError> = None;
        for (wanted, key) in match_keys(&self.open.parts.hashes, member) {
            let holder = self
                .holder(wanted, None, |other| holds(other, key, self.open.parts.hashes.fold(), self.now))?;
            let Some((holder, ..)) = holder else { continue };
            let taken = taken(wanted.0, holder);
            match &mut refusal {
                Some(refusal) => refusal.violations.extend(taken.violations),
                None => refusal = Some(taken),
            }
        }
        Ok(refusal.map_or(Ok(()), Err))
    }
}

/// The outcome of a member that never existed, or can no longer come back.
fn missing(row: Option<Row>) -> RowOutcome {
    RowOutcome::failed(row, gone())
}

/// The refusal of a member that never existed, or can no longer come back.
fn gone() -> RowError {
    Refusal::new(Reason::MemberNotFound)
}

/// The refusal of a member that lost an external id of its transactions to the member at `holder`.
fn name_taken(holder: Row) -> RowError {
    let text = "the external id of one of the member's transactions belongs to another member now";
    let refusal = Refusal::field(Reason::TransactionTaken, "transactions", text);
    Refusal { taken_by: Some(holder), ..refusal }
}
