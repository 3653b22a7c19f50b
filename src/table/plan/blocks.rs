//! The blocks that a batch changes, and whether they leave room for more.
//!
//! - The members of blocks are weighed only if that can make a difference. What is hidden in them does not
//!   count, and finding it takes as long as much of what is done with a block. As long as all bytes together
//!   are well below the limit, nothing is weighed; the results are the same.
//! - A block that was fetched moves into the layer, unless the plan is asked for members before it, too.

use bytes::Bytes;

use crate::model::{Row, Sight, Step};
use crate::stored::block::{Block, place};
use crate::table::plan::batch::{Need, Plan, Stop};
use crate::table::plan::weight::Weight;

/// A batch takes no more requests, and a slice of a large request ends, once the batch has this many bytes
/// that are not hidden. One row adds less than a tenth of this. A request that is decided as one and shares
/// its batch adds about as much again, so it never makes the batch larger than the engine accepts.
pub(super) const FULL_BYTES: usize = 16 * 1024 * 1024;
/// A batch of this many bytes is encoded outside the threads that serve calls.
const LARGE_BYTES: usize = 4 * 1024 * 1024;
/// From so many bytes on the members of changed blocks are weighed one by one. Before that the batch is not
/// full, whatever is hidden.
const WEIGHED_FROM_BYTES: usize = FULL_BYTES / 2;

impl Plan<'_> {
    /// Whether the batch has grown so large that it should be closed.
    pub fn is_full(&self) -> bool {
        self.seen_at_most() >= FULL_BYTES && self.weighed().seen() >= FULL_BYTES
    }

    /// Whether so many more bytes would make the batch larger than it should be.
    pub(super) fn has_no_room(&self, more: usize) -> bool {
        let is_above = |seen: usize| seen.saturating_add(more) > FULL_BYTES;
        is_above(self.seen_at_most()) && is_above(self.weighed().seen())
    }

    /// Whether encoding the batch takes more than a few milliseconds.
    pub fn is_large(&self) -> bool {
        self.weight.all().saturating_add(self.unweighed.unwrap_or_default()) >= LARGE_BYTES
    }

    fn seen_at_most(&self) -> usize {
        self.weight.seen().saturating_add(self.unweighed.unwrap_or_default())
    }

    /// The bytes that the current request counts as one commit. This is asked for after every row, so it must
    /// not weigh all blocks each time: of a sender who sees all fields all bytes count, and for others the
    /// members are weighed from the first one on.
    pub(super) fn bytes_of_one_commit(&self) -> usize {
        match self.sight {
            Sight::Whole => self.weight.all().saturating_add(self.unweighed.unwrap_or_default()),
            Sight::WithoutPii => self.weighed().of_one_commit(self.sight),
        }
    }

    /// Weighs the members of blocks from now on.
    pub(super) fn weigh(&mut self) {
        (self.weight, self.unweighed) = (self.weighed(), None);
    }

    /// The weight of all of it.
    fn weighed(&self) -> Weight {
        let mut weight = self.weight;
        if self.unweighed.is_some() {
            self.layer.blocks.values().for_each(|block| weight.add_block(block));
        }
        weight
    }

    /// Takes a block into the layer. A new block need not be read.
    pub(super) fn ensure_block(&mut self, number: u64, is_new: bool) -> Result<(), Stop> {
        if self.layer.blocks.contains_key(&number) {
            return Ok(());
        }
        let known = match self.foreseen.get(&number) {
            Some(block) => Some(block.clone()),
            // A plan beside the lane is asked for members before it, too.
            None if self.is_beside => self.fetched.get(&number).cloned(),
            // From now on the layer has it.
            None => self.fetched.remove(&number),
        };
        let block = match known {
            Some(block) => block,
            None if is_new => Block::default(),
            None => return Err(Stop::Need(Need::Block(number))),
        };
        match &mut self.unweighed {
            Some(bytes) => *bytes += block.bytes(),
            None => self.weight.add_block(&block),
        }
        self.layer.blocks.insert(number, block);
        if self.unweighed.is_some_and(|bytes| bytes >= WEIGHED_FROM_BYTES) {
            self.weigh();
        }
        Ok(())
    }

    /// Writes or removes the member at a row, which `_step` allows. The layer must have its block
    /// ([`Plan::ensure_block`]).
    pub(super) fn set_member(&mut self, row: Row, stored: Option<Bytes>, _step: Step) {
        let (number, slot) = place(row);
        let Some(block) = self.layer.blocks.get_mut(&number) else { return };
        let (old, new) = (block.get(slot), stored.as_deref());
        if let Some(bytes) = &mut self.unweighed {
            *bytes -= old.map_or(0, <[u8]>::len);
            *bytes += new.map_or(0, <[u8]>::len);
        } else {
            old.into_iter().for_each(|old| self.weight.remove_member(old));
            new.into_iter().for_each(|new| self.weight.add_member(new));
        }
        block.set(slot, stored);
    }
}
