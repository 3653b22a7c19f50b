//! The pace of a checkpoint: how much it writes at once, and how long it rests in between.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// If no entries wait for the next checkpoint, this one rests this many times as long as it works.
const LONGEST_REST: u32 = 6;
/// Entries of the buckets of one batch while the checkpoint rests in between: about a quarter of a megabyte,
/// because calls that wait for a sync wait for this one too.
const ENTRIES_RESTING: u64 = 10_240;
/// Entries of the buckets of one batch while it does not rest.
const ENTRIES_PRESSED: u64 = 40_960;

/// Rests between the batches of a checkpoint, until the base closes.
pub struct Pace {
    /// `None` if it never rests.
    closing: Option<watch::Receiver<bool>>,
    /// When the current piece of work began.
    since: Instant,
    /// Whether it rested after the last piece of work.
    rests: bool,
    /// Whether its writes wait for room until the working copy has caught up.
    waits_for_room: bool,
}

impl Pace {
    /// Never rests.
    pub fn hurried() -> Self {
        Self { closing: None, since: Instant::now(), rests: false, waits_for_room: false }
    }

    /// Never rests, and waits for room that the working copy still keeps: nobody repeats this checkpoint.
    pub fn last() -> Self {
        Self { waits_for_room: true, ..Self::hurried() }
    }

    /// Whether its writes wait for room until the working copy has caught up.
    pub fn waits_for_room(&self) -> bool {
        self.waits_for_room
    }

    /// Rests until `closing` is true.
    pub fn unhurried(closing: watch::Receiver<bool>) -> Self {
        Self { closing: Some(closing), since: Instant::now(), rests: true, waits_for_room: false }
    }

    /// Buckets of the next batch, if each has about so many entries.
    pub fn buckets_at_once(&self, bucket_entries: u64) -> usize {
        let entries = if self.rests { ENTRIES_RESTING } else { ENTRIES_PRESSED };
        usize::try_from(entries / bucket_entries.max(1)).unwrap_or(usize::MAX).max(2)
    }

    /// Rests after a piece of work. `waiting` entries wait for the next checkpoint, which starts at `mark`
    /// entries.
    pub async fn rest(&mut self, waiting: usize, mark: usize) {
        if let Some(closing) = &mut self.closing {
            let rest = rest_after(self.since.elapsed(), waiting, mark);
            self.rests = !rest.is_zero();
            // If the sender was dropped, the base is closing too.
            let _closing_or_rested = tokio::time::timeout(rest, closing.wait_for(|closing| *closing)).await;
        }
        self.since = Instant::now();
    }
}

/// The length of a rest: shorter with every waiting entry, and zero from half the mark on.
fn rest_after(worked: Duration, waiting: usize, mark: usize) -> Duration {
    let share = |of: usize| u32::try_from(of / 2).unwrap_or(u32::MAX);
    let (half, free) = (share(mark), share(mark.saturating_sub(waiting.saturating_mul(2))));
    worked.saturating_mul(LONGEST_REST).mul_f64(f64::from(free) / f64::from(half.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_less_the_more_is_waiting() {
        let worked = Duration::from_millis(10);
        let rests = [0, 75, 150, 299, 300, 600, usize::MAX].map(|waiting| rest_after(worked, waiting, 600));
        assert_eq!(rests.map(|rest| rest.as_micros()), [60_000, 45_000, 30_000, 200, 0, 0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_rests_as_long_as_the_base_is_open() {
        let (close, closing) = watch::channel(false);
        let mut pace = Pace::unhurried(closing);
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        pace.rest(0, 600).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(7));

        tokio::time::advance(Duration::from_secs(1)).await;
        let (rested, ()) = tokio::join!(
            async {
                pace.rest(0, 600).await;
                begun.elapsed()
            },
            async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                close.send_replace(true);
            }
        );
        assert_eq!(rested, Duration::from_secs(10));

        tokio::time::advance(Duration::from_secs(1)).await;
        pace.rest(0, 600).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(11));
    }

    #[tokio::test(start_paused = true)]
    async fn batches_are_large_when_it_does_not_rest() {
        let (_open, closing) = watch::channel(false);
        let mut pace = Pace::unhurried(closing);
        assert_eq!(pace.buckets_at_once(40), 256);
        for (waiting, buckets) in [(0, 256), (300, 1_024), (100, 256)] {
            tokio::time::advance(Duration::from_secs(1)).await;
            pace.rest(waiting, 600).await;
            assert_eq!(pace.buckets_at_once(40), buckets);
        }
        let hurried = [0, 160, u64::MAX].map(|entries| Pace::hurried().buckets_at_once(entries));
        assert_eq!(hurried, [40_960, 256, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_in_a_hurry_does_not_rest() {
        let mut pace = Pace::hurried();
        tokio::time::advance(Duration::from_secs(1)).await;
        let begun = Instant::now();
        pace.rest(0, 600).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
