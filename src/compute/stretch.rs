//! Long work in pieces, between which others get their turn.
//!
//! A task of the runtime that computes for long keeps whatever else its thread would serve from moving. So work is counted as
//! it is done, and after so much of it the task goes to the end of the queue.

/// Steps after which others get their turn. A step is a bitmap, a key or a condition, and takes about a microsecond.
const STEPS: usize = 1_024;

/// What was done since others last had their turn.
#[derive(Debug, Default)]
pub struct Stretch {
    steps: usize,
}

impl Stretch {
    /// Notes work of about this many steps that comes next, and lets others go first if much was done.
    pub async fn work(&mut self, steps: usize) {
        self.steps = self.steps.saturating_add(steps);
        if self.steps >= STEPS {
            self.steps = 0;
            tokio::task::yield_now().await;
        }
    }
}
