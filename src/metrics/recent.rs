//! What was counted in the last hour, minute by minute: the only history that a server keeps of itself.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Most samples that are kept: those of an hour, one in each minute, and the one before.
pub const SAMPLES: usize = 61;

/// What a server had counted at a moment. Counts are those since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// The moment, in microseconds since 1970.
    pub at_micros: i64,
    /// Calls that have ended.
    pub calls: u64,
    /// Those of them that did not succeed.
    pub failed: u64,
    /// Rows that were applied, whatever happened with them.
    pub rows: u64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// Connections that were open then.
    pub connections: u64,
}

/// What was counted until now, and the last samples of it. Clones share them.
#[derive(Clone)]
pub struct Recent {
    read: Arc<dyn Fn() -> Sample + Send + Sync>,
    samples: Arc<Mutex<VecDeque<Sample>>>,
}

impl Recent {
    /// Without a sample yet. `read` tells what was counted until now.
    pub fn new(read: impl Fn() -> Sample + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), samples: Arc::default() }
    }

    /// What was counted until now.
    #[must_use]
    pub fn now(&self) -> Sample {
        (self.read)()
    }

    /// Takes a sample, and forgets the oldest if there are too many.
    pub fn take(&self) {
        let sample = self.now();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// The samples, oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// Of nothing that counts.
impl Default for Recent {
    fn default() -> Self {
        Self::new(Sample::default)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("samples", &self.samples).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn only_the_last_samples_are_kept() {
        let counted = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&counted);
        let recent =
            Recent::new(move || Sample { calls: counter.load(Ordering::Relaxed), ..Sample::default() });
        let shared = recent.clone();
        for calls in 0..100 {
            counted.store(calls, Ordering::Relaxed);
            recent.take();
        }
        counted.store(500, Ordering::Relaxed);
        assert_eq!(shared.now().calls, 500);
        let kept: Vec<u64> = shared.samples().iter().map(|sample| sample.calls).collect();
        assert_eq!(kept, (39..100).collect::<Vec<_>>());
    }
}
