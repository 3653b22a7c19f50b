//! The clock of a store, and the time of its latest write.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::Timestamp;

/// Returns the current time. It is passed in where a store is opened; the table never asks the system.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The time of the latest write that is known: a commit of any base, or a change of a token. A clock that says
/// less is behind.
///
/// Only what is stored counts. What the clock said in between does not: if it jumps ahead for a moment and
/// nothing is written meanwhile, nothing remembers that.
#[derive(Debug)]
pub struct LatestWrite(AtomicI64);

impl Default for LatestWrite {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl LatestWrite {
    /// Notes the time of a write.
    pub fn note(&self, time: Timestamp) {
        self.0.fetch_max(time.micros(), Ordering::AcqRel);
    }

    /// The later of `now` and the time of the latest write.
    pub fn or_later(&self, now: Timestamp) -> Timestamp {
        now.max(Timestamp::from_micros(self.0.load(Ordering::Acquire)))
    }
}
