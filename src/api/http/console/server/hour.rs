//! What the server counted in the last hour, minute by minute.

use maud::{Markup, html};

use crate::api::http::console::look::{Chart, Column, Part, Stripe, bytes, chart, number};
use crate::directory::RowEnd;
use crate::metrics::recent::Sample;
use crate::model::Timestamp;

const CALLS: [Part; 2] = [
    Part { stripe: Stripe::New, label: "succeeded" },
    Part { stripe: Stripe::Failed, label: "did not succeed" },
];
const ROWS: [Part; 1] = [Part { stripe: Stripe::New, label: "rows" }];
const MEMORY: [Part; 1] = [Part { stripe: Stripe::Changed, label: "memory" }];

/// The calls of each minute.
pub fn calls(now: &Sample, samples: &[Sample]) -> Markup {
    let columns = minutes(samples, |before, after| {
        let failed = after.failed.saturating_sub(before.failed);
        vec![after.calls.saturating_sub(before.calls).saturating_sub(failed), failed]
    });
    html! {
        section.card {
            h2 { "Calls" }
            dl.numbers {
                div { dt { "since the start" } dd { (number(now.calls)) } }
                div { dt { "of them did not succeed" } dd { (number(now.failed)) } }
                div { dt { "open connections" } dd { (number(now.connections)) } }
            }
            (of_the_hour("Calls by minute", &CALLS, &columns, number))
        }
    }
}

/// The rows of each minute, and since the start by what happened with them.
pub fn rows(samples: &[Sample], ends: &[(RowEnd, u64)]) -> Markup {
    let columns = minutes(samples, |before, after| vec![after.rows.saturating_sub(before.rows)]);
    html! {
        section.card {
            h2 { "Rows" }
            dl.numbers.minor { @for (end, rows) in ends { div.zero[*rows == 0] { dt { (end.as_str()) } dd { (number(*rows)) } } } }
            (of_the_hour("Rows by minute", &ROWS, &columns, number))
        }
    }
}

/// The memory of the process at each minute.
pub fn memory(now: &Sample, samples: &[Sample]) -> Markup {
    let columns: Vec<Column> = samples
        .iter()
        .map(|sample| Column { label: minute(sample), values: vec![sample.rss_bytes] })
        .collect();
    html! {
        section.card {
            h2 { "Memory of the process" }
            dl.numbers { div { dt { "resident" } dd { (bytes(now.rss_bytes)) } } }
            (of_the_hour("Memory by minute", &MEMORY, &columns, bytes))
        }
    }
}

fn of_the_hour(title: &str, parts: &[Part], columns: &[Column], written: fn(u64) -> String) -> Markup {
    html! {
        @if columns.is_empty() { p.muted { "The chart begins a minute after the start of the server." } }
        @else { (chart(&Chart { title, labels: "Minute (UTC)", parts, columns, written })) }
    }
}

/// A column for each minute between two samples.
fn minutes(samples: &[Sample], values: impl Fn(&Sample, &Sample) -> Vec<u64>) -> Vec<Column> {
    let pairs = samples.iter().zip(samples.iter().skip(1));
    pairs.map(|(before, after)| Column { label: minute(after), values: values(before, after) }).collect()
}

/// The time of a sample, to the minute.
fn minute(sample: &Sample) -> String {
    let text = Timestamp::from_micros(sample.at_micros).to_string();
    text.get(11..16).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_what_was_counted_in_it() {
        let sample = |minute: i64, calls, failed| Sample {
            at_micros: minute * 60_000_000,
            calls,
            failed,
            ..Sample::default()
        };
        let now = sample(2, 1_234, 3);
        let shown = calls(&now, &[sample(0, 10, 1), sample(1, 15, 3), sample(2, 15, 3)]).into_string();
        assert!(shown.contains(">1,234<"), "{shown}");
        assert!(shown.contains("00:01: 3 succeeded, 2 did not succeed"), "{shown}");
        assert!(shown.contains("00:02: 0 succeeded, 0 did not succeed"), "{shown}");
        assert!(calls(&now, &[sample(0, 10, 1)]).into_string().contains("begins a minute after"));
    }
}
