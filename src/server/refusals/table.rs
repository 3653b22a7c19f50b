//! The table of rejections that are not logged yet.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio_util::sync::CancellationToken;

use crate::api::refused::Refused;
use crate::server::metrics::CallMetrics;

/// Most pairs of reason and peer that are distinguished in one second.
const PAIRS_MAX: usize = 128;
/// How often the table is logged.
const EVERY: Duration = Duration::from_secs(1);
/// Most trace ids in a line: those of the first rejections. With them, the line for a response can be found.
const TRACE_IDS_MAX: usize = 8;
/// Most characters of a call's path that the log shows.
const CALL_CHARS: usize = 100;

/// The rejections that are not logged yet. Clones share them.
#[derive(Clone, Default)]
pub struct Refusals {
    table: Arc<Mutex<Table>>,
    /// Where each rejection is counted too.
    metrics: CallMetrics,
}

#[derive(Default)]
struct Table {
    pairs: HashMap<(Refusal, IpAddr), Seen>,
    /// Rejections that did not fit into the table.
    others: u64,
}

/// What was rejected, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Refusal {
    Call(String),
    Handshake(String),
}

/// The rejections of one reason and peer.
#[derive(Default)]
struct Seen {
    /// The path of the first one, if they are calls.
    call: String,
    /// The trace ids of the first responses.
    trace_ids: Vec<String>,
    count: u64,
}

impl Seen {
    fn add(&mut self, trace_id: String) {
        if !trace_id.is_empty() && self.trace_ids.len() < TRACE_IDS_MAX {
            self.trace_ids.push(trace_id);
        }
    }
}

impl Refusals {
    /// No rejections yet. Each will be counted in `metrics` too.
    pub fn new(metrics: CallMetrics) -> Self {
        Self { table: Arc::default(), metrics }
    }

    /// Notes a rejected call.
    pub fn note(&self, peer: IpAddr, uri: &Uri, refused: Refused) {
        let Refused { reason, trace_id } = refused;
        self.metrics.refused(&reason);
        // Without the query, which may contain personal data.
        let call = || uri.path().chars().take(CALL_CHARS).collect();
        self.add(Refusal::Call(reason), peer, call, trace_id);
    }

    /// Notes a failed TLS handshake.
    pub fn note_handshake(&self, peer: IpAddr, reason: String) {
        self.metrics.handshake_failed();
        self.add(Refusal::Handshake(reason), peer, String::new, String::new());
    }

    fn add(&self, refusal: Refusal, peer: IpAddr, call: impl FnOnce() -> String, trace_id: String) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = table.pairs.len() >= PAIRS_MAX;
        let key = (refusal, peer);
        if let Some(seen) = table.pairs.get_mut(&key) {
            seen.count += 1;
            seen.add(trace_id);
        } else if is_full {
            table.others += 1;
        } else {
            let mut seen = Seen { call: call(), count: 1, ..Seen::default() };
            seen.add(trace_id);
            table.pairs.insert(key, seen);
        }
    }

    /// Logs the table and empties it.
    pub fn log(&self) {
        let Table { pairs, others } =
            std::mem::take(&mut *self.table.lock().unwrap_or_else(PoisonError::into_inner));
        for ((refusal, peer), Seen { call, trace_ids, count }) in pairs {
            let trace_id = (!trace_ids.is_empty()).then(|| trace_ids.join(","));
            match refusal {
                Refusal::Call(reason) => {
                    tracing::info!(reason, %peer, call, trace_id, count, "calls were rejected");
                }
                Refusal::Handshake(reason) => {
                    tracing::info!(reason, %peer, count, "TLS handshakes failed");
                }
            }
        }
        if others > 0 {
            tracing::info!(count = others, "calls of more peers, or for more reasons, were rejected");
        }
    }

    /// Logs the table every second, until the server stops.
    pub async fn follow(self, stopping: CancellationToken) {
        while stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.log();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(number).into()
    }

    #[test]
    fn many_rejections_are_one_row_and_the_number_of_peers_is_limited() {
        let refusals = Refusals::default();
        let refused = |reason: &str| Refused { reason: reason.to_owned(), trace_id: "1".to_owned() };
        let uri: Uri = format!("/{}?email=a@example.com", "x".repeat(5_000)).parse().unwrap();
        for _ in 0..10_000 {
            refusals.note(peer(0), &uri, refused("UNAUTHENTICATED"));
        }
        for number in 1..1_000 {
            refusals.note(peer(number), &uri, refused("UNAUTHENTICATED"));
        }
        let table = refusals.table.lock().unwrap();
        assert_eq!(table.pairs.len(), PAIRS_MAX);
        assert_eq!(table.others, 1_000 - u64::try_from(PAIRS_MAX).unwrap());
        let first = &table.pairs[&(Refusal::Call("UNAUTHENTICATED".to_owned()), peer(0))];
        assert_eq!(first.count, 10_000);
        assert_eq!(first.trace_ids.len(), TRACE_IDS_MAX);
        assert!(first.call.len() == CALL_CHARS && !first.call.contains('@'));
    }
}
