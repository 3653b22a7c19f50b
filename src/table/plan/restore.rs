//! Members whose changes a revert takes back, in a step of its job.
//!
//! - A member changes only if it is as the plan of the job saw it. It goes back whole or stays as it is, and
//!   the outcome says why.
//! - Members that exchange their keys with each other are a group, and change in one commit. Those of them
//!   that must stay keep their keys, and the others are decided again without them.
//! - Nothing of a group is written before all of it is decided.

use std::collections::BTreeSet;

use crate::engine::Key;
use crate::model::{Member, Outcome, Reason, RecordCounts, Refusal, Row, Status};
use crate::stored::block::{Block, place};
use crate::stored::commit::Change;
use crate::stored::job::{Reversal, Undo};
use crate::stored::{member, record_key};
use crate::table::index::entries::{lookup_deltas, match_keys};
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{CHANGE_BYTES, Plan, Stop};
use crate::table::plan::blocks::FULL_BYTES;
use crate::table::plan::guard::FETCHED_MAX_BYTES;
use crate::table::plan::reversal::{Decided, Draft};
use crate::table::plan::step_request::StepOutcome;
use crate::table::read::attached::last_change;
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
        let (mut marks, mut counts) = (Vec::new(), Vec::new());
        for reversal in next {
            let Some(row) = reversal.row else { continue };
            match &reversal.does {
                Undo::Returns { .. } => marks.push(record_key::record_purge(base, row)),
                Undo::Delete(_) => counts.push(record_key::record_counts(base, row)),
                Undo::Stays(_) | Undo::Unchanged | Undo::Back { .. } | Undo::Offboard(_) => {}
            }
        }
        self.fetch_records(counts).await?;
        if !marks.is_empty() {
            self.fetch_marks(marks.into_iter()).await?;
        }
        for reversal in next {
            let (Undo::Delete(counts), Some(row)) = (&reversal.does, reversal.row) else { continue };
            if *counts != RecordCounts::default() {
                self.fetch_last_change(row).await?;
            }
        }
        let mut wanted: Vec<Wanted> = Vec::new();
        for reversal in next {
            let (Undo::Back { record, .. } | Undo::Returns { record, .. }) = &reversal.does else { continue };
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

    async fn fetch_last_change(&mut self, row: Row) -> Result<(), TableError> {
        let in_flight = self.in_flight;
        let newer = |key: &Key| in_flight.iter().rev().find_map(|layer| layer.records.get(key)).cloned();
        let last = last_change(&self.open.parts.engine, self.open.number, row, newer).await?;
        self.records_changed.extend(last.map(|last| (row, last)));
        Ok(())
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
        let stored: usize = blocks.map(Block::bytes).sum();
        let records = group.iter().map(|one| match &one.does {
            Undo::Back { record, .. } | Undo::Returns { record, .. } => record.len(),
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
        let moves = self.moves(row, before.as_ref(), after.as_ref());
        self.set_member(row, after.as_ref().map(|after| member::encode(after).into()), step);
        self.note(row, change, stored.as_deref(), &lookups, moves);
        if let Some(records) = records {
            self.return_records(row, records);
        }
        if change == Change::Deleted {
            self.doom_records(row).await?;
        }
        Ok(Reversed { outcome, before, after })
    }
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
