//! The way of a call to the active server, and where it waits for one.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body_util::Full;
use tokio::sync::{Semaphore, watch};
use tonic::Status;
use tonic::body::Body;

use super::active::Active;
use super::body::{Ahead, Answer, Read, read_ahead, whole_reply};
use super::bundle::Unanswered;
use super::connect::{Lent, PeerTls, Target, Unreached, scheme};
use super::counts::{Counted, ForwardCounts};
use super::head;
use crate::api::grpc::{methods, plain};
use crate::api::peer::peer_of;
use crate::config::Advertised;
use crate::engine::postgres::Owner;
use crate::model::Reason;
use crate::server::metrics::streams_in;

/// How long a call waits for a server that is active: longer than a takeover after a crash.
const WAIT: Duration = Duration::from_secs(12);
/// Most calls that wait.
const WAITING_MAX: usize = 1_024;
/// How long to wait after the active server was not reached.
const AGAIN: Duration = Duration::from_millis(100);

/// Passes calls on. Clones are the same.
#[derive(Clone)]
pub struct Forward(Arc<Inner>);

struct Inner {
    tls: PeerTls,
    counts: ForwardCounts,
    /// What the database says.
    toward: watch::Sender<Toward>,
    /// What follows from it.
    state: watch::Sender<State>,
    waiting: Arc<Semaphore>,
    /// How long a request may make no progress.
    stall_after: Duration,
}

/// Who owns the store, as far as this server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toward {
    /// Nobody, or nobody knows: calls wait.
    Unknown,
    /// A server that does not say where it is: calls are refused.
    Silent,
    /// This server.
    Here,
    /// Another server.
    There(Box<(Advertised, crate::engine::postgres::PeerKey)>),
}

impl Toward {
    /// The owner that the database names.
    pub fn owner(owner: &Owner) -> Self {
        match owner.address.as_deref().map(Advertised::parse) {
            Some(Ok(address)) => Self::There(Box::new((address, owner.key.clone()))),
            Some(Err(_)) | None => Self::Silent,
        }
    }
}

/// What became of a call that may travel in a bundle.
enum Bundled {
    Answered(Response<Body>),
    /// It may have been done.
    Lost,
    /// It was not begun, and may get a stream.
    Unfit,
    /// There is no connection for it.
    Unreached,
}

#[derive(Clone)]
enum State {
    Unknown,
    Silent,
    Here,
    Reached(Arc<Active>),
}

/// What became of a call.
pub enum Passed {
    /// The answer of the active server.
    Answered(Response<Body>),
    /// This server is active now.
    Here(Request<Body>),
    /// There is no answer, for this reason.
    Refused(Reason),
}

impl Forward {
    /// Passes nothing on yet. `lost` is the end of a gRPC reply whose rest was lost.
    pub fn new(tls: PeerTls, counts: ForwardCounts, stall_after: Duration) -> Self {
        Self(Arc::new(Inner {
            tls,
            counts,
            toward: watch::Sender::new(Toward::Unknown),
            state: watch::Sender::new(State::Unknown),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            stall_after,
        }))
    }

    /// Says who owns the store.
    pub fn toward(&self, owner: Toward) {
        let is_news = |now: &mut Toward| {
            *now != owner && {
                *now = owner.clone();
                true
            }
        };
        self.0.toward.send_if_modified(is_news);
    }

