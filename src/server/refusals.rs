//! Refused calls and failed TLS handshakes in the log: one line a second for each reason and peer, however many there were.
//!
//! A client that repeats what is refused must not fill the disk, nor take the time of others: refusals are counted in a
//! table of at most [`PAIRS_MAX`] pairs of reason and peer, and those of further pairs in one number. A task writes
//! the table into the log every second and empties it. Calls that succeed cost a look at their status.

mod stream;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use self::stream::Watched;
use crate::api::error;
use crate::api::peer::Peer;
use crate::api::refused::Refused;

/// Most pairs of reason and peer that are told apart in one second.
const PAIRS_MAX: usize = 128;
/// How often they are written into the log.
const EVERY: Duration = Duration::from_secs(1);
/// Most trace ids that a line has: those of the first refusals, with which a caller can find what it was told.
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
    fn note(&self, peer: IpAddr, uri: &Uri, refused: Refused) {
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

/// `inner`, for one connection, with its refusals noted.
#[derive(Clone)]
pub struct Noted<S> {
    /// What answers.
    pub inner: S,
    /// Who is at the other end.
    pub peer: Peer,
    /// Where refusals are noted.
    pub refusals: Refusals,
}

impl<S, B> Service<Request<B>> for Noted<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = NotedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        let uri = request.uri().clone();
        let answer = self.inner.call(request);
        NotedCall { answer, uri, peer: self.peer.address, refusals: self.refusals.clone() }
    }
}

/// A call under way.
pub struct NotedCall<F> {
    answer: F,
    uri: Uri,
    peer: IpAddr,
    refusals: Refusals,
}

impl<F> Future for NotedCall<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.answer).poll(cx).map_ok(|response| {
            if let Some(refused) = why(&response) {
                self.refusals.note(self.peer, &self.uri, refused);
                return response;
            }
            if !stream::is_stream(&self.uri) {
                return response;
            }
            let (uri, peer, refusals) = (self.uri.clone(), self.peer, self.refusals.clone());
            let note = move |refused| refusals.note(peer, &uri, refused);
            response.map(|body| Watched::watch(body, note))
        })
    }
}

/// Why a call was refused, if it was.
fn why(response: &Response<Body>) -> Option<Refused> {
    if let Some(refused) = response.extensions().get::<Refused>() {
        return Some(refused.clone());
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let reason = status.canonical_reason().unwrap_or("an error without a name").to_owned();
        return Some(Refused { reason, trace_id: String::new() });
    }
    Status::from_header_map(response.headers()).and_then(of_status)
}

/// Why gRPC refused, if it did.
fn of_status(status: Status) -> Option<Refused> {
    let reason = || error::reason_of(&status).unwrap_or_else(|| status.code().description().to_owned());
    (status.code() != Code::Ok).then(|| Refused { reason: reason(), trace_id: String::new() })
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

    #[test]
    fn a_refusal_is_recognised_at_every_door() {
        let grpc = error::status(crate::model::Reason::MemberNotFound, "text").into_http::<Body>();
        assert_eq!(why(&grpc).unwrap().reason, "MEMBER_NOT_FOUND");
        let foreign = Status::internal("text").into_http::<Body>();
        assert_eq!(why(&foreign).unwrap().reason, Code::Internal.description());
        let mut json = Response::new(Body::empty());
        assert_eq!(why(&json), None);
        *json.status_mut() = http::StatusCode::FORBIDDEN;
        assert_eq!(why(&json).unwrap().reason, "Forbidden");
        let told = Refused { reason: "REF_INVALID".into(), trace_id: "2".into() };
        json.extensions_mut().insert(told.clone());
        assert_eq!(why(&json), Some(told));
        let good = Status::ok("").into_http::<Body>();
        assert_eq!(why(&good), None);
    }
}
