//! Routes each request to health, reflection or a door, or rejects it in the format of its door.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Body as _;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use super::health::{Health, WaitsFor};
use super::held::{self, CLOSED_RETRY, held};
use super::home::{self, Foreign};
use super::probe::Probe;
use crate::api::error;
use crate::api::grpc::auth::Authenticated;
use crate::api::grpc::receiving::{Messages, Terms};
use crate::api::grpc::{plain, v1};
use crate::api::http::{Bodies, Door, console, onsi, orbiit, publisher};
use crate::api::peer::Peer;
use crate::directory::{Error, Gate, Incoming};
use crate::model::{Reason, origin};
use crate::server::ServeError;
use crate::server::connections::Crowded;
use crate::server::tenure::Tenure;
use crate::server::web::{self, Page};

/// Routes requests. Cloning it is cheap.
#[derive(Clone)]
pub struct Front {
    health: Health,
    /// Health and reflection, which are always served.
    always: Routes,
    /// The other services, once the store is open.
    services: Arc<OnceLock<Services>>,
    /// Whether the store is not open because another server owns it.
    is_standby: Arc<AtomicBool>,
    /// Whether only this machine can reach the port.
    on_loopback: bool,
    /// The settings of the console, if there is one.
    console: Option<console::Settings>,
    /// The budget for the bytes of requests.
    incoming: Incoming,
    /// The peer whose requests it routes, if known.
    peer: Option<Peer>,
}

/// The services that need the store.
struct Services {
    gate: Gate,
    tenure: Tenure,
    grpc: Authenticated,
    publisher: axum::Router,
    onsi: axum::Router,
    orbiit: axum::Router,
    console: axum::Router,
}