    /// Reads the beginning of a call: of a stream its first message.
    pub async fn read<B>(&self, call: &Parts, body: B) -> Read
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let how = if is_stream(call) { Ahead::First } else { Ahead::All };
        read_ahead(body, how, self.0.stall_after).await
    }

    /// Asks the active server to lend a memberbase, by its id, for a caller with this token. `None` if it does
    /// not, or is not reached.
    pub async fn ask_for(&self, base: &str, token: Option<HeaderValue>) -> Option<Lent> {
        let State::Reached(active) = self.0.state.borrow().clone() else { return None };
        match active.ask_for(base, token).await {
            Ok(lent) => lent,
            Err(error) => {
                tracing::debug!(%error, "the active server could not be asked for a lease");
                None
            }
        }
    }

    /// Keeps connected to the active server, and calls `tell` whenever that becomes true or false.
    pub async fn follow(self, mut tell: impl FnMut(bool) + Send) {
        let mut toward = self.0.toward.subscribe();
        let mut said = String::new();
        loop {
            let owner = toward.borrow_and_update().clone();
            let target = match owner {
                Toward::There(there) => Target { address: there.0, key: there.1 },
                Toward::Here => {
                    self.0.state.send_replace(State::Here);
                    return;
                }
                other => {
                    let state = if other == Toward::Silent { State::Silent } else { State::Unknown };
                    self.0.state.send_replace(state);
                    if toward.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            self.0.state.send_replace(State::Unknown);
            let reached = tokio::select! {
                reached = Active::reach(target.clone(), self.0.tls.clone(), self.0.counts.clone()) => reached,
                _ = toward.changed() => continue,
            };
            let why = match reached {
                Ok((active, calls)) => {
                    tracing::info!(active = %target.address, "passing calls on to the active server");
                    said.clear();
                    self.0.state.send_replace(State::Reached(Arc::clone(&active)));
                    tell(true);
                    let lost = tokio::select! {
                        lost = active.until_lost(calls) => Some(lost),
                        _ = toward.changed() => None,
                    };
                    self.0.state.send_replace(State::Unknown);
                    tell(false);
                    match lost {
                        // Its calls may still end well: it may be about to stop.
                        Some(lost) => lost.to_string(),
                        None => {
                            active.end();
                            continue;
                        }
                    }
                }
                Err(why) => why.to_string(),
            };
            if why != said {
                tracing::warn!(active = %target.address, why, "the active server is not reached; trying again");
                said = why;
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = toward.changed() => {}
            }
        }
    }

    /// Passes a call on. `lost` is the end of a gRPC reply whose rest is lost.
    pub async fn pass_on<B>(&self, request: Request<B>, lost: fn() -> Status) -> Passed
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let begun = Instant::now();
        let (call, body) = request.into_parts();
        let how = if is_stream(&call) { Ahead::Nothing } else { Ahead::All };
        let read = read_ahead(body, how, self.0.stall_after).await;
        self.pass_on_read(call, read, begun, lost).await
    }

    /// The same, for a call that came at `begun` and whose body was read ahead.
    pub async fn pass_on_read(
        &self,
        call: Parts,
        read: Read,
        begun: Instant,
        lost: fn() -> Status,
    ) -> Passed {
        let passed = self.pass(call, read, begun, lost).await;
        match passed {
            Passed::Refused(Reason::AnswerLost) => {
                self.0.counts.lost.inc();
            }
            Passed::Refused(_) => {
                self.0.counts.refused.inc();
            }
            Passed::Answered(_) | Passed::Here(_) => {}
        }
        passed
    }

    async fn pass(&self, call: Parts, read: Read, begun: Instant, lost: fn() -> Status) -> Passed {
        let is_grpc = plain::is_grpc(&call.headers);
        let mut state = self.0.state.subscribe();
        let whole = read.whole().cloned();
        let Read { mut body, is_long, .. } = read;
        let may_bundle = is_grpc && may_bundle(&call);
        let mut waits = None;
        loop {
            let now = state.borrow_and_update().clone();
            let is_reached = match now {
                State::Here => return Passed::Here(Request::from_parts(call, body)),
                State::Silent => return Passed::Refused(Reason::Standby),
                State::Unknown => false,
                State::Reached(active) => {
                    let bundled = match whole.as_ref().filter(|_| may_bundle) {
                        Some(whole) => self.bundled(&call, whole, &active, begun).await,
                        None => Bundled::Unfit,
                    };
                    let may_stream = match bundled {
                        Bundled::Answered(reply) => return Passed::Answered(reply),
                        Bundled::Lost => return Passed::Refused(Reason::AnswerLost),
                        Bundled::Unfit => true,
                        Bundled::Unreached => false,
                    };
                    if may_stream && let Ok((mut calls, held)) = active.take(is_long).await {
                        let head = outgoing(&call, &active, begun);
                        match calls.try_send_request(head.map(|()| body)).await {
                            Ok(reply) => {
                                self.0.counts.answer(begun);
                                let counts = self.0.counts.clone();
                                return Passed::Answered(reply.map(|body| {
                                    Body::new(Answer { body, is_grpc, lost, counts, held: Some(held) })
                                }));
                            }
                            Err(mut failed) => match failed.take_message() {
                                Some(unsent) => body = unsent.into_body(),
                                None => {
                                    let error = failed.into_error();
                                    let Some(whole) = whole.as_ref().filter(|_| is_unbegun(&error)) else {
                                        tracing::debug!(%error, "the answer to a call that was passed on is lost");
                                        return Passed::Refused(Reason::AnswerLost);
                                    };
                                    body = Body::new(Full::new(whole.clone()));
                                }
                            },
                        }
                    }
                    true
                }
            };
            if waits.is_none() {
                let Ok(place) = Arc::clone(&self.0.waiting).try_acquire_owned() else {
                    return Passed::Refused(Reason::Standby);
                };
                waits = Some((place, Counted::new(&self.0.counts.waiting)));
            }
            tokio::select! {
                _ = state.changed() => {}
                () = tokio::time::sleep(AGAIN), if is_reached => {}
                () = tokio::time::sleep_until((begun + WAIT).into()) => {
                    return Passed::Refused(Reason::Standby);
                }
            }
        }
    }

    /// Passes a call with this body on in a bundle.
    async fn bundled(&self, call: &Parts, whole: &Bytes, active: &Active, begun: Instant) -> Bundled {
        let (bundle, held) = match active.take_bundled().await {
            Ok(Some(taken)) => taken,
            Ok(None) | Err(Unreached::Full) => return Bundled::Unfit,
            Err(_) => return Bundled::Unreached,
        };
        let head = outgoing(call, active, begun);
        if head.version() != Version::HTTP_2 {
            // It names no host.
            return Bundled::Unfit;
        }
        match bundle.call(&head, whole).await {
            Ok(reply) => match whole_reply(reply, held) {
                Ok(reply) => {
                    self.0.counts.answer(begun);
                    self.0.counts.bundled.inc();
                    Bundled::Answered(reply)
                }
                Err(_) => Bundled::Lost,
            },
            Err(Unanswered::Lost) => Bundled::Lost,
            Err(Unanswered::Unbegun) => Bundled::Unfit,
        }
    }
}

fn outgoing(call: &Parts, active: &Active, begun: Instant) -> Request<()> {
    head::outgoing(call, &scheme(&active.target), active.forwarded(caller(call)), begun.elapsed())
}

/// Whether the caller of this sends a stream.
fn is_stream(call: &Parts) -> bool {
    plain::is_grpc(&call.headers) && streams_in(call.uri.path())
}

/// Whether a call may travel in a bundle, if its message is short.
fn may_bundle(call: &Parts) -> bool {
    call.method == Method::POST && methods::is_light(call.uri.path())
}

/// The address of the caller.
fn caller(call: &Parts) -> Option<IpAddr> {
    peer_of(&call.extensions).map(|peer| peer.address)
}

/// Whether the active server said that it has not begun the call and will not: it stops.
fn is_unbegun(error: &hyper::Error) -> bool {
    let Some(error) = error.source().and_then(|error| error.downcast_ref::<h2::Error>()) else {
        return false;
    };
    let refused = match error.reason() {
        // h2 reports this for streams above the last one that the other side has begun, and for no other.
        Some(h2::Reason::NO_ERROR) => error.is_go_away(),
        Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
        _ => false,
    };
    refused && error.is_remote()
}
