//! How many members were removed recently. A guard checks this window before it allows further removals.

use crate::model::value::time::Timestamp;

/// An hour, in microseconds.
const HOUR: i64 = 60 * 60 * 1_000_000;
/// How many hours count besides the current one.
const WINDOW: u64 = 24;
/// The most hours that are stored: the current one, and those of the window before it.
pub const REMOVAL_HOURS_MAX: usize = 25;

/// The number of members deleted or made inactive in each of the last hours. A member counts as often as it
/// was removed, even if it came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removals(Vec<(u64, u64)>);

impl Removals {
    /// Counts members that are removed at `now`, and drops hours that no longer count.
    pub fn add(&mut self, now: Timestamp, members: u64) {
        let hour = hour_of(now).max(self.0.last().map_or(0, |(hour, _)| *hour));
        self.0.retain(|(of, _)| of.saturating_add(WINDOW) >= hour);
        match self.0.last_mut() {
            Some((of, number)) if *of == hour => *number = number.saturating_add(members),
            _ => self.0.push((hour, members)),
        }
    }

    /// The number of members removed within the 24 hours before `now`, to the hour.
    #[must_use]
    pub fn within(&self, now: Timestamp) -> u64 {
        let hour = hour_of(now);
        let lately = self.0.iter().filter(|(of, _)| of.saturating_add(WINDOW) >= hour);
        lately.fold(0, |sum: u64, (_, number)| sum.saturating_add(*number))
    }

    /// The hours since 1970 with the number of removals in each, in ascending order.
    pub fn hours(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The removals that [`Removals::hours`] returned; `None` if there are too many hours, or they are out of
    /// order.
    #[must_use]
    pub fn from_hours(hours: Vec<(u64, u64)>) -> Option<Self> {
        let in_order = hours.iter().zip(hours.iter().skip(1)).all(|((a, _), (b, _))| a < b);
        (in_order && hours.len() <= REMOVAL_HOURS_MAX).then_some(Self(hours))
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

    proptest! {
        #[test]
        fn the_window_counts_its_removals_and_never_holds_too_many_hours(
            steps in proptest::collection::vec((0_i64..30, 1_u64..100), 0..80),
        ) {
            let (mut removals, mut hour, mut all) = (Removals::default(), 1_000, Vec::new());
            for (later, members) in steps {
                hour += later;
                removals.add(at(hour), members);
                all.push((hour, members));
                let lately = all.iter().filter(|(of, _)| of + 24 >= hour);
                let expected: u64 = lately.map(|(_, members)| members).sum();
                prop_assert_eq!(removals.within(at(hour)), expected);
                prop_assert!(removals.hours().len() <= REMOVAL_HOURS_MAX);
                prop_assert_eq!(Removals::from_hours(removals.hours().collect()), Some(removals.clone()));
            }
        }
    }

    #[test]
    fn a_day_later_nothing_is_left_and_time_never_goes_back() {
        let mut removals = Removals::default();
        removals.add(at(10), 7);
        removals.add(at(9), 1);
        assert_eq!((removals.within(at(34)), removals.within(at(35))), (8, 0));
        assert_eq!(Removals::from_hours(vec![(5, 1), (5, 1)]), None);
        assert_eq!(Removals::from_hours((0..26).map(|hour| (hour, 1)).collect()), None);
    }
}
