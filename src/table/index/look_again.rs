//! Reading again what the sets say is there.
//!
//! **A member that the sets have is in its block.** Engine and sets change in one step under the view lock.
//! Yet readers were seen, very rarely and for a moment just after a write, to miss a member that both before
//! and after was there. A write that misses a block would begin a new one in its place, and lose its members.
//! So who misses a member that the sets have reads again, and says so in the log.

use std::time::Duration;

use crate::model::{BaseNumber, Row};

/// How long to wait before each further look.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(2), Duration::from_millis(20)];

/// The further looks of one read.
#[derive(Debug, Default)]
pub struct LookAgain(usize);

impl LookAgain {
    /// Waits before a further look for the member at `row`. Returns whether to look; not any more after the
    /// last look. Then the sets are damaged, and what was read counts.
    pub async fn wait(&mut self, base: BaseNumber, row: Row) -> bool {
        let Some(pause) = PAUSES.get(self.0) else {
            tracing::error!(base = base.0, row = row.0, "a set has a row without a member; check the store");
            return false;
        };
        self.0 += 1;
        tracing::warn!(base = base.0, row = row.0, look = self.0, "a member was not found; looking again");
        tokio::time::sleep(*pause).await;
        true
    }
}
