//! Calls that the active server answers while that is another one, and what the two tell each other.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::request::Parts;
use http::{Request, Response};
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;

use super::health::Health;
use super::held::CLOSED_RETRY;
use crate::api::error;
use crate::api::grpc::plain;
use crate::model::Reason;
use crate::server::forward::{Callers, FORWARDED, Forward, Forwarded, PROOF, Passed, Read, Toward};
use crate::server::leases::{Tenant, place};

/// A reply that is being made.
pub type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The other servers of the store. Clones are the same.
#[derive(Clone, Default)]
pub struct Elsewhere {
    /// What proves to them that this one is active, and who their callers are.
    callers: Callers,
    /// Passes calls on, if the settings say so.
    forward: Option<Forward>,
    /// The memberbases that this server has for itself meanwhile, if it may.
    tenant: Option<Tenant>,
    is_stopping: Arc<AtomicBool>,
}

impl Elsewhere {
    /// Passes calls on with `forward`, if there is one, but for those that `tenant` serves.
    pub fn new(callers: Callers, forward: Option<Forward>, tenant: Option<Tenant>) -> Self {
        Self { callers, forward, tenant, is_stopping: Arc::default() }
    }

    /// Keeps in touch with the active server, as long as that is another one, and says to probes whether it
    /// is reached. Calls `reached` when it is.
    pub async fn follow(self, health: Health, reached: impl Fn() + Send) {
        let Some(forward) = self.forward.clone() else { return };
        let (telling, mut told) = watch::channel(false);
        let following = forward.follow(move |is_reached| {
            telling.send_replace(is_reached);
        });
        let mut following = pin!(following);
        loop {
            tokio::select! {
                () = &mut following => return,
                changed = told.changed() => if changed.is_err() { return },
            }
            let is_reached = *told.borrow_and_update();
            if is_reached {
                reached();
            }
            let stops = || self.is_stopping.load(Ordering::Acquire);
            health.change(|state| state.forwards = is_reached && !state.serves && !stops()).await;
        }
    }

    /// This server is active from now on: calls that wait are answered here.
    pub fn here(&self) {
        if let Some(forward) = &self.forward {
            forward.toward(Toward::Here);
        }
    }

    /// Probes do not hear again that this server answers.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        if let Some(tenant) = &self.tenant {
            tenant.stop_asking();
        }
    }

    /// What may serve a gRPC call here although another server is active.
    pub fn tenant<B>(&self, request: &Request<B>) -> Option<&Tenant> {
        let tenant = self.tenant.as_ref()?;
        let may = place(request.uri().path()).is_some() && !request.headers().contains_key(FORWARDED);
        may.then_some(tenant)
    }

    /// Has the active server answer, unless the request was passed on before. `closed` is the reply if there
    /// is no answer, `unknown` the reason if calls are not passed on, and `here` answers if this server has
    /// become active.
    pub fn answer<B>(
        &self,
        request: Request<B>,
        unknown: Reason,
        closed: impl FnOnce(Reason) -> Response<Body> + Send + 'static,
        here: impl FnOnce(Request<Body>) -> Reply + Send + 'static,
    ) -> Reply
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let was_passed_on = request.headers().contains_key(FORWARDED);
        let Some(forward) = self.forward.clone().filter(|_| !was_passed_on) else {
            return Box::pin(std::future::ready(Ok(closed(unknown))));
        };
        Box::pin(async move { answered(forward.pass_on(request, lost).await, closed, here).await })
    }

    /// The same for a call that came at `begun`, and whose body was read ahead.
    pub async fn answer_read(
        &self,
        unknown: Reason,
        (call, read, begun): (Parts, Read, Instant),
        closed: impl FnOnce(Reason) -> Response<Body>,
        here: impl FnOnce(Request<Body>) -> Reply,
    ) -> Result<Response<Body>, Infallible> {
        match &self.forward {
            Some(forward) => {
                answered(forward.pass_on_read(call, read, begun, lost).await, closed, here).await
            }
            None => Ok(closed(unknown)),
        }
    }

    /// Proves to another server that this one is active, if it `is_active`.
    pub fn prove<B>(&self, request: &Request<B>, is_active: bool) -> Response<Body> {
        let proof = self.callers.answer(request.headers()).filter(|_| is_active);
        let mut reply = plain::probe(proof.is_some(), if is_active { "active" } else { "not active" });
        reply.headers_mut().extend(proof.map(|proof| (PROOF, proof)));
        reply
    }
}

/// The end of a reply whose rest was lost.
fn lost() -> Status {
    error::unavailable(Reason::AnswerLost, CLOSED_RETRY)
}

async fn answered(
    passed: Passed,
    closed: impl FnOnce(Reason) -> Response<Body>,
    here: impl FnOnce(Request<Body>) -> Reply,
) -> Result<Response<Body>, Infallible> {
    match passed {
        Passed::Answered(reply) => Ok(reply),
        Passed::Here(request) => here(request).await,
        Passed::Refused(reason) => Ok(closed(reason)),
    }
}

/// Whether another server passed a request on, for a caller that is not proven to be on this machine.
pub fn is_from_afar<B>(request: &Request<B>) -> bool {
    let is_here = |forwarded: &Forwarded| forwarded.caller.is_some_and(|caller| caller.is_loopback());
    request.extensions().get().is_some_and(|forwarded| !is_here(forwarded))
}
