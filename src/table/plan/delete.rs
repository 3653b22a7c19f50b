//! Deleting members. Their records cannot be reached from this commit on, because no other member ever gets
//! the row. Until the purge, members can come back to their rows (`undelete`).

use bytes::Bytes;

use crate::model::{MatchKey, Member, RecordCounts, Ref, Row};
use crate::stored::block::place;
use crate::stored::commit::Change;
use crate::table::TableError;
use crate::table::index::entries::lookup_deltas;
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::read::view::holds;

/// Members that are looked up together.
pub(super) const LOOKED_UP_TOGETHER: usize = 128;

/// A member to delete.
#[derive(Debug, Clone)]
pub enum Doomed {
    /// By its place.
    Row(Row),
    /// By its ref.
    Ref(Ref),
}

/// The result of deleting members.
#[derive(Debug, Default)]
pub struct Gone {
    /// How many were looked up.
    pub done: usize,
    /// How many of these existed and were deleted.
    pub members: u64,
    /// The records that were deleted with them.
    pub records: RecordCounts,
}

impl Gone {
    /// Adds the result of the next members of the same request.
    pub fn add(&mut self, next: &Self) {
        self.done = self.done.saturating_add(next.done);
        self.members += next.members;
        self.records.add(next.records);
    }
}

impl Plan<'_> {
    /// Deletes members until the batch is full. The rest is left for the next batch. Members beyond the
    /// allowance of the request, who came after it was judged, stay.
    pub async fn delete_while_room(&mut self, doomed: &[Doomed]) -> Result<Gone, TableError> {
        let mut gone = Gone::default();
        for together in doomed.chunks(LOOKED_UP_TOGETHER) {
            self.prefetch_doomed(together).await?;
            for doomed in together {
                if let Some(records) = self.delete(doomed).await? {
                    gone.members += 1;
                    gone.records.add(records);
                }
                gone.done += 1;
                if self.is_full() {
                    return Ok(gone);
                }
            }
        }
        Ok(gone)
    }

    /// Fetches, in three reads, what deleting `doomed` needs.
    pub(super) async fn prefetch_doomed(&mut self, doomed: &[Doomed]) -> Result<(), TableError> {
        let rows = self.prefetch_members(doomed).await?;
        self.prefetch_counts(rows.into_iter()).await
    }

    /// Fetches, in two reads, what finding `doomed` needs, and returns the rows that may be theirs.
    pub(super) async fn prefetch_members(&mut self, doomed: &[Doomed]) -> Result<Vec<Row>, TableError> {
        let wanted: Vec<Wanted> = doomed.iter().filter_map(|doomed| self.wanted(doomed)).collect();
        self.fetch_hashes(&wanted).await?;
        let mut rows: Vec<Row> = Vec::new();
        for doomed in doomed {
            match doomed {
                Doomed::Row(row) => rows.push(*row),
                Doomed::Ref(_) => {
                    let known = self.wanted(doomed).and_then(|wanted| self.resolved.get(&wanted));
                    rows.extend(known.into_iter().flatten().map(|(row, _)| Row(*row)));
                }
            }
        }
        let mut blocks: Vec<u64> = rows.iter().map(|row| place(*row).0).collect();
        blocks.sort_unstable();
        blocks.dedup();
        self.fetch_blocks(&blocks).await?;
        Ok(rows)
    }

    /// Deletes one member with its records, and returns their counts; `None` if there was no such member.
    pub(super) async fn delete(&mut self, doomed: &Doomed) -> Result<Option<RecordCounts>, TableError> {
        loop {
            match self.try_delete(doomed) {
                Ok(Some(row)) => return self.doom_records(row).await.map(Some),
                Ok(None) => return Ok(None),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_delete(&mut self, doomed: &Doomed) -> Result<Option<Row>, Stop> {
        let Some((row, member, stored)) = self.find_doomed(doomed)? else { return Ok(None) };
        let (number, _) = place(row);
        self.ensure_block(number, false)?;
        let Ok(step) = self.step(Some(&member), None, self.plainly()) else { return Ok(None) };
        let lookups = lookup_deltas(&self.open.parts.hashes, Some(&member), None, 0);
        let moves = self.moves(row, Some(&member), None);
        self.set_member(row, None, step);
        self.note(row, Change::Deleted, Some(&stored), &lookups, moves);
        Ok(Some(row))
    }

    /// The member to delete, in the current state.
    pub(super) fn find_doomed(&self, doomed: &Doomed) -> Result<Option<(Row, Member, Bytes)>, Stop> {
        match doomed {
            Doomed::Row(row) => Ok(self.member(*row)?.map(|(member, stored)| (*row, member, stored))),
            Doomed::Ref(value) => match self.wanted(doomed) {
                Some(wanted) => self.holder(wanted, None, |member| {
                    holds(member, MatchKey::Ref(value), self.open.parts.hashes.fold(), self.now)
                }),
                None => Ok(None),
            },
        }
    }

    fn wanted(&self, doomed: &Doomed) -> Option<Wanted> {
        match doomed {
            Doomed::Row(_) => None,
            Doomed::Ref(value) => Some(self.open.parts.hashes.match_key(MatchKey::Ref(value))),
        }
    }
}
