//! Members whose changes a revert takes back, in a step of its job.
//!
//! - A member changes only if it is as the plan of the job saw it. It goes back whole or stays as it is, and the
//!   outcome says why.
//! - Members that exchange their keys with each other are a group, and change in one commit. Those of them
//!   that must stay keep their keys, and the others are decided again without them.
//! - Nothing of a group is written before all of it is decided.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use crate::model::{
    Allowance, GuardCounts, Member, Outcome, Reason, RecordCounts, Refusal, Row, RowError, Status,
};
use crate::stored::block::place;
use crate::stored::commit::Change;
use crate::stored::job::{Reversal, Undo};
use crate::stored::member_record::decode_counts;
use crate::stored::{member, record_key};
use crate::table::index::entries::{lookup_deltas, match_keys};
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{CHANGE_BYTES, FULL_BYTES, Plan, Stop};
use crate::table::plan::guard::FETCHED_MAX_BYTES;
use crate::table::plan::step_request::StepOutcome;
use crate::table::plan::undelete::Returning;
use crate::table::plan::upsert::taken;
use crate::table::read::view::holds;
use crate::table::{RowOutcome, TableError};

/// Members whose keys and blocks are read together, rounded up to whole groups.
const READ_TOGETHER: usize = 128;

/// What happened with one member.
#[derive(Debug)]
pub struct Reversed {
    /// The outcome.
    pub outcome: StepOutcome,
    /// The member before, if it was changed.
    pub before: Option<Member>,
    /// The member after, if it was changed and is not deleted.
    pub after: Option<Member>,
}

/// What is decided about one member.
enum Decided {
    /// It changes.
    Changes(Box<Draft>),
    /// It is as it was already.
    Unchanged(Row),
    /// It stays.
    Stays(Option<Row>, RowError),
}

/// A change of a member that is not written yet.
struct Draft {
    row: Row,
    before: Option<(Member, Bytes)>,
    after: Option<Member>,
    /// The records that come back with the member.
    records: Option<Returning>,
    outcome: StepOutcome,
}

