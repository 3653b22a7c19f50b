//! The counters of calls, and the calls that run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tonic::Code;
use tracing::Span;

use super::known::{self, Route, Rpc, VERBS, Verb};
use super::labels::{FAULTS, HttpLabels, ReasonLabel, RpcLabels, name};
use super::readings::Always;
use super::times::Times;
use crate::api::grpc::plain;
use crate::metrics::{Counter, Gauge};
use crate::model::Reason;
use crate::trace::{Attributes, CallSpans, Current, Value};

/// The reason of refusals that no list has.
const OTHER_REASON: &str = "OTHER";
/// Reasons of refusals before a call reaches its door.
const REASONS_OF_SERVER: [&str; 2] = ["HOST_REFUSED", "ORIGIN_REFUSED"];

/// How many gRPC statuses there are.
const CODES: usize = 17;
/// The status that nearly all HTTP requests end with.
const OK: u16 = 200;

/// The counters of calls and connections. Clones share them.
#[derive(Debug, Clone)]
pub struct CallMetrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    /// Whether each call is logged too.
    logs: bool,
    /// The scheme of the addresses of requests, as far as this server sees.
    scheme: &'static str,
    rpcs: Times<RpcLabels>,
    requests: Times<HttpLabels>,
    ended: Counter,
    failed: Counter,
    running_rpcs: Gauge,
    running_requests: Gauge,
    refusals: Family<ReasonLabel, Counter>,
    connections: Gauge,
    failed_handshakes: Counter,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self::new(false, false)
    }
}

impl CallMetrics {
    /// Counters at 0. If `logs`, each call is logged too. `is_encrypted` says whether connections are.
    pub fn new(logs: bool, is_encrypted: bool) -> Self {
        Self(Arc::new(Counters {
            logs,
            scheme: if is_encrypted { "https" } else { "http" },
            rpcs: Times::with_places(known::rpc_places() * CODES),
            requests: Times::with_places(known::route_places() * VERBS),
            ended: Counter::default(),
            failed: Counter::default(),
            running_rpcs: Gauge::default(),
            running_requests: Gauge::default(),
            refusals: Family::default(),
            connections: Gauge::default(),
            failed_handshakes: Counter::default(),
        }))
    }

    /// Begins to count a call. If the result is dropped, the caller has left.
    pub fn begin_call<B>(&self, request: &Request<B>) -> RunningCall {
        let path = request.uri().path();
        let call = if plain::is_grpc(request.headers()) {
            Call::Rpc(known::rpc(path))
        } else {
            Call::Http(known::verb(request.method().as_str()), known::route(path))
        };
        self.running(call).inc();
        let span = if self.0.logs { Span::current() } else { Span::none() };
        RunningCall {
            metrics: self.clone(),
            call,
            begun: Instant::now(),
            span,
            spans: Current::spans(),
            is_ended: false,
        }
    }

    /// Counts a refused call, or a failed stream, under its reason.
    pub fn refused(&self, reason: &str) {
        let of_server = || REASONS_OF_SERVER.into_iter().find(|known| *known == reason);
        let known = Reason::parse(reason).map(Reason::as_str).or_else(of_server);
        self.0.refusals.get_or_create(&ReasonLabel(known.unwrap_or(OTHER_REASON))).inc();
    }

    /// Counts a failed TLS handshake.
    pub fn handshake_failed(&self) {
        self.0.failed_handshakes.inc();
    }

    /// Counts a connection until the result is dropped.
    pub fn connection(&self) -> OpenConnection {
        self.0.connections.inc();
        OpenConnection(self.clone())
    }

    /// How many calls have ended, and how many of them did not succeed.
    pub fn ended(&self) -> (u64, u64) {
        (self.0.ended.get(), self.0.failed.get())
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> u64 {
        u64::try_from(self.0.connections.get()).unwrap_or_default()
    }

    fn running(&self, call: Call) -> &Gauge {
        match call {
            Call::Rpc(_) => &self.0.running_rpcs,
            Call::Http(..) => &self.0.running_requests,
        }
    }

    /// Lists the counters.
    pub fn list(&self, registry: &mut Registry) {
        let Counters { rpcs, requests, running_rpcs, running_requests, .. } = &*self.0;
        let Counters { refusals, connections, failed_handshakes, .. } = &*self.0;
        registry.register(
            "rpc_server_call_duration_seconds",
            "How long gRPC calls took until their reply, or until the end of their stream",
            Always(rpcs.family.clone()),
        );
        registry.register(
            "http_server_request_duration_seconds",
            "How long requests at the JSON doors took until their reply; without a status, the caller left before",
            Always(requests.family.clone()),
        );
        registry.register("memberbase_running_rpcs", "gRPC calls that run", running_rpcs.clone());
        registry.register(
            "memberbase_running_requests",
            "Requests at the JSON doors that run",
            running_requests.clone(),
        );
        registry.register(
            "memberbase_refusals",
            "Refused calls and failed streams, by reason (docs/grpc.md)",
            Always(refusals.clone()),
        );
        registry.register("memberbase_connections", "Open connections", connections.clone());
        registry.register(
            "memberbase_tls_handshake_failures",
            "TLS handshakes that failed",
            failed_handshakes.clone(),
        );
    }
}

/// An open connection, which counts until this is dropped.
#[must_use]
pub struct OpenConnection(CallMetrics);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.0.connections.dec();
    }
}

