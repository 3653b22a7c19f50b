//! What evaluating filters takes, counted as it is done.
//!
//! Effort is counted in steps of about a nanosecond, and **depends on nothing but the filter and the records**: neither on the
//! machine nor on what else it does. So a limit on it cuts lists at the same places wherever they are made.
//!
//! Whoever goes away [tells](Stop) the evaluation so, from whatever thread. It looks at that before each condition and every few
//! hundred bytes of a text, and says no to everything from then on; nobody is there to read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regex_automata::hybrid::dfa::Cache;

/// What a condition takes besides the texts that a regular expression reads.
const CONDITION: u64 = 100;

/// What was done so far, and what is kept between one record and the next.
#[derive(Debug, Default)]
pub struct Effort {
    steps: u64,
    stop: Stop,
    /// The states that each regular expression has been in, by its place in the filter. Others that evaluate the same filter have
    /// their own.
    pub(super) caches: Vec<Option<Cache>>,
}

/// Tells an evaluation to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody waits any more.
    pub fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Effort {
    /// Nothing so far, until it is told to stop.
    pub fn until(stop: Stop) -> Self {
        Self { stop, ..Self::default() }
    }

    /// Counts steps.
    pub fn add(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
    }

    /// The steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the evaluation was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_told()
    }

    /// Counts a condition, and says whether it is still to be looked at.
    pub(super) fn begin_condition(&mut self) -> bool {
        self.add(CONDITION);
        !self.is_stopped()
    }
}
