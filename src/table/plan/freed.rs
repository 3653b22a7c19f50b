//! The keys that the rows of a list free: their holders get another value for them, or none.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::model::Row;
use crate::table::index::lookup::Candidates;

/// Freed keys: the hash of each in its lookup, and the row of the member that had it. Hashes of different
/// lookups differ, so the lookup need not be known.
#[derive(Debug, Default)]
pub struct Freed(HashSet<(u64, u64), RandomState>);

impl Freed {
    /// Adds keys.
    pub fn extend(&mut self, keys: impl Iterator<Item = (u64, Row)>) {
        self.0.extend(keys.map(|(hash, row)| (hash, row.0)));
    }

    /// Removes from the rows that may have a value those that no longer have it.
    pub fn withhold(&self, hash: u64, rows: &mut Candidates) {
        if !self.0.is_empty() {
            rows.retain(|(row, _)| !self.0.contains(&(hash, *row)));
        }
    }
}