/// What a call is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Rpc(Rpc),
    Http(Verb, Route),
}

/// A call that runs. Dropping it counts a caller that has left.
#[must_use]
#[derive(Debug)]
pub struct RunningCall {
    metrics: CallMetrics,
    call: Call,
    begun: Instant,
    /// The trace of the call, if calls are logged.
    span: Span,
    /// Its spans, if it is recorded.
    spans: Option<Arc<CallSpans>>,
    is_ended: bool,
}

impl RunningCall {
    /// Whether the call replies with a stream, at whose end its status is known.
    pub fn streams(&self) -> bool {
        matches!(self.call, Call::Rpc(Rpc { streams: true, .. }))
    }

    /// The call has ended with this status, of which only that of its protocol counts.
    pub fn end(mut self, rpc: Code, http: u16) {
        self.count(rpc, Some(http));
    }

    fn count(&mut self, rpc: Code, http: Option<u16>) {
        self.is_ended = true;
        let counters = &*self.metrics.0;
        let time = self.begun.elapsed();
        let succeeded = match self.call {
            Call::Rpc(_) => rpc == Code::Ok,
            Call::Http(..) => http.is_some_and(|status| status < 400),
        };
        counters.ended.inc();
        if !succeeded {
            counters.failed.inc();
        }
        match self.call {
            Call::Rpc(Rpc { place, name: method, .. }) => {
                let code = usize::try_from(i32::from(rpc)).ok();
                let labels = RpcLabels { method, status: name(rpc) };
                counters.rpcs.add(code.map(|code| place * CODES + code), &labels, time);
            }
            Call::Http(verb, Route { place, door, path: route }) => {
                let scheme = counters.scheme;
                let labels = HttpLabels { door, method: verb.name, route, scheme, status: http };
                let place = (http == Some(OK)).then_some(place * VERBS + verb.place);
                counters.requests.add(place, &labels, time);
            }
        }
        self.metrics.running(self.call).dec();
        if let Some(spans) = self.spans.take() {
            record(&spans, self.call, self.begun, rpc, http);
        }
        if counters.logs {
            self.span.in_scope(|| log(self.call, rpc, http, time));
        }
    }
}

/// Records the span of a call that has ended, with the attributes that its metric has labels for.
fn record(spans: &CallSpans, call: Call, begun: Instant, rpc: Code, http: Option<u16>) {
    match call {
        Call::Rpc(Rpc { name: method, .. }) => {
            let attributes = [
                ("rpc.system.name", Value::Text("grpc")),
                ("rpc.method", Value::Text(method)),
                ("rpc.response.status_code", Value::Text(name(rpc))),
            ];
            spans.end(("", method), begun, Attributes::from_slice(&attributes), is_fault(rpc));
        }
        Call::Http(Verb { name: method, .. }, Route { door, path: route, .. }) => {
            let mut attributes = Attributes::from_slice(&[
                ("memberbase.door", Value::Text(door)),
                ("http.request.method", Value::Text(method)),
                ("http.route", Value::Text(route)),
            ]);
            let status = http.map(|status| ("http.response.status_code", Value::Number(status.into())));
            attributes.extend(status);
            spans.end((method, route), begun, attributes, http.is_some_and(|status| status >= FAULTS));
        }
    }
}

/// Whether a call with this status failed because of the server, as the semantic conventions see it.
fn is_fault(code: Code) -> bool {
    match code {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => false,
    }
}

/// Logs a call that has ended: only names and statuses, nothing that a caller chose.
fn log(call: Call, rpc: Code, http: Option<u16>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    match call {
        Call::Rpc(Rpc { name: method, .. }) => {
            tracing::info!(method, status = name(rpc), micros, "a gRPC call ended");
        }
        Call::Http(Verb { name: method, .. }, Route { door, path: route, .. }) => {
            tracing::info!(door, method, route, status = http, micros, "a request ended");
        }
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if !self.is_ended {
            self.count(Code::Cancelled, None);
        }
    }
}
