//! Slices of a plan that is made beside the lane, each on top of those before it.

use std::mem::take;

use crate::model::Row;
use crate::stored::block::ROWS_PER_BLOCK;
use crate::table::plan::batch::Plan;
use crate::table::plan::carried::Carried;

impl Plan<'_> {
    /// Begins a slice on top of those before it. Call it before anything is fetched.
    pub fn carry_on(&mut self, mut carried: Carried) {
        self.layer.overlays = take(&mut carried.keys);
        if let Some(Row(next)) = carried.next_row {
            self.layer.header.next_row = next;
        }
        self.carried = carried;
    }

    /// Ends a slice. No member may have been deleted in it.
    pub fn carry_off(mut self) -> Carried {
        let mut carried = take(&mut self.carried);
        for (number, block) in &self.layer.blocks {
            let first = number.saturating_mul(ROWS_PER_BLOCK);
            for (row, slot) in (first..).zip(0..16) {
                if let Some(member) = block.shared(slot).filter(|_| block.is_changed(slot)) {
                    carried.members.insert(row, member);
                }
            }
        }
        carried.keys = take(&mut self.layer.overlays);
        carried.next_row = Some(Row(self.layer.header.next_row));
        carried
    }
}
