//! A histogram of atomic numbers. That of `prometheus-client` takes a lock for each value.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::process::float;

/// How many of the counted units are one unit of the metric: microseconds of a second.
const MICROS: f64 = 1_000_000.0;

/// How often values of each size occurred. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    /// The upper bounds of all buckets but the last one, which has none; ascending.
    bounds: &'static [u64],
    /// How many of the counted units are one unit of the metric.
    per_unit: f64,
    /// The values in each bucket.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram of times, shown in seconds, with bounds in microseconds.
    #[must_use]
    pub fn of_times(bounds: &'static [u64]) -> Self {
        Self::new(bounds, MICROS)
    }

    /// A histogram of numbers.
    #[must_use]
    pub fn of_numbers(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1.0)
    }

    fn new(bounds: &'static [u64], per_unit: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { bounds, per_unit, buckets, sum: AtomicU64::new(0) }))
    }

    /// Counts a number, or a time in microseconds.
    pub fn add(&self, value: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.0.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.0.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// Counts a time.
    pub fn add_time(&self, time: Duration) {
        self.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        let Counts { bounds, per_unit, buckets, sum } = &*self.0;
        let bounds = bounds.iter().map(|bound| float(*bound) / per_unit).chain([f64::INFINITY]);
        let counts = buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = float(sum.load(Ordering::Relaxed)) / per_unit;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let times = Histogram::of_times(&[1_000, 5_000]);
        for micros in [0, 1_000, 1_001, 5_000, 5_001] {
            times.add_time(Duration::from_micros(micros));
        }
        let mut registry = Registry::default();
        registry.register("t", "h", times);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "t_sum 0.012002",
            "t_count 5",
            "t_bucket{le=\"0.001\"} 2",
            "t_bucket{le=\"0.005\"} 4",
            "t_bucket{le=\"+Inf\"} 5",
        ];
        assert_eq!(lines, expected);
    }
}
