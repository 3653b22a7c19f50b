//! Counts, minute by minute, for the console's page of the server.

use std::time::Duration;

use super::metrics::CallMetrics;
use super::store::now;
use crate::metrics::process;
use crate::metrics::recent::{Recent, Sample};
use crate::table::TableMetrics;

/// The time between two samples.
const PAUSE: Duration = Duration::from_secs(60);

/// What calls and tables count.
pub fn recent(calls: CallMetrics, table: TableMetrics) -> Recent {
    Recent::new(move || {
        let (ended, failed) = calls.ended();
        let usage = process::usage(std::process::id()).unwrap_or_default();
        Sample {
            at_micros: now().micros(),
            calls: ended,
            failed,
            rows: table.rows().map(|(_, rows)| rows).sum(),
            rss_bytes: usage.rss_bytes,
            connections: calls.open_connections(),
        }
    })
}

/// Takes a sample at once, and then in each minute.
pub async fn follow(recent: Recent) {
    let mut minutes = tokio::time::interval(PAUSE);
    loop {
        minutes.tick().await;
        recent.take();
    }
}
