//! What the lane does while checkpoints are slower than writes.
//!
//! An overlay that waits for a checkpoint takes memory, so it must not grow without end. A lane that stood
//! still until a checkpoint ends would hold up calls for as long as that takes, which grows with the base. So
//! **writes become slower before they have to wait**: from [`SLOWED_AT`] times the number of entries at which
//! a checkpoint starts, the lane rests for each row that it plans, the longer the more entries there are. The
//! processor and the disk are the checkpoint's meanwhile. Only at [`STOPPED_AT`] times does a write wait until
//! a checkpoint has ended.

use std::time::Duration;

use crate::table::open::OpenBase;

/// From this many times the mark on, the lane rests.
const SLOWED_AT: usize = 2;
/// From this many times the mark on, it waits for a checkpoint.
const STOPPED_AT: usize = 3;
/// The longest rest for each row. Eight batches of a thousand rows that wait one behind another then take
/// less than a second.
const LONGEST_REST: Duration = Duration::from_micros(80);
/// Shorter rests are added up: a timer counts milliseconds.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// The rest that the lane of a base still owes.
#[derive(Debug, Default)]
pub struct Debt(Duration);

impl Debt {
    /// Rests after rows were planned, if a checkpoint is behind.
    pub async fn rest_after(&mut self, rows: usize, open: &OpenBase) {
        let rest = self.after(rows, open.overlay_entries(), open.parts.checkpoint_entries);
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
    }

    /// Adds the rest for some rows while `waiting` entries wait for a checkpoint, of which one starts at
    /// `mark`. Returns how long to rest now.
    fn after(&mut self, rows: usize, waiting: usize, mark: usize) -> Duration {
        let share = |entries: usize| f64::from(u32::try_from(entries).unwrap_or(u32::MAX));
        let over = waiting.saturating_sub(mark.saturating_mul(SLOWED_AT));
        let most = mark.saturating_mul(STOPPED_AT - SLOWED_AT).max(1);
        if over == 0 {
            self.0 = Duration::ZERO;
            return Duration::ZERO;
        }
        let rest = LONGEST_REST.mul_f64((share(over) / share(most)).min(1.0));
        self.0 = self.0.saturating_add(rest.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX)));
        if self.0 < SHORTEST_REST { Duration::ZERO } else { std::mem::take(&mut self.0) }
    }
}

/// Waits for a checkpoint to end if the overlay is too large.
pub async fn wait_for_checkpoint(open: &OpenBase) {
    let is_due = || open.overlay_entries() >= open.parts.checkpoint_entries.saturating_mul(STOPPED_AT);
    if !is_due() {
        return;
    }
    let mut ended = open.checkpoints.subscribe();
    // A checkpoint may have ended before the subscription, so look again.
    if is_due() {
        open.checkpoint_due.notify_one();
        // Wait for one checkpoint only, even if it fails: waiting for a success would stop the base for as
        // long as checkpoints fail.
        drop(ended.changed().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_with_what_waits() {
        let rest = |rows, waiting| Debt::default().after(rows, waiting, 600);
        assert_eq!([0, 600, 1_200].map(|waiting| rest(1_000, waiting)), [Duration::ZERO; 3]);
        let rests = [1_350, 1_500, 1_800, usize::MAX].map(|waiting| rest(1_000, waiting).as_millis());
        assert_eq!(rests, [20, 40, 80, 80]);
        assert_eq!(Debt::default().after(1_000, 5, 0), LONGEST_REST * 1_000);
    }

    #[test]
    fn short_rests_are_added_up_until_nothing_waits() {
        let mut debt = Debt::default();
        let rests: Vec<_> = (0..26).map(|_| debt.after(1, 1_800, 600)).collect();
        let rested: Vec<_> = (0..).zip(&rests).filter(|(_, rest)| !rest.is_zero()).collect();
        let of_thirteen = LONGEST_REST * 13;
        assert_eq!(rested, [(12, &of_thirteen), (25, &of_thirteen)]);
        assert_eq!(debt.after(12, 1_800, 600), Duration::ZERO);
        assert_eq!(debt.after(1, 1_200, 600), Duration::ZERO);
        assert_eq!(debt.after(1, 1_800, 600), Duration::ZERO, "the debt of before is gone");
    }
}
