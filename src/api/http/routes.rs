//! The router of a door, and its replies to requests that match none of its calls.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::MethodRouter;
use http::HeaderMap;

use super::door::Door;
use super::pieces::drain;
use super::rejection::Rejection;
use crate::directory::Error;

/// Reads the secret of a token from the headers in which a door accepts it.
pub type Secret = fn(&HeaderMap) -> Result<Option<&str>, Error>;

/// The routes of a door that is being built.
#[derive(Default)]
pub struct Routes(Router<Door>);

impl Routes {
    /// Adds a call.
    pub fn add(&mut self, path: &str, call: MethodRouter<Door>) {
        self.0 = std::mem::take(&mut self.0).route(path, call);
    }

    /// The router. Requests that match no call are rejected, and `render` turns the rejection into a reply.
    pub fn finish(self, door: Door, secret: Secret, render: fn(Rejection) -> Response) -> Router {
        let path = move |State(door): State<Door>, request: Request| async move {
            render(reject(&door, secret, request, Rejection::UnknownPath).await)
        };
        let method = move |State(door): State<Door>, request: Request| async move {
            render(reject(&door, secret, request, Rejection::UnknownMethod).await)
        };
        self.0.method_not_allowed_fallback(method).fallback(path).with_state(door)
    }
}

/// The rejection of a request that matches no call. A caller without a valid token learns that first.
async fn reject(door: &Door, secret: Secret, request: Request, unmatched: Rejection) -> Rejection {
    let (head, body) = request.into_parts();
    let caller = match secret(&head.headers) {
        Ok(secret) => door.gate.identify(secret).await,
        Err(error) => Err(error),
    };
    drain(&head.headers, body).await;
    match caller {
        Err(error) => error.into(),
        Ok(_) => unmatched,
    }
}
