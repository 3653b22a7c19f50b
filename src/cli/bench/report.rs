//! The measurements, as a table for people and as JSON for programs.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::metrics::process::{Usage, float};
use crate::model::words;

/// The longest latency that is recorded exactly.
const LONGEST_MICROS: u64 = 600_000_000;
const DIGITS: u8 = 3;

/// One phase.
#[derive(Debug, Serialize)]
pub struct Phase {
    pub name: String,
    /// What `count` counts: rows, members, calls.
    pub unit: &'static str,
    pub count: u64,
    pub seconds: f64,
    pub per_second: f64,
    /// Of each batch, call or page.
    pub latency: Option<Latency>,
    /// Calls that the server refused.
    pub refused: u64,
    /// The results that differ from what the workload requires. Empty if all is well.
    pub wrong: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerUse>,
}

/// What the server used, if its process can be observed.
#[derive(Debug, Serialize)]
pub struct ServerUse {
    pub rss_bytes: u64,
    pub peak_rss_bytes: u64,
    /// Spent in this phase.
    pub cpu_seconds: f64,
    /// Spent in this phase by the load generator itself.
    pub client_cpu_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
pub struct Latency {
    pub p50_us: u64,
    pub p99_us: u64,
    pub p999_us: u64,
    pub max_us: u64,
}

/// Latencies in microseconds.
#[derive(Debug, Clone)]
pub struct Timings(Histogram<u64>);

impl Timings {
    pub fn new() -> Result<Self, crate::cli::Error> {
        let histogram = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS);
        histogram.map(Self).map_err(|error| crate::cli::Error::Broken(format!("no histogram: {error}")))
    }

    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, so adding cannot fail.
        let _ = self.0.add(&other.0);
    }

    pub fn median(&self) -> u64 {
        self.0.value_at_quantile(0.5)
    }

    fn summary(&self) -> Option<Latency> {
        (!self.0.is_empty()).then(|| Latency {
            p50_us: self.0.value_at_quantile(0.5),
            p99_us: self.0.value_at_quantile(0.99),
            p999_us: self.0.value_at_quantile(0.999),
            max_us: self.0.max(),
        })
    }
}

impl Phase {
    pub fn new(
        name: impl Into<String>,
        unit: &'static str,
        count: u64,
        took: Duration,
        timings: &Timings,
    ) -> Self {
        let seconds = took.as_secs_f64();
        Self {
            name: name.into(),
            unit,
            count,
            seconds,
            per_second: float(count) / seconds.max(1e-9),
            latency: timings.summary(),
            refused: 0,
            wrong: Vec::new(),
            note: None,
            server: None,
        }
    }

    /// Reports a result that is not the expected one.
    pub fn expect(&mut self, what: &str, found: u64, expected: u64) {
        if found != expected {
            self.wrong.push(format!("{what}: {found}, expected {expected}"));
        }
    }

    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.refused == 0
    }
}

impl ServerUse {
    pub fn between(before: &Usage, after: &Usage, client_cpu_seconds: f64, disk_bytes: Option<u64>) -> Self {
        Self {
            rss_bytes: after.rss_bytes,
            peak_rss_bytes: after.peak_rss_bytes,
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            client_cpu_seconds,
            disk_bytes,
        }
    }
}

/// The names of the columns; a line of the table fits into 100 characters.
pub fn header() -> String {
    format!(
        "{:<21} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6} {:>7}",
        "phase",
        "count",
        "seconds",
        "per s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "srv s",
        "cli s",
        "rss MB",
        "disk MB"
    )
}

pub fn line(phase: &Phase) -> String {
    let latency = phase.latency.as_ref().map_or([const { String::new() }; 3], |latency| {
        [latency.p50_us, latency.p99_us, latency.max_us].map(millis)
    });
    let [p50, p99, max] = latency;
    let server = phase.server.as_ref();
    let mut line = format!(
        "{:<21} {:>8} {:>7.2} {:>7.0} {p50:>7} {p99:>7} {max:>7} {:>6} {:>6} {:>6} {:>7}",
        phase.name,
        phase.count,
        phase.seconds,
        phase.per_second,
        server.map_or(String::new(), |server| format!("{:.1}", server.cpu_seconds)),
        server.map_or(String::new(), |server| format!("{:.1}", server.client_cpu_seconds)),
        server.map_or(String::new(), |server| megabytes(server.rss_bytes)),
        server.and_then(|server| server.disk_bytes).map_or(String::new(), megabytes),
    );
    if let Some(note) = &phase.note {
        line.push_str(&format!("\n    {note}"));
    }
    if phase.refused > 0 {
        line.push_str(&format!("\n    REFUSED: {}", words::count(phase.refused, "call")));
    }
    for wrong in &phase.wrong {
        line.push_str(&format!("\n    WRONG: {wrong}"));
    }
    line
}

fn millis(micros: u64) -> String {
    format!("{:.2}", float(micros) / 1000.0)
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1}", float(bytes) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_into_a_hundred_columns() {
        let mut timings = Timings::new().unwrap();
        timings.record(Duration::from_micros(999_999));
        let took = Duration::from_secs_f64(9_999.99);
        let mut phase = Phase::new("list first_name regex", "rows", 10_000_000, took, &timings);
        let usage = Usage { rss_bytes: 9_999_900_000, cpu_seconds: 9_999.9, ..Usage::default() };
        phase.server = Some(ServerUse::between(&Usage::default(), &usage, 9_999.9, Some(99_999_900_000)));
        assert!(line(&phase).len() <= 100 && header().len() <= 100, "{}\n{}", header(), line(&phase));
    }
}
