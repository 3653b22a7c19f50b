//! Values that are read when the page of metrics is made, and how they and empty families are listed.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::metrics::process::float;

/// Values of one metric, each with the values of its labels.
#[derive(Debug, Clone)]
pub struct Readings {
    kind: MetricType,
    /// The names of the labels.
    labels: &'static [&'static str],
    values: Vec<(Vec<String>, f64)>,
}

impl Readings {
    /// A value that goes up and down.
    pub fn gauge(value: u64) -> Self {
        Self::fraction(float(value))
    }

    /// A value that goes up and down and is no whole number.
    pub fn fraction(value: f64) -> Self {
        Self { kind: MetricType::Gauge, labels: &[], values: vec![(Vec::new(), value)] }
    }

    /// A value that only goes up.
    pub fn counter(value: u64) -> Self {
        Self { kind: MetricType::Counter, ..Self::gauge(value) }
    }

    /// A value that only goes up and is no whole number.
    pub fn counted_fraction(value: f64) -> Self {
        Self { kind: MetricType::Counter, ..Self::fraction(value) }
    }

    /// Values that go up and down, with their labels.
    pub fn gauges<const N: usize>(
        labels: &'static [&'static str; N],
        values: impl IntoIterator<Item = ([String; N], u64)>,
    ) -> Self {
        let values = values.into_iter().map(|(of, value)| (of.to_vec(), float(value))).collect();
        Self { kind: MetricType::Gauge, labels, values }
    }

    /// Values that only go up, with their labels.
    pub fn counters<const N: usize>(
        labels: &'static [&'static str; N],
        values: impl IntoIterator<Item = ([String; N], u64)>,
    ) -> Self {
        Self { kind: MetricType::Counter, ..Self::gauges(labels, values) }
    }
}

impl EncodeMetric for Readings {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        for (of, value) in &self.values {
            let labels: Vec<(&str, &str)> =
                self.labels.iter().copied().zip(of.iter().map(String::as_str)).collect();
            let mut encoder = encoder.encode_family(&labels)?;
            match self.kind {
                MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(value, None)?,
                _ => encoder.encode_gauge(value)?,
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

/// A family that is listed even if nothing was counted yet, so that a page always has the same metrics.
#[derive(Debug)]
pub struct Always<F>(pub F);

impl<F: EncodeMetric + TypedMetric> EncodeMetric for Always<F> {
    fn encode(&self, encoder: MetricEncoder) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        F::TYPE
    }
}
