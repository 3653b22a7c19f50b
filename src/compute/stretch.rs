//! Lets other tasks of a thread go first during long work.
//!
//! A task that computes for long delays all other tasks of its thread. So it counts its steps, and after
//! every [`STEPS`] of them it goes to the end of the queue.

/// The steps after which others get their turn. A step is a bitmap, a key or a condition, and takes about a
/// microsecond.
const STEPS: usize = 1_024;

/// The work done since others last had their turn.
#[derive(Debug, Default)]
pub struct Stretch {
    steps: usize,
}

impl Stretch {
    /// Counts about this many steps, which come next. If that makes enough of them, lets others go first.
    pub async fn work(&mut self, steps: usize) {
        self.steps = self.steps.saturating_add(steps);
        if self.steps >= STEPS {
            self.steps = 0;
            tokio::task::yield_now().await;
        }
    }
}