impl Front {
    /// Serves only health and reflection; health checks return NOT_SERVING.
    pub async fn new(
        on_loopback: bool,
        console: Option<console::Settings>,
        incoming: Incoming,
    ) -> Result<Self, ServeError> {
        let (health, health_service) = Health::new().await;
        let always = Routes::new(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .prepare();
        let (services, is_standby) = (Arc::default(), Arc::default());
        Ok(Self { health, always, services, is_standby, on_loopback, console, incoming, peer: None })
    }

    /// The same, for the requests of a peer.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }

    /// Says to callers and probes what the opening of the store waits for.
    pub async fn stand_by(&self, waits_for: WaitsFor) {
        self.is_standby.store(waits_for == WaitsFor::Owner, Ordering::Relaxed);
        self.health.change(|state| state.waits_for = waits_for).await;
    }

    /// Why no store is open here.
    fn closed(&self) -> Reason {
        if self.is_standby.load(Ordering::Relaxed) { Reason::Standby } else { Reason::Starting }
    }

    /// Serves everything from now on, as long as `tenure` holds.
    pub async fn serve(&self, gate: &Gate, tenure: &Tenure, body_limit: usize, stopping: &CancellationToken) {
        let bodies = |limit| Arc::new(Bodies::new(limit, self.incoming.clone()));
        let door = |door, limit| Door { gate: gate.at(door), bodies: bodies(limit) };
        self.services.get_or_init(|| Services {
            gate: gate.clone(),
            tenure: tenure.clone(),
            grpc: Authenticated::new(&gate.at(origin::Door::Grpc), &self.incoming, stopping),
            publisher: publisher::routes(door(origin::Door::Publisher, body_limit)),
            onsi: onsi::routes(door(origin::Door::Onsi, body_limit.min(onsi::BODY_BYTES))),
            orbiit: orbiit::routes(door(origin::Door::Orbiit, body_limit)),
            console: match self.console.clone() {
                Some(settings) => {
                    console::routes(door(origin::Door::Console, body_limit), settings, stopping)
                }
                None => axum::Router::new(),
            },
        });
        self.is_standby.store(false, Ordering::Relaxed);
        self.health.change(|state| (state.serves, state.waits_for) = (true, WaitsFor::Nothing)).await;
    }

    /// Makes health checks return NOT_SERVING.
    pub async fn stop_serving(&self) {
        self.health.change(|state| state.serves = false).await;
    }

    /// The status that health checks return.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

/// The door that a request is for.
enum DoorOf {
    Publisher,
    Onsi,
    Orbiit,
    Console,
    Grpc,
    /// The request is neither gRPC nor at a JSON door.
    None,
}

impl DoorOf {
    fn request<B>(front: &Front, request: &Request<B>) -> Self {
        let path = request.uri().path();
        if path.starts_with(publisher::PREFIX) {
            Self::Publisher
        } else if onsi::PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
            Self::Onsi
        } else if path.starts_with(orbiit::PREFIX) {
            Self::Orbiit
        } else if front.console.is_some() && console::is_console(path) {
            Self::Console
        } else if plain::is_grpc(request.headers()) {
            Self::Grpc
        } else {
            Self::None
        }
    }
}

/// Rejects a request that was not meant for this machine, in the format of its door.
fn refuse<B>(front: &Front, request: &Request<B>, foreign: Foreign) -> Response<Body> {
    let (reason, text) = (foreign.reason(), foreign.to_string());
    match DoorOf::request(front, request) {
        DoorOf::Publisher => publisher::forbidden(reason, text).map(Body::new),
        DoorOf::Onsi => onsi::forbidden(text).map(Body::new),
        DoorOf::Orbiit => orbiit::forbidden(text).map(Body::new),
        DoorOf::Console => console::forbidden(reason, text).map(Body::new),
        DoorOf::Grpc => error::foreign(Code::PermissionDenied, reason, &text).into_http(),
        DoorOf::None => plain::forbidden(&text),
    }
}

/// Rejects a call because its peer has too many, in the format of its door.
fn refuse_crowded<B>(front: &Front, request: &Request<B>) -> Response<Body> {
    match DoorOf::request(front, request) {
        DoorOf::Publisher => publisher::overloaded().map(Body::new),
        DoorOf::Onsi => onsi::overloaded().map(Body::new),
        DoorOf::Orbiit => orbiit::overloaded().map(Body::new),
        DoorOf::Console => console::overloaded().map(Body::new),
        DoorOf::Grpc => Status::from(Error::Overloaded).into_http(),
        DoorOf::None => plain::not_grpc(request.method(), request.uri().path()),
    }
}

type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Front {
    /// Checks which page sent a gRPC-Web call and, if the server has no tokens and only this machine can
    /// reach it, every request, see [`home`]. Before the store is open nothing is served that needs
    /// protection.
    fn check_sender<B>(&self, request: &Request<B>) -> Result<(), Foreign> {
        if web::is_refused(request) {
            return Err(Foreign::Page);
        }
        let has_no_tokens = |services: &Services| !services.gate.has_tokens();
        if !(self.on_loopback && self.services.get().is_some_and(has_no_tokens)) {
            return Ok(());
        }
        match home::check(request.uri(), request.headers()) {
            // The operator named this page. If the list is `*`, nobody did.
            Err(Foreign::Origin) if request.extensions().get() == Some(&Page::Listed) => Ok(()),
            checked => checked,
        }
    }

    /// Serves a request at a JSON door or in the console. `router` returns the door, `closed` its reply while
    /// no store is open here.
    fn json<B>(
        &self,
        mut request: Request<B>,
        router: fn(&Services) -> &axum::Router,
        closed: fn(Reason, Duration) -> axum::response::Response,
    ) -> Reply
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        match self.services.get() {
            Some(services) => {
                let reply = router(services).clone().call(request.map(axum::body::Body::new));
                let tenure = services.tenure.clone();
                Box::pin(async move {
                    let reply = reply.await?.map(Body::new);
                    let lost = |reason| closed(reason, CLOSED_RETRY).map(Body::new);
                    Ok(held(reply, &tenure, false, lost))
                })
            }
            None => {
                let reply = closed(self.closed(), CLOSED_RETRY).map(Body::new);
                Box::pin(std::future::ready(Ok(reply)))
            }
        }
    }
}

/// Reflection of the services and of the details in errors. Stored forms are not included.
fn reflection<'a>() -> tonic_reflection::server::Builder<'a> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(v1::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

impl<B> Service<Request<B>> for Front
where
    B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let is_head = *request.method() == Method::HEAD;
        let reply = self.route(request);
        if is_head { Box::pin(async { Ok(without_body(reply.await?)) }) } else { reply }
    }
}

