//! The effort of evaluating filters, counted during the evaluation.
//!
//! Effort is counted in steps of about a nanosecond, and **depends only on the filter and the members**, not
//! on the machine or its load. So a limit on the effort cuts lists at the same places on every machine.
//!
//! A caller that no longer waits [stops](Stop) the evaluation from any thread. The evaluation checks this
//! before each condition and every few hundred bytes of a text. From then on nothing matches; no one reads
//! the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regex_automata::hybrid::dfa::Cache;

/// The steps of a condition, apart from the texts that a regular expression reads.
pub(super) const CONDITION: u64 = 100;

/// The effort so far, and the state that is reused from one member to the next.
#[derive(Debug, Default)]
pub struct Effort {
    steps: u64,
    stop: Stop,
    /// The automaton states that each regular expression has made, by its place in the filter. Concurrent
    /// evaluations of the same filter have their own.
    pub(super) caches: Vec<Option<Cache>>,
}

/// A flag that stops an evaluation.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Stops the evaluation, because no one waits for its result any more.
    pub fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the evaluation must stop.
    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Effort {
    /// No effort yet, for an evaluation that `stop` stops.
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

    /// Counts a condition, and returns whether to evaluate it.
    pub(super) fn begin_condition(&mut self) -> bool {
        self.add(CONDITION);
        !self.is_stopped()
    }
}
