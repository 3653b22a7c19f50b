//! Changes of the attributes of many members at once.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::model::limits::{ATOMIC_MAX_BYTES, ATTRIBUTES_MAX_KEYS};
use crate::model::schema::typed;
use crate::model::{AttributePatch, GuardCounts, GuardExpectation, Held, Member, Reason, Refusal, Row};
use crate::stored::block::place;
use crate::stored::commit::Change;
use crate::stored::member;
use crate::table::TableError;
use crate::table::index::entries::lookup_deltas;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::upsert::check_size;
use crate::table::plan::weight::Weight;

/// Members whose blocks are read together.
const READ_TOGETHER: usize = 128;

/// A requested change of a member's attributes.
pub type Wish = (Row, AttributePatch);

/// The result of changes of attributes.
#[derive(Debug, Default)]
pub struct Changes {
    /// How many requested changes were decided.
    pub done: usize,
    /// How many values changed.
    pub values: u64,
    /// The refused changes, by their places.
    pub refused: Vec<(usize, Refusal)>,
}

impl Changes {
    /// Adds the result of the next changes of the same request.
    pub fn add(&mut self, next: Self) {
        let before = self.done;
        self.refused.extend(next.refused.into_iter().map(|(index, refusal)| (before + index, refusal)));
        self.done = before.saturating_add(next.done);
        self.values += next.values;
    }
}

/// A member whose attributes change.
struct Changed {
    row: Row,
    old: Member,
    before: Bytes,
    new: Member,
    stored: Vec<u8>,
    values: u64,
}