/// The reply to HEAD, which has the length of a body and no body. Over HTTP/2 nothing else would leave it
/// out.
fn without_body(reply: Response<Body>) -> Response<Body> {
    let length = reply.body().size_hint().exact().filter(|length| *length > 0);
    let mut reply = reply.map(|_| Body::empty());
    if let Some(length) = length {
        reply.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    reply
}

impl Front {
    fn route<B>(&mut self, request: Request<B>) -> Reply
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        // First, because programs that balance and start servers send no host, or one of their own, and must
        // not take a busy server for a dead one. A web page learns nothing of use.
        if let Some(probe) = Probe::of(&request) {
            let health = self.health.clone();
            return Box::pin(async move { Ok(probe.reply(&health).await) });
        }
        if let Err(foreign) = self.check_sender(&request) {
            return Box::pin(std::future::ready(Ok(refuse(self, &request, foreign))));
        }
        if request.extensions().get::<Crowded>().is_some() {
            return Box::pin(std::future::ready(Ok(refuse_crowded(self, &request))));
        }
        if web::is_preflight(&request) {
            return Box::pin(std::future::ready(Ok(web::preflight())));
        }
        match DoorOf::request(self, &request) {
            DoorOf::Publisher => {
                return self.json(request, |services| &services.publisher, publisher::not_serving);
            }
            DoorOf::Onsi => return self.json(request, |services| &services.onsi, onsi::not_serving),
            DoorOf::Orbiit => return self.json(request, |services| &services.orbiit, orbiit::not_serving),
            DoorOf::Console => return self.json(request, |services| &services.console, console::not_serving),
            DoorOf::None => {
                let reply = plain::not_grpc(request.method(), request.uri().path());
                return Box::pin(std::future::ready(Ok(reply)));
            }
            DoorOf::Grpc => {}
        }
        if request.uri().path().starts_with("/grpc.") {
            let terms = Terms::of_open(self.peer, self.incoming.clone());
            return Box::pin(self.always.call(request.map(|body| Messages::new(body, terms))));
        }
        let (services, closed, peer) = (Arc::clone(&self.services), self.closed(), self.peer);
        Box::pin(async move {
            match services.get() {
                Some(services) => {
                    let reply = services.grpc.call(request, peer).await?;
                    Ok(held(reply, &services.tenure, true, |reason| held::status(reason).into_http()))
                }
                None => Ok(error::unavailable(closed, CLOSED_RETRY).into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Option<console::Settings> {
        Some(console::Settings { is_encrypted: false, recent: Default::default() })
    }

    async fn call(front: &mut Front, path: &str) -> Response<Body> {
        let request = Request::post(path).header("content-type", "application/grpc").body(Body::empty());
        front.call(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn until_the_store_is_open_only_health_is_served() {
        let mut front = Front::new(true, None, Incoming::new(1 << 20, CLOSED_RETRY)).await.unwrap();
        let response = call(&mut front, "/publisher.v1.MemberService/GetMember").await;
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(
            (status.code(), error::reason_of(&status).as_deref()),
            (Code::Unavailable, Some("STARTING"))
        );
        front.stand_by(WaitsFor::Owner).await;
        let response = call(&mut front, "/publisher.v1.MemberService/GetMember").await;
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(
            (status.code(), error::reason_of(&status).as_deref()),
            (Code::Unavailable, Some("STANDBY"))
        );
        // Health replies with a message, so there is no status in the headers.
        let response = call(&mut front, "/grpc.health.v1.Health/Watch").await;
        assert!(
            Status::from_header_map(response.headers())
                .is_none_or(|status| status.code() != Code::Unavailable)
        );
    }

    #[tokio::test]
    async fn a_call_of_a_peer_with_too_many_is_rejected_in_the_format_of_its_door() {
        let mut front = Front::new(false, console(), Incoming::new(1 << 20, CLOSED_RETRY)).await.unwrap();
        for (path, kind, status) in [
            ("/grpc.health.v1.Health/Check", "application/grpc", 200),
            ("/publisher.v1/member/get", "application/json", 503),
            ("/v1/members", "application/json", 429),
            ("/v0/workspaces/mb_1/members", "application/json", 503),
            ("/console/bases/mb_1", "text/html", 503),
            ("/", "text/plain", 404),
        ] {
            let mut request = Request::post(path).header("content-type", kind).body(Body::empty()).unwrap();
            request.extensions_mut().insert(Crowded);
            let response = front.call(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            if status == 200 {
                let rejected = Status::from_header_map(response.headers()).unwrap();
                assert_eq!(error::reason_of(&rejected).as_deref(), Some("OVERLOADED"));
            }
        }
    }
}