impl Plan<'_> {
    /// Changes members back until the batch is full. There may be fewer outcomes than there is to do, but
    /// only whole groups.
    pub(super) async fn reverse_while_room(
        &mut self,
        reversals: &[Reversal],
    ) -> Result<Vec<StepOutcome>, TableError> {
        let reversed = self.reverse(reversals).await?;
        Ok(reversed.into_iter().map(|reversed| reversed.outcome).collect())
    }

    /// The same, with the members before and after.
    pub async fn reverse(&mut self, reversals: &[Reversal]) -> Result<Vec<Reversed>, TableError> {
        let mut outcomes: Vec<Reversed> = Vec::with_capacity(reversals.len());
        let mut read = 0;
        while let Some(group) = group_at(reversals, outcomes.len()) {
            if outcomes.len() >= read {
                read = outcomes.len() + self.prefetch_reversals(reversals, outcomes.len()).await?;
            }
            let bytes = self.bytes_of_group(group);
            if !outcomes.is_empty() && self.has_no_room(bytes) {
                break;
            }
            self.work(group.len()).await;
            if group.len() > 1 && bytes > FULL_BYTES {
                outcomes.extend(group.iter().map(entangled));
            } else {
                outcomes.extend(self.reverse_group(group).await?);
            }
            if self.is_full() {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Fetches, in a few reads, what the next members need, and returns how many these are.
    async fn prefetch_reversals(&mut self, all: &[Reversal], from: usize) -> Result<usize, TableError> {
        let mut together = 0;
        while together < READ_TOGETHER
            && let Some(group) = group_at(all, from + together)
        {
            together += group.len();
        }
        let next = all.get(from..from + together).unwrap_or_default();
        if self.fetched_bytes > FETCHED_MAX_BYTES {
            self.forget_fetched();
        }
        self.fetch_blocks_of(next.iter().filter_map(|reversal| reversal.row)).await?;
        let base = self.open.number;
        let keys = next.iter().filter_map(|reversal| match (&reversal.does, reversal.row?) {
            (Undo::Returns { .. }, row) => Some(record_key::record_purge(base, row)),
            (Undo::Delete(_), row) => Some(record_key::record_counts(base, row)),
            (Undo::Stays(_) | Undo::Unchanged | Undo::Back(_) | Undo::Offboard(_), _) => None,
        });
        self.fetch_records(keys).await?;
        let mut wanted: Vec<Wanted> = Vec::new();
        for reversal in next {
            let (Undo::Back(record) | Undo::Returns { record, .. }) = &reversal.does else { continue };
            let present = match reversal.row.map(|row| self.member(row)) {
                Some(Ok(found)) => found.map(|(member, _)| member),
                Some(Err(_)) | None => None,
            };
            wanted.extend(self.new_keys(&member::decode(record)?, present.as_ref()));
        }
        self.fetch_hashes(&wanted).await?;
        let holders: Vec<Row> =
            wanted.iter().flat_map(|wanted| self.known(*wanted)).map(|(row, _)| Row(*row)).collect();
        self.fetch_blocks_of(holders.into_iter()).await?;
        Ok(together)
    }

    async fn fetch_blocks_of(&mut self, rows: impl Iterator<Item = Row>) -> Result<(), TableError> {
        let numbers: BTreeSet<u64> = rows.map(|row| place(row).0).collect();
        let missing: Vec<u64> = numbers.into_iter().filter(|number| self.block(*number).is_none()).collect();
        self.fetch_blocks(&missing).await
    }

    /// The keys that a member has and `present` does not hold.
    fn new_keys(&self, member: &Member, present: Option<&Member>) -> Vec<Wanted> {
        let fold = self.open.parts.hashes.fold();
        let keys = match_keys(&self.open.parts.hashes, member).into_iter();
        let is_new = |key| present.is_none_or(|present| !holds(present, key, fold, self.now));
        keys.filter(|(_, key)| is_new(*key)).map(|(wanted, _)| wanted).collect()
    }

    /// About how many bytes a group adds to the batch.
    fn bytes_of_group(&self, group: &[Reversal]) -> usize {
        let blocks: BTreeSet<u64> = group.iter().filter_map(|one| Some(place(one.row?).0)).collect();
        let blocks = blocks.into_iter().filter_map(|number| self.block(number));
        let stored: usize = blocks.flat_map(|block| block.slots.iter().flatten()).map(Bytes::len).sum();
        let records = group.iter().map(|one| match &one.does {
            Undo::Back(record) | Undo::Returns { record, .. } => record.len(),
            Undo::Stays(_) | Undo::Unchanged | Undo::Delete(_) | Undo::Offboard(_) => 0,
        });
        // The members as they were are in the commit too.
        2 * stored + records.sum::<usize>() + group.len() * CHANGE_BYTES
    }

    async fn reverse_group(&mut self, group: &[Reversal]) -> Result<Vec<Reversed>, TableError> {
        let decided = loop {
            match self.decide_group(group) {
                Ok(decided) => break decided,
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        };
        let mut outcomes = Vec::with_capacity(decided.len());
        for decided in decided {
            outcomes.push(match decided {
                Decided::Unchanged(row) => done(RowOutcome::ok(row, Outcome::Unchanged)),
                Decided::Stays(row, why) => done(RowOutcome::failed(row, why)),
                Decided::Changes(draft) => self.write_draft(*draft).await?,
            });
        }
        Ok(outcomes)
    }

    /// Decides about all members of a group. Nothing is changed.
    fn decide_group(&self, group: &[Reversal]) -> Result<Vec<Decided>, Stop> {
        let mut decided = group.iter().map(|one| self.draft(one)).collect::<Result<Vec<_>, _>>()?;
        let places: HashMap<Row, usize> = group.iter().enumerate().filter_map(|(n, one)| Some((one.row?, n))).collect();
        // Whoever must stay keeps its keys, so the others are decided again.
        loop {
            let mut given: HashMap<Wanted, Row> = HashMap::new();
            let mut allowance = self.allowance;
            let mut stays: Option<(usize, Row, RowError)> = None;
            for (n, one) in decided.iter().enumerate() {
                let Decided::Changes(draft) = one else { continue };
                let refused = match self.keys_taken(draft, &decided, &places, &given)? {
                    Some(refused) => Some(refused),
                    None => self.held(draft, &mut allowance),
                };
                if let Some(refused) = refused {
                    stays = Some((n, draft.row, refused));
                    break;
                }
                if let Some(after) = &draft.after {
                    given.extend(match_keys(&self.open.parts.hashes, after).into_iter().map(|(wanted, _)| (wanted, draft.row)));
                }
            }
            let Some((n, row, refused)) = stays else { break };
            if let Some(one) = decided.get_mut(n) {
                *one = Decided::Stays(Some(row), refused);
            }
        }
        // Writing never stops in the middle for something that was not fetched.
        for one in &decided {
            if let Decided::Changes(draft) = one {
                drop(self.member(draft.row)?);
            }
        }
        Ok(decided)
    }

    /// What happens with a member, keys and guard aside.
    fn draft(&self, reversal: &Reversal) -> Result<Decided, Stop> {
        let Some(row) = reversal.row else { return Ok(Decided::Stays(None, not_reverted())) };
        match &reversal.does {
            Undo::Stays(why) => return Ok(Decided::Stays(Some(row), why.clone())),
            Undo::Unchanged => return Ok(Decided::Unchanged(row)),
            Undo::Back(_) | Undo::Returns { .. } | Undo::Delete(_) | Undo::Offboard(_) => {}
        }
        let before = self.member(row)?;
        if before.as_ref().map_or(0, |(member, _)| member.revision) != reversal.seen {
            return Ok(Decided::Stays(Some(row), changed_since()));
        }
        let draft = match (&reversal.does, before) {
            (Undo::Back(record), Some(before)) => self.going_back(row, record, before)?,
            (Undo::Returns { deleted_at, record }, None) => {
                match self.records_to_return(row, *deleted_at)? {
                    Ok(records) => self.restored(record, None)?.map(|after| {
                        let outcome = StepOutcome::Row(RowOutcome::ok(row, Outcome::Created));
                        Draft { row, before: None, after: Some(after), records: Some(records), outcome }
                    }),
                    Err(why) if why.reason == Reason::MemberNotFound => Err(too_late()),
                    Err(why) => Err(why),
                }
            }
            (Undo::Delete(counts), Some(before)) => self.going(row, counts, before)?,
            (Undo::Offboard(_), Some(before)) => {
                let after = Member { status: Status::Inactive, ..before.0.clone() };
                let (after, records) = (Some(self.written_now(after)), None);
                Ok(Draft { row, before: Some(before), after, records, outcome: StepOutcome::Removed })
            }
            _ => Err(changed_since()),
        };
        Ok(match draft {
            Ok(draft) if draft.is_no_change() => Decided::Unchanged(row),
            Ok(draft) => Decided::Changes(Box::new(draft)),
            Err(why) => Decided::Stays(Some(row), why),
        })
    }

    fn going_back(
        &self,
        row: Row,
        record: &[u8],
        before: (Member, Bytes),
    ) -> Result<Result<Draft, RowError>, Stop> {
        let comes_back = before.0.status == Status::Inactive;
        Ok(self.restored(record, Some(&before.0))?.map(|after| {
            let is_reactivated = comes_back && after.status != Status::Inactive;
            let outcome = if is_reactivated { Outcome::Reactivated } else { Outcome::Updated };
            let outcome = StepOutcome::Row(RowOutcome::ok(row, outcome));
            Draft { row, before: Some(before), after: Some(after), records: None, outcome }
        }))
    }

    /// A member that is deleted, unless it has other records than planned.
    fn going(
        &self,
        row: Row,
        planned: &RecordCounts,
        before: (Member, Bytes),
    ) -> Result<Result<Draft, RowError>, Stop> {
        let counts = self.record_value(&record_key::record_counts(self.open.number, row));
        let counts = counts.map(|bytes| decode_counts(&bytes)).transpose()?.unwrap_or_default();
        if counts != *planned {
            return Ok(Err(Refusal::new(Reason::RecordsAttached)));
        }
        let outcome = StepOutcome::Deleted(counts);
        Ok(Ok(Draft { row, before: Some(before), after: None, records: None, outcome }))
    }

    /// The member as it is when it is written now.
    fn written_now(&self, mut member: Member) -> Member {
        member.drop_aliases(self.now);
        member.updated_at = self.now;
        member.revision = self.layer.header.revision + 1;
        member
    }

    /// The refusal of keys that belong to others: outside of the group, or in it to members that keep them or
    /// get them before.
    fn keys_taken(
        &self,
        draft: &Draft,
        group: &[Decided],
        places: &HashMap<Row, usize>,
        given: &HashMap<Wanted, Row>,
    ) -> Result<Option<RowError>, Stop> {
        let Some(after) = &draft.after else { return Ok(None) };
        let fold = self.open.parts.hashes.fold();
        let mut refusal: Option<RowError> = None;
        for (wanted, key) in match_keys(&self.open.parts.hashes, after) {
            if draft.before.as_ref().is_some_and(|(before, _)| holds(before, key, fold, self.now)) {
                continue;
            }
            let keeps = |holder: Row| match places.get(&holder).and_then(|place| group.get(*place)) {
                Some(Decided::Changes(other)) => {
                    other.after.as_ref().is_some_and(|after| holds(after, key, fold, self.now))
                }
                Some(Decided::Unchanged(_) | Decided::Stays(..)) | None => true,
            };
            let holder = self.holder(wanted, Some(draft.row), |other| holds(other, key, fold, self.now))?;
            let holder = holder.map(|(holder, ..)| holder).filter(|holder| keeps(*holder));
            let Some(holder) = holder.or_else(|| given.get(&wanted).copied()) else { continue };
            let taken = taken(wanted.0, holder);
            match &mut refusal {
                Some(refusal) => refusal.violations.extend(taken.violations),
                None => refusal = Some(taken),
            }
        }
        Ok(refusal)
    }

    /// The refusal of a change that the guard has not allowed the job.
    fn held(&self, draft: &Draft, allowance: &mut Allowance) -> Option<RowError> {
        let before = draft.before.as_ref().map(|(member, _)| member);
        let counts = GuardCounts::of_write(before, draft.after.as_ref(), self.plainly());
        allowance.step(&counts).err().map(|held| held.of_row())
    }

    async fn write_draft(&mut self, draft: Draft) -> Result<Reversed, TableError> {
        let Draft { row, before, after, records, outcome } = draft;
        loop {
            match self.ensure_block(place(row).0, false) {
                Ok(()) => break,
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        let (before, stored) = before.unzip();
        let step = match self.step(before.as_ref(), after.as_ref(), self.plainly()) {
            Ok(step) => step,
            Err(held) => return Ok(done(RowOutcome::failed(Some(row), held.of_row()))),
        };
        let change = match (&before, &after) {
            (_, None) => Change::Deleted,
            (None, Some(_)) => Change::Created,
            (Some(before), Some(after)) => {
                let comes_back = before.status == Status::Inactive && after.status != Status::Inactive;
                if comes_back { Change::Reactivated } else { Change::Updated }
            }
        };
        let lookups = lookup_deltas(&self.open.parts.hashes, before.as_ref(), after.as_ref(), 0);
        let sets = self.set_changes(row, before.as_ref(), after.as_ref());
        self.set_member(row, after.as_ref().map(member::encode), step);
        self.note(row, change, stored.as_deref(), &lookups, sets);
        if let Some(records) = records {
            self.return_records(row, records);
        }
        if change == Change::Deleted {
            self.doom_records(row).await?;
        }
        Ok(Reversed { outcome, before, after })
    }
}

impl Draft {
    /// Whether the member would be the same afterwards.
    fn is_no_change(&self) -> bool {
        let (Some((before, _)), Some(after)) = (&self.before, &self.after) else { return false };
        is_same(before, after)
    }
}

/// Whether two states of a member differ only in the time and revision of the last change.
pub fn is_same(one: &Member, other: &Member) -> bool {
    one.profile == other.profile
        && one.attributes == other.attributes
        && one.aliases == other.aliases
        && one.status == other.status
}

/// The group that begins at this place; `None` at the end.
fn group_at(reversals: &[Reversal], from: usize) -> Option<&[Reversal]> {
    let rest = reversals.get(from..).filter(|rest| !rest.is_empty())?;
    let others = rest.iter().take_while(|reversal| reversal.with_next).count();
    Some(rest.get(..=others).unwrap_or(rest))
}

fn done(outcome: RowOutcome) -> Reversed {
    Reversed { outcome: StepOutcome::Row(outcome), before: None, after: None }
}

fn entangled(reversal: &Reversal) -> Reversed {
    done(RowOutcome::failed(reversal.row, Refusal::new(Reason::KeysEntangled)))
}

/// The refusal of a member that somebody else has changed.
pub fn changed_since() -> RowError {
    Refusal::new(Reason::ChangedSince)
}

/// The refusal of a change of the memberbase itself.
fn not_reverted() -> RowError {
    Refusal::new(Reason::NotReverted)
}

/// The refusal of a member that was deleted too long ago.
fn too_late() -> RowError {
    Refusal::field(Reason::MemberNotFound, "", "was deleted too long ago to come back")
}
