//! At which moments of their jobs servers ended, for the people who read the output of a long run.

use std::collections::BTreeMap;
use std::fmt;

use memberbase::api::grpc::v1::JobState;

use crate::harness;

/// How often servers ended while the job was in each state that its client had seen last.
#[derive(Default)]
pub struct Moments(BTreeMap<i32, u64>);

impl Moments {
    /// Notes that a server has ended while the job was in this state.
    pub fn note(&mut self, state: i32) {
        *self.0.entry(state).or_default() += 1;
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servers ended {} times", self.0.values().sum::<u64>())?;
        for (state, times) in &self.0 {
            let word = match JobState::try_from(*state) {
                Ok(JobState::Unspecified) | Err(_) => "before a job was seen",
                Ok(state) => state.as_str_name(),
            };
            write!(f, ", {times} {word}")?;
        }
        Ok(())
    }
}

/// A seed and the number of rounds for each store of a test, which has so many rounds in all.
pub fn stores(seed: u64, rounds: u64, rounds_of_store: u64) -> impl Iterator<Item = (u64, u64)> {
    let first = seed + (harness::seed() << 32);
    (0..rounds.div_ceil(rounds_of_store)).map(move |store| {
        let rounds = (rounds - store * rounds_of_store).min(rounds_of_store);
        (first + (store << 16), rounds)
    })
}
