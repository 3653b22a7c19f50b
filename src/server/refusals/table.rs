//! The table of refusals since the last lines of the log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio_util::sync::CancellationToken;

use crate::api::refused::Refused;

/// Most pairs of reason and peer that are told apart in one second.
const PAIRS_MAX: usize = 128;
/// How often they are written into the log.
const EVERY: Duration = Duration::from_secs(1);
/// Most trace ids that a line has: those of the first refusals, with which a caller can find what it was
/// told.
const TRACE_IDS_MAX: usize = 8;
/// Most characters of a call's path that the log shows.
const CALL_CHARS: usize = 100;

/// The refusals since the last lines. Clones share them.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    pairs: HashMap<(Refusal, IpAddr), Seen>,
    /// Refusals that found no room in the table.
    others: u64,
}

/// What was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Refusal {
    Call(String),
    Handshake(String),
}

/// The refusals of one reason and peer.
#[derive(Default)]
struct Seen {
    /// The path of the first of them, if they are calls.
    call: String,
    /// The numbers that callers were told.
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
    /// Notes that a call was refused.
    pub fn note(&self, peer: IpAddr, uri: &Uri, refused: Refused) {
        let Refused { reason, trace_id } = refused;
        // Without the query, which may be about a person.
        let call = || uri.path().chars().take(CALL_CHARS).collect();
        self.add(Refusal::Call(reason), peer, call, trace_id);
    }

    /// Notes that a connection did not come to speak TLS.
    pub fn note_handshake(&self, peer: IpAddr, reason: String) {
        self.add(Refusal::Handshake(reason), peer, String::new, String::new());
    }

    fn add(&self, refusal: Refusal, peer: IpAddr, call: impl FnOnce() -> String, trace_id: String) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Writes into the log what was refused since the last time.
    pub fn tell(&self) {
        let Table { pairs, others } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for ((refusal, peer), Seen { call, trace_ids, count }) in pairs {
            let trace_id = (!trace_ids.is_empty()).then(|| trace_ids.join(","));
            match refusal {
                Refusal::Call(reason) => {
                    tracing::info!(reason, %peer, call, trace_id, count, "calls were refused");
                }
                Refusal::Handshake(reason) => {
                    tracing::info!(reason, %peer, count, "TLS handshakes failed");
                }
            }
        }
        if others > 0 {
            tracing::info!(count = others, "calls of more peers, or for more reasons, were refused");
        }
    }

    /// Does so every second until the server stops.
    pub async fn follow(self, stopping: CancellationToken) {
        while stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.tell();
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
    fn many_refusals_are_one_entry_and_many_peers_are_bounded() {
        let refusals = Refusals::default();
        let refused = |reason: &str| Refused { reason: reason.to_owned(), trace_id: "1".to_owned() };
        let uri: Uri = format!("/{}?email=a@example.com", "x".repeat(5_000)).parse().unwrap();
        for _ in 0..10_000 {
            refusals.note(peer(0), &uri, refused("UNAUTHENTICATED"));
        }
        for number in 1..1_000 {
            refusals.note(peer(number), &uri, refused("UNAUTHENTICATED"));
        }
        let table = refusals.0.lock().unwrap();
        assert_eq!(table.pairs.len(), PAIRS_MAX);
        assert_eq!(table.others, 1_000 - u64::try_from(PAIRS_MAX).unwrap());
        let first = &table.pairs[&(Refusal::Call("UNAUTHENTICATED".to_owned()), peer(0))];
        assert_eq!(first.count, 10_000);
        assert_eq!(first.trace_ids.len(), TRACE_IDS_MAX);
        assert!(first.call.len() == CALL_CHARS && !first.call.contains('@'));
    }
}
