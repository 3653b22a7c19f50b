//! What is counted of calls that are passed on. Clones share their numbers.

use std::time::Instant;

use crate::metrics::{Counter, Gauge, Histogram};

/// The bounds of the times until an answer begins, in microseconds.
const TIMES: [u64; 13] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 15_000_000,
];

/// See the module documentation.
#[derive(Debug, Clone)]
pub struct ForwardCounts {
    /// Calls that the active server answered.
    pub answered: Counter,
    /// Those of them that travelled in a bundle.
    pub bundled: Counter,
    /// Calls that were refused, because the active server was not reached in time.
    pub refused: Counter,
    /// Calls whose answer, or the rest of it, was lost.
    pub lost: Counter,
    /// How long the calls took until their answer began, and so what they waited.
    pub times: Histogram,
    /// Calls that wait for a server that is active.
    pub waiting: Gauge,
    /// Connections to the active server.
    pub connections: Gauge,
}

impl Default for ForwardCounts {
    fn default() -> Self {
        Self {
            answered: Counter::default(),
            bundled: Counter::default(),
            refused: Counter::default(),
            lost: Counter::default(),
            times: Histogram::of_times(&TIMES),
            waiting: Gauge::default(),
            connections: Gauge::default(),
        }
    }
}

impl ForwardCounts {
    /// The calls that ended in each way.
    pub fn by_outcome(&self) -> [(&'static str, u64); 3] {
        [("answered", self.answered.get()), ("refused", self.refused.get()), ("lost", self.lost.get())]
    }

    /// The answer of a call has begun.
    pub fn answer(&self, begun: Instant) {
        self.answered.inc();
        self.times.add_time(begun.elapsed());
    }
}

/// Counts one more in a gauge until it is dropped.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    /// One more.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
