//! What is counted of leases at a standby. Clones share their numbers.

use crate::metrics::{Counter, Gauge};

/// See the module documentation.
#[derive(Debug, Clone, Default)]
pub struct LeaseCounts {
    /// Leases that this server has now.
    pub held: Gauge,
    /// Leases that it got.
    pub granted: Counter,
    /// Leases that it asked for and did not get, or could not open.
    pub refused: Counter,
    /// Leases that it gave back because the active server asked for them.
    pub wanted: Counter,
    /// Leases that it gave back for another reason: unused, no connection, a stop.
    pub ended: Counter,
    /// Leases that it lost: the active server took them back by itself, or a write failed for good.
    pub lost: Counter,
    /// Calls that it answered by itself.
    pub calls: Counter,
}

impl LeaseCounts {
    /// How often leases changed in each way.
    pub fn changes(&self) -> [(&'static str, u64); 5] {
        [
            ("granted", self.granted.get()),
            ("refused", self.refused.get()),
            ("wanted", self.wanted.get()),
            ("ended", self.ended.get()),
            ("lost", self.lost.get()),
        ]
    }
}
