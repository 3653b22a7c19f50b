//! Probes over HTTP, for programs that start, stop and balance servers.
//!
//! They need no token and reply as soon as the port is bound, like the health checks of gRPC. Any host name
//! will do, and the limit on the calls of a peer does not count, because these programs have no name for the
//! server and share an address with many callers.

use http::{Method, Request, Response};
use tonic::body::Body;

use super::health::{Health, State, WaitsFor};
use crate::api::grpc::plain;

/// A probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Whether the server replies at all. If not, it should be started again.
    Live,
    /// Whether calls should be sent to it.
    Ready,
    /// Whether it is the active server, to which calls take no detour.
    Active,
}

impl Probe {
    /// The probe that a request is.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => Some(Self::Live),
            (&Method::GET | &Method::HEAD, "/readyz") => Some(Self::Ready),
            (&Method::GET | &Method::HEAD, "/activez") => Some(Self::Active),
            _ => None,
        }
    }

    /// Its reply.
    pub async fn reply(self, health: &Health) -> Response<Body> {
        let fault = match self {
            Self::Live => None,
            Self::Ready => fault(health.state().await),
            Self::Active if health.state().await.serves => None,
            Self::Active => Some("this server does not own the store, or it stops"),
        };
        plain::probe(fault.is_none(), fault.unwrap_or("ok"))
    }
}

/// Why calls should not be sent: the same as for the empty name of the health checks.
fn fault(state: State) -> Option<&'static str> {
    match state {
        State { forwards: true, .. } => None,
        State { serves: false, waits_for: WaitsFor::Owner, .. } => {
            Some("another server owns the store; this one is a standby")
        }
        State { serves: false, waits_for: WaitsFor::Database, .. } => {
            Some("the database of the store cannot be used; the log says why")
        }
        State { serves: false, .. } => Some("the store is being opened, or the server stops"),
        State { reads: false, .. } => Some("reads fail; the log says why"),
        State { writes: false, .. } => Some("writes are rejected; the log says why"),
        State { serves: true, reads: true, writes: true, .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_server_is_live_always_and_ready_while_it_serves() {
        let (health, _service) = Health::new().await;
        let well = State {
            serves: true,
            waits_for: WaitsFor::Nothing,
            forwards: false,
            reads: true,
            writes: true,
            is_tidy: false,
        };
        let standby = State { serves: false, waits_for: WaitsFor::Owner, ..well };
        for (state, ready, active) in [
            (well, 200, 200),
            (State { serves: false, ..well }, 503, 503),
            (standby, 503, 503),
            (State { forwards: true, ..standby }, 200, 503),
            (State { reads: false, ..well }, 503, 200),
            (State { writes: false, ..well }, 503, 200),
        ] {
            health.change(|now| *now = state).await;
            for (path, status) in [("/healthz", 200), ("/readyz", ready), ("/activez", active)] {
                let probe = Probe::of(&Request::get(path).body(()).unwrap()).unwrap();
                assert_eq!(probe.reply(&health).await.status(), status, "{path} {state:?}");
            }
        }
        assert_eq!(Probe::of(&Request::post("/readyz").body(()).unwrap()), None);
    }
}
