//! Authentication: checks the token in `authorization` and the access that the call needs before a message is
//! read.

use std::convert::Infallible;
use std::pin::pin;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::StdError;

use super::access::{self, Admitted};
use super::calls::Services;
use super::calls::direct::{self, Start};
use super::methods::{Method, method};
use super::receiving::{Arriving, Messages, Terms};
use super::replies::leaving::leave;
use super::v1::MESSAGE_MAX_BYTES;
use crate::api::bearer::bearer;
use crate::api::peer::Peer;
use crate::api::untaken::{self, Counted, Taken};
use crate::directory::{Caller, Error, Gate, Incoming};

/// The header with the compressions that a client knows.
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The services behind authentication.
pub struct Authenticated {
    /// Identifies and admits callers.
    gate: Gate,
    /// The memory for the bytes of requests.
    incoming: Incoming,
    services: Services,
}

impl Authenticated {
    /// The services of this door, for callers whom `gate` admits. `stopping` ends their streams.
    #[must_use]
    pub fn new(gate: &Gate, incoming: &Incoming, stopping: &CancellationToken) -> Self {
        let services = Services::new(gate, stopping);
        Self { gate: gate.clone(), incoming: incoming.clone(), services }
    }

    /// Handles one call of this peer.
    pub async fn call<B>(&self, request: Request<B>, peer: Option<Peer>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        // An unknown path needs no access; no service has it either.
        let method = method(request.uri().path());
        let caller = match self.admit(request.headers(), peer, method).await {
            Ok(caller) => caller,
            Err(error) => return Ok(Status::from(error).into_http()),
        };
        let (head, mut body) = request.into_parts();
        let mut arrived = Bytes::new();
        if let (Some(method), Some(call)) = (method, direct::Call::of(&head)) {
            match direct::start(call, &mut body, method).await {
                Start::Whole(message) => {
                    return Ok(self.direct(call, caller, method, message, &head).await);
                }
                Start::Part(start) => arrived = start,
                Start::Failed(status) => return Ok(status.into_http()),
            }
        }
        let (room, replies) = (self.gate.room(&caller), self.gate.replies(&caller));
        let whose = room.whose();
        let arriving = method.map(|method| Arriving::new(method, room));
        let terms = Terms {
            incoming: self.incoming.clone(),
            whose,
            most: method.map_or(MESSAGE_MAX_BYTES, |method| method.most),
            arriving: arriving.clone(),
            encoding: None,
            is_stream: method.is_some_and(|method| method.is_stream),
        };
        let terms = terms.with_headers(&head.headers);
        let takes_packed = head.headers.contains_key(ACCEPT_ENCODING);
        let request = Request::from_parts(head, Messages::after(arrived, body, terms));
        let (Some(method), Some(arriving)) = (method, arriving) else {
            return self.services.call(request).await;
        };
        let admitted = Admitted { caller, needs: method.needs, takes_packed };
        // Pinned here, so that the large future is not copied.
        let call = pin!(access::scope(admitted, arriving.scope(self.services.call(request))));
        let (response, taken) = untaken::count(replies, method.needs, call).await;
        Ok(leaving(response?, taken))
    }

    /// Makes a call whose message has arrived.
    async fn direct(
        &self,
        call: direct::Call,
        caller: Caller,
        method: &Method,
        message: Bytes,
        head: &Parts,
    ) -> Response<Body> {
        let replies = self.gate.replies(&caller);
        let made = pin!(async {
            let directory = self.gate.enter(caller, method.needs).await?;
            direct::make(call, directory, message, head).await
        });
        match untaken::count(replies, method.needs, made).await {
            (Ok(response), taken) => leaving(response, taken),
            (Err(status), _) => status.into_http(),
        }
    }

    /// The caller, if it may make the call.
    async fn admit(
        &self,
        headers: &HeaderMap,
        peer: Option<Peer>,
        method: Option<&Method>,
    ) -> Result<Caller, Error> {
        let caller = self.gate.identify(bearer(headers)?).await?.at(peer);
        if let Some(method) = method {
            self.gate.admit(&caller, method.needs).await?;
        }
        Ok(caller)
    }
}

/// The reply for the connection, with the memory that was taken for it.
fn leaving(response: Response<Body>, taken: Result<Option<Taken>, Error>) -> Response<Body> {
    let response = leave(response);
    match taken {
        Ok(None) => response,
        Ok(Some(taken)) => response.map(|body| Body::new(Counted::new(body, taken))),
        Err(error) => Status::from(error).into_http(),
    }
}

#[cfg(test)]
mod tests;
