//! What a plan that is made in slices beside the lane carries from one slice to the next.
//!
//! - Each slice is a plan on what is published at its time. It begins with what the slices before it did,
//!   which hides what others wrote meanwhile to the same members.
//! - A member takes its stored bytes and some tens of bytes more, whatever block it is in. So what is carried
//!   grows with the members that are written, and with nothing else.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::Row;
use crate::stored::block::{Block, ROWS_PER_BLOCK};
use crate::table::index::lookup::PerLookup;
use crate::table::index::overlay::Overlay;

/// What the slices so far did.
#[derive(Debug, Default)]
pub struct Carried {
    /// The members that they wrote, by their rows.
    pub(super) members: BTreeMap<u64, Bytes>,
    /// The keys that they gave to members or took from them. Empty while a slice is planned, which has them.
    pub(super) keys: PerLookup<Overlay>,
    /// The row of the next new member; `None` before the first slice.
    pub(super) next_row: Option<Row>,
}

impl Carried {
    /// Puts the members that were written into the block that was read.
    pub fn put_into(&self, number: u64, block: &mut Block) {
        let first = number.saturating_mul(ROWS_PER_BLOCK);
        for (row, member) in self.members.range(first..first.saturating_add(ROWS_PER_BLOCK)) {
            block.set(usize::try_from(row - first).unwrap_or_default(), Some(member.clone()));
        }
    }
}
