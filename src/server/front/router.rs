//! Routes each request to health, reflection or a door, or rejects it in the format of its door.

mod leased;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Body as _;
use hyper::service::Service;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use super::doors::{DoorOf, refuse, refuse_crowded};
use super::elsewhere::{Elsewhere, Reply, is_from_afar};
use super::health::{Health, State, WaitsFor};
use super::held::{self, CLOSED_RETRY, held};
use super::home::{self, Foreign};
use super::probe::Probe;
use super::reflection::reflection;
use crate::api::error;
use crate::api::grpc::auth::Authenticated;
use crate::api::grpc::plain;
use crate::api::grpc::receiving::{Messages, Terms};
use crate::api::http::{Bodies, Door, console, onsi, orbiit, publisher};
use crate::api::peer::Peer;
use crate::directory::{Gate, Incoming};
use crate::model::{Reason, origin};
use crate::server::ServeError;
use crate::server::connections::Crowded;
use crate::server::leases::Lessor;
use crate::server::metrics::{HELLO, LEASES};
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
    /// Whether callers need no token although they come from other machines.
    lets_all_in: bool,
    /// The settings of the console, if there is one.
    console: Option<console::Settings>,
    /// The budget for the bytes of requests.
    incoming: Incoming,
    /// The peer whose requests it routes, if known.
    peer: Option<Peer>,
    /// The other servers of the store.
    elsewhere: Elsewhere,
}

/// What surrounds a front.
#[derive(Default)]
pub struct Around {
    /// Whether only this machine can reach the port.
    pub on_loopback: bool,
    /// Whether callers need no token although they come from other machines.
    pub lets_all_in: bool,
    /// The settings of the console, if there is one.
    pub console: Option<console::Settings>,
    /// The other servers of the store.
    pub elsewhere: Elsewhere,
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
    /// Lends memberbases, if other servers may have them.
    lessor: Option<Lessor>,
}

impl Front {
    /// Serves only health and reflection; health checks return NOT_SERVING.
    pub async fn new(around: Around, incoming: Incoming) -> Result<Self, ServeError> {
        let Around { on_loopback, lets_all_in, console, elsewhere } = around;
        let (health, health_service) = Health::new().await;
        let always = Routes::new(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .prepare();
        let (services, is_standby) = (Arc::default(), Arc::default());
        Ok(Self {
            health,
            always,
            services,
            is_standby,
            on_loopback,
            lets_all_in,
            console,
            incoming,
            peer: None,
            elsewhere,
        })
    }

    /// The same, for the requests of a peer.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }

    /// Whose request this is: of the peer, or of the caller of the server that passed it on.
    fn peer_of<B>(&self, request: &Request<B>) -> Option<Peer> {
        request.extensions().get().copied().or(self.peer)
    }

    /// Keeps in touch with the active server, as long as that is another one, and says to probes whether it
    /// is reached. Calls `reached` when it is.
    pub async fn follow_active(self, reached: impl Fn() + Send) {
        self.elsewhere.follow(self.health, reached).await;
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
    /// `lessor` lends memberbases to others.
    pub async fn serve(
        &self,
        gate: &Gate,
        tenure: &Tenure,
        body_limit: usize,
        stopping: &CancellationToken,
        lessor: Option<Lessor>,
    ) {
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
            lessor,
        });
        self.is_standby.store(false, Ordering::Relaxed);
        let serves = |state: &mut State| {
            (state.serves, state.forwards, state.waits_for) = (true, false, WaitsFor::Nothing);
        };
        self.health.change(serves).await;
        self.elsewhere.here();
    }

    /// Makes health checks return NOT_SERVING.
    pub async fn stop_serving(&self) {
        self.elsewhere.stop();
        self.health.change(|state| (state.serves, state.forwards) = (false, false)).await;
    }

    /// The status that health checks return.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

impl Front {
    fn door<B>(&self, request: &Request<B>) -> DoorOf {
        DoorOf::request(self.console.is_some(), request)
    }

    /// Checks which page sent a gRPC-Web call and, if the server has no tokens and only this machine can
    /// reach it, every request, see [`home`]. Before the store is open nothing is served that needs
    /// protection.
    fn check_sender<B>(&self, request: &Request<B>) -> Result<(), Foreign> {
        if web::is_refused(request) {
            return Err(Foreign::Page);
        }
        let has_no_tokens = |services: &Services| !services.gate.has_tokens();
        if !self.services.get().is_some_and(has_no_tokens) {
            return Ok(());
        }
        // The server that passed it on may be reached from other machines.
        if !self.lets_all_in && is_from_afar(request) {
            return Err(Foreign::Caller);
        }
        if !self.on_loopback {
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
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        if let Some(peer) = self.peer_of(&request) {
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
            None => self.elsewhere(request, move |reason| closed(reason, CLOSED_RETRY).map(Body::new)),
        }
    }

    /// Has the active server answer, if this one passes calls on. `closed` is the reply if there is no
    /// answer.
    fn elsewhere<B>(
        &self,
        mut request: Request<B>,
        closed: impl FnOnce(Reason) -> Response<Body> + Send + 'static,
    ) -> Reply
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        if let Some(peer) = self.peer_of(&request) {
            request.extensions_mut().insert(peer);
        }
        let front = self.clone();
        self.elsewhere.answer(request, self.closed(), closed, move |request| front.route(request))
    }
}

impl<B> Service<Request<B>> for Front
where
    B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, request: Request<B>) -> Self::Future {
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
    fn route<B>(&self, request: Request<B>) -> Reply
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
        if request.uri().path() == HELLO {
            let is_active = self.services.get().is_some_and(|services| services.tenure.holds());
            return Box::pin(std::future::ready(Ok(self.elsewhere.prove(&request, is_active))));
        }
        if request.uri().path() == LEASES {
            let lessor = self.services.get().and_then(|services| services.lessor.clone());
            return Box::pin(async move {
                Ok(match lessor {
                    Some(lessor) => lessor.answer(&request.map(drop)).await,
                    None => plain::no_such_path(),
                })
            });
        }
        if let Err(foreign) = self.check_sender(&request) {
            return Box::pin(std::future::ready(Ok(refuse(&self.door(&request), foreign))));
        }
        if request.extensions().get::<Crowded>().is_some() {
            return Box::pin(std::future::ready(Ok(refuse_crowded(&self.door(&request), &request))));
        }
        if web::is_preflight(&request) {
            return Box::pin(std::future::ready(Ok(web::preflight())));
        }
        match self.door(&request) {
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
        let peer = self.peer_of(&request);
        if request.uri().path().starts_with("/grpc.") {
            let terms = Terms::of_open(peer, self.incoming.clone());
            return Box::pin(self.always.clone().call(request.map(|body| Messages::new(body, terms))));
        }
        if self.services.get().is_none() {
            if let Some(tenant) = self.elsewhere.tenant(&request) {
                return self.leased(request, tenant.clone());
            }
            return self.elsewhere(request, |reason| error::unavailable(reason, CLOSED_RETRY).into_http());
        }
        let services = Arc::clone(&self.services);
        Box::pin(async move {
            match services.get() {
                Some(services) => {
                    let reply = services.grpc.call(request, peer).await?;
                    Ok(held(reply, &services.tenure, true, |reason| held::status(reason).into_http()))
                }
                // It was there, and stays.
                None => Ok(held::status(Reason::StorageUnavailable).into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
