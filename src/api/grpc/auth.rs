//! Who calls: the token in `authorization`, looked at before a message is read.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

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
        match bearer(request.headers()).and_then(|secret| self.gate.identify(secret)) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Box::pin(self.inner.call(request))
            }
            Err(error) => Box::pin(std::future::ready(Ok(Status::from(error).into_http()))),
        }
    }
}

/// The service for the caller of `request`, for a call that needs this level of access.
pub fn enter<T>(gate: &Gate, request: &tonic::Request<T>, needs: AccessLevel) -> Result<Directory, Status> {
    let unknown = || Error::Internal { private: "a call came past the gate".to_owned() };
    let caller = request.extensions().get::<Caller>().ok_or_else(unknown)?;
    Ok(gate.enter(caller, needs)?)
}
