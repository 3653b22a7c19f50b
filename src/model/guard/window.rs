//! What the guard counted recently.

use crate::model::guard::counts::GuardCounts;
use crate::model::guard::slots::TierSlot;
use crate::model::value::time::Timestamp;

/// An hour, in microseconds.
const HOUR: i64 = 60 * 60 * 1_000_000;
/// How many hours count besides the current one.
const WINDOW: u64 = 24;
/// The most hours that are stored: the current one, and those of the window before it.
pub const WINDOW_HOURS_MAX: usize = 25;

/// What was counted in each of the last hours. A member counts as often as it was changed, even if it was
/// changed back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardWindow(Vec<(u64, GuardCounts)>);

impl GuardWindow {
    /// Counts changes at `now`, and drops hours that no longer count.
    pub fn add(&mut self, now: Timestamp, counts: &GuardCounts) {
        let hour = hour_of(now).max(self.0.last().map_or(0, |(hour, _)| *hour));
        self.0.retain(|(of, _)| of.saturating_add(WINDOW) >= hour);
        match self.0.last_mut() {
            Some((of, before)) if *of == hour => *before = before.plus(counts),
            _ => self.0.push((hour, *counts)),
        }
    }

    /// Forgets what was counted for the tiers with limits at these places.
    pub fn forget_tiers(&mut self, slots: &[TierSlot]) {
        for (_, counts) in &mut self.0 {
            slots.iter().for_each(|slot| counts.of_tiers.set(*slot, 0));
        }
    }

    /// What was counted within the 24 hours before `now`, to the hour.
    #[must_use]
    pub fn within(&self, now: Timestamp) -> GuardCounts {
        let hour = hour_of(now);
        let lately = self.0.iter().filter(|(of, _)| of.saturating_add(WINDOW) >= hour);
        lately.fold(GuardCounts::default(), |sum, (_, counts)| sum.plus(counts))
    }

    /// The hours since 1970 with what was counted in each, in ascending order.
    pub fn hours(&self) -> impl ExactSizeIterator<Item = &(u64, GuardCounts)> {
        self.0.iter()
    }

    /// The window that returned these [`GuardWindow::hours`]; `None` if there are too many, or if they are
    /// out of order.
    #[must_use]
    pub fn from_hours(hours: Vec<(u64, GuardCounts)>) -> Option<Self> {
        let in_order = hours.iter().zip(hours.iter().skip(1)).all(|((a, _), (b, _))| a < b);
        (in_order && hours.len() <= WINDOW_HOURS_MAX).then_some(Self(hours))
    }
}

/// The hour of a time, since 1970; earlier times count as hour 0.
fn hour_of(time: Timestamp) -> u64 {
    u64::try_from(time.micros().div_euclid(HOUR)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * HOUR + 5)
    }

    fn counts(removals: u64, tiers: u64) -> GuardCounts {
        GuardCounts { removals, tiers, ..GuardCounts::default() }
    }

    proptest! {
        #[test]
        fn the_window_counts_its_changes_and_never_holds_too_many_hours(
            steps in proptest::collection::vec((0_i64..30, 1_u64..100, 0_u64..100), 0..80),
        ) {
            let (mut window, mut hour, mut all) = (GuardWindow::default(), 1_000, Vec::new());
            for (later, removals, tiers) in steps {
                hour += later;
                window.add(at(hour), &counts(removals, tiers));
                all.push((hour, removals, tiers));
                let lately = || all.iter().filter(|(of, ..)| of + 24 >= hour);
                let removals = lately().map(|(_, removals, _)| removals).sum();
                let tiers = lately().map(|(.., tiers)| tiers).sum();
                prop_assert_eq!(window.within(at(hour)), counts(removals, tiers));
                prop_assert!(window.hours().len() <= WINDOW_HOURS_MAX);
                let hours = window.hours().copied().collect();
                prop_assert_eq!(GuardWindow::from_hours(hours), Some(window.clone()));
            }
        }
    }

    #[test]
    fn a_day_later_nothing_is_left_and_time_never_goes_back() {
        let mut window = GuardWindow::default();
        window.add(at(10), &counts(7, 0));
        window.add(at(9), &counts(1, 2));
        assert_eq!((window.within(at(34)), window.within(at(35))), (counts(8, 2), counts(0, 0)));
        assert_eq!(GuardWindow::from_hours(vec![(5, counts(1, 0)), (5, counts(1, 0))]), None);
        assert_eq!(GuardWindow::from_hours((0..26).map(|hour| (hour, counts(1, 0))).collect()), None);
    }
}
