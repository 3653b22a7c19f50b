//! The times of calls, by label. The labels of nearly all calls have a place, so that counting these calls takes
//! no search by labels.

use std::hash::Hash;
use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::metrics::family::Family;

use crate::metrics::Histogram;

/// The bounds of the times that calls take, in microseconds. Those of the semantic conventions begin at 5 ms,
/// where most calls have ended.
const TIMES: [u64; 16] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 60_000_000,
];
/// The times of calls, by label.
#[derive(Debug)]
pub struct Times<L> {
    /// All of them, for the page of metrics.
    pub family: Family<L, Histogram, fn() -> Histogram>,
    /// The histograms of the family by place, once they have counted something.
    placed: Box<[OnceLock<Histogram>]>,
}

impl<L: Clone + Eq + Hash> Times<L> {
    /// Nothing counted yet, with so many places.
    pub fn with_places(places: usize) -> Self {
        let new: fn() -> Histogram = || Histogram::of_times(&TIMES);
        let placed = std::iter::repeat_with(OnceLock::new).take(places).collect();
        Self { family: Family::new_with_constructor(new), placed }
    }

    /// Counts a call that took so long, at its place if it has one.
    pub fn add(&self, place: Option<usize>, labels: &L, time: Duration) {
        match place.and_then(|place| self.placed.get(place)) {
            Some(placed) => {
                placed.get_or_init(|| self.family.get_or_create(labels).clone()).add_time(time);
            }
            None => self.family.get_or_create(labels).add_time(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn calls_with_and_without_a_place_are_counted_in_one_family() {
        let times: Times<[(&str, &str); 1]> = Times::with_places(2);
        let label = [("kind", "one")];
        for place in [Some(1), None, Some(7), Some(1)] {
            times.add(place, &label, Duration::from_millis(1));
        }
        let mut registry = Registry::default();
        registry.register("times", "Times", times.family.clone());
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("times_count{kind=\"one\"} 4\n"), "{text}");
    }
}
