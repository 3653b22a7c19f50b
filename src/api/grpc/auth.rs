//! Who calls, and whether they may: the token in `authorization` and the level of the call, looked at before a message is read.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::arriving::Arriving;
use super::methods::{Method, method};
use crate::api::bearer::bearer;
use crate::directory::{Caller, Directory, Error, Gate};
use crate::model::token::AccessLevel;

/// `inner`, for callers that are known. Its requests carry their [`Caller`] as an extension.
#[derive(Clone)]
pub struct Authenticated<S> {
    /// Who knows the callers.
    pub gate: Gate,
    /// The services.
    pub inner: S,
}

impl<S, B> Service<Request<B>> for Authenticated<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // A path that is no call has no level; it finds no service either.
        let method = method(request.uri().path());
        match self.admit(request.headers(), method) {
            Ok(caller) => {
                let room = self.gate.room(&caller);
                request.extensions_mut().insert(caller);
                let Some(method) = method else { return Box::pin(self.inner.call(request)) };
                request.extensions_mut().insert(method.needs);
                Box::pin(Arriving::new(method, room).scope(self.inner.call(request)))
            }
            Err(error) => Box::pin(std::future::ready(Ok(Status::from(error).into_http()))),
        }
    }
}

impl<S> Authenticated<S> {
    /// The caller, who may make the call.
    fn admit(&self, headers: &HeaderMap, method: Option<&Method>) -> Result<Caller, Error> {
        let caller = self.gate.identify(bearer(headers)?)?;
        if let Some(method) = method {
            self.gate.enter(&caller, method.needs)?;
        }
        Ok(caller)
    }
}

/// The service for the caller of `request`. That the caller may make the call is judged once more, now that its message is
/// there: a token may have been revoked while it came.
pub fn enter<T>(gate: &Gate, request: &tonic::Request<T>) -> Result<Directory, Status> {
    let unknown = || Error::Internal { private: "a call came past the gate".to_owned() };
    let caller = request.extensions().get::<Caller>().ok_or_else(unknown)?;
    let needs = request.extensions().get::<AccessLevel>().ok_or_else(unknown)?;
    Ok(gate.enter(caller, *needs)?)
}