impl Plan<'_> {
    /// Changes the attributes of all these members, each listed once, or of none if one of them cannot
    /// change. Fails before it changes anything if the guard refuses it and, without reading much more, if
    /// they do not fit into one batch.
    pub async fn change_all_attributes(
        &mut self,
        wishes: &[Wish],
        expected: &GuardExpectation,
    ) -> Result<Changes, TableError> {
        let mut changes = Changes { done: wishes.len(), ..Changes::default() };
        let mut changed = Vec::new();
        let mut weight = Weight::default();
        let mut blocks = BTreeSet::new();
        for (nth, together) in wishes.chunks(READ_TOGETHER).enumerate() {
            self.work(together.len()).await;
            weight.add_all(self.read_blocks_of(together, &mut blocks).await?);
            for (index, (row, patch)) in (nth * READ_TOGETHER..).zip(together) {
                match self.with_need(*row, patch).await? {
                    Ok(change) => {
                        change.iter().for_each(|change| weight.add_member(&change.stored));
                        changed.extend(change);
                    }
                    Err(refusal) => changes.refused.push((index, refusal)),
                }
            }
            let bytes = weight.of_one_commit(self.sight);
            if bytes > ATOMIC_MAX_BYTES {
                return Err(TableError::too_large(wishes.len(), bytes));
            }
        }
        if changes.refused.is_empty() {
            let written = self.plainly();
            let wanted = changed.iter().fold(GuardCounts::default(), |sum, change| {
                sum.plus(&GuardCounts::of_write(Some(&change.old), Some(&change.new), written))
            });
            self.allow(self.guard_state().judge(&wanted, expected).map_err(TableError::Guard)?);
            for change in changed {
                self.work(1).await;
                changes.values += change.values;
                let counts = GuardCounts::of_write(Some(&change.old), Some(&change.new), written);
                self.write_attributes(change, counts).await?.map_err(TableError::Guard)?;
            }
        }
        Ok(changes)
    }

    /// Deletes attributes of members one after another, until the batch is full. The rest is left for the
    /// next batch. The guard counts every member that loses attributes. Refuses members that cannot change,
    /// and those beyond the allowance of the request, who came after it was judged.
    pub async fn change_attributes_while_room(&mut self, wishes: &[Wish]) -> Result<Changes, TableError> {
        let mut changes = Changes::default();
        for together in wishes.chunks(READ_TOGETHER) {
            self.read_blocks_of(together, &mut BTreeSet::new()).await?;
            for (row, patch) in together {
                match self.with_need(*row, patch).await? {
                    Ok(Some(change)) => {
                        let values = change.values;
                        let clears = GuardCounts { clears: 1, ..GuardCounts::default() };
                        match self.write_attributes(change, clears).await? {
                            Ok(()) => changes.values += values,
                            Err(held) => changes.refused.push((changes.done, held.of_row())),
                        }
                    }
                    Ok(None) => {}
                    Err(refusal) => changes.refused.push((changes.done, refusal)),
                }
                changes.done += 1;
                if self.is_full() {
                    return Ok(changes);
                }
            }
        }
        Ok(changes)
    }

    /// Fetches the blocks of members that are not in `known`, and returns their weight.
    async fn read_blocks_of(
        &mut self,
        wishes: &[Wish],
        known: &mut BTreeSet<u64>,
    ) -> Result<Weight, TableError> {
        let blocks: BTreeSet<u64> = wishes.iter().map(|(row, _)| place(*row).0).collect();
        let fresh: Vec<u64> = blocks.difference(known).copied().collect();
        let missing: Vec<u64> =
            fresh.iter().filter(|number| !self.layer.blocks.contains_key(number)).copied().collect();
        self.fetch_blocks(&missing).await?;
        known.extend(&fresh);
        let mut weight = Weight::default();
        fresh.iter().filter_map(|number| self.block(*number)).for_each(|block| weight.add_block(block));
        Ok(weight)
    }

    async fn with_need(
        &mut self,
        row: Row,
        patch: &AttributePatch,
    ) -> Result<Result<Option<Changed>, Refusal>, TableError> {
        loop {
            match self.try_attributes(row, patch) {
                Ok(decided) => return Ok(decided),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// The member after the patch; `None` if the patch changes nothing.
    fn try_attributes(
        &self,
        row: Row,
        patch: &AttributePatch,
    ) -> Result<Result<Option<Changed>, Refusal>, Stop> {
        let Some((old, before)) = self.member(row)? else {
            return Ok(Err(Refusal::new(Reason::MemberNotFound)));
        };
        let wanted = old.attributes.patched(patch, patch.replace_all);
        let attributes = match typed(self.layer.header.schema.as_deref(), &old.attributes, wanted) {
            Ok(attributes) => attributes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let values = old.attributes.differences(&attributes);
        if values == 0 {
            return Ok(Ok(None));
        }
        if attributes.len() > ATTRIBUTES_MAX_KEYS {
            let description =
                format!("must have at most {ATTRIBUTES_MAX_KEYS} keys, not {}", attributes.len());
            return Ok(Err(Refusal::field(Reason::AttributeInvalid, "attributes", description)));
        }
        let revision = self.layer.header.revision + 1;
        let new = Member { attributes, updated_at: self.now, revision, ..old.clone() };
        let stored = member::encode(&new);
        let checked = check_size(&stored, self.sight);
        Ok(checked.map(|()| Some(Changed { row, old, before, new, stored, values })))
    }

    /// Writes a change that the guard counts as this much.
    async fn write_attributes(
        &mut self,
        change: Changed,
        counts: GuardCounts,
    ) -> Result<Result<(), Held>, TableError> {
        let number = place(change.row).0;
        loop {
            match self.ensure_block(number, false) {
                Ok(()) => break,
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        let lookups = lookup_deltas(&self.open.parts.hashes, Some(&change.old), Some(&change.new), 0);
        let moves = self.moves(change.row, Some(&change.old), Some(&change.new));
        let step = match self.step_as(&counts, Some(&change.old), Some(&change.new)) {
            Ok(step) => step,
            Err(held) => return Ok(Err(held)),
        };
        self.set_member(change.row, Some(change.stored.into()), step);
        self.note(change.row, Change::Updated, Some(&change.before), &lookups, moves);
        Ok(Ok(()))
    }
}
