//! The doors of a request, and what is refused before it reaches one.

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};

use super::home::Foreign;
use crate::api::error;
use crate::api::grpc::plain;
use crate::api::http::{console, onsi, orbiit, publisher};
use crate::directory::Error;

/// The door that a request is for.
pub enum DoorOf {
    Publisher,
    Onsi,
    Orbiit,
    Console,
    Grpc,
    /// The request is neither gRPC nor at a JSON door.
    None,
}

impl DoorOf {
    /// `has_console` says whether there is a console.
    pub fn request<B>(has_console: bool, request: &Request<B>) -> Self {
        let path = request.uri().path();
        if path.starts_with(publisher::PREFIX) {
            Self::Publisher
        } else if onsi::PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
            Self::Onsi
        } else if path.starts_with(orbiit::PREFIX) {
            Self::Orbiit
        } else if has_console && console::is_console(path) {
            Self::Console
        } else if plain::is_grpc(request.headers()) {
            Self::Grpc
        } else {
            Self::None
        }
    }
}

/// Rejects a request that was not meant for this machine, in the format of its door.
pub fn refuse(door: &DoorOf, foreign: Foreign) -> Response<Body> {
    let (reason, text) = (foreign.reason(), foreign.to_string());
    match door {
        DoorOf::Publisher => publisher::forbidden(reason, text).map(Body::new),
        DoorOf::Onsi => onsi::forbidden(text).map(Body::new),
        DoorOf::Orbiit => orbiit::forbidden(text).map(Body::new),
        DoorOf::Console => console::forbidden(reason, text).map(Body::new),
        DoorOf::Grpc => error::foreign(Code::PermissionDenied, reason, &text).into_http(),
        DoorOf::None => plain::forbidden(&text),
    }
}

/// Rejects a call because its peer has too many, in the format of its door.
pub fn refuse_crowded<B>(door: &DoorOf, request: &Request<B>) -> Response<Body> {
    match door {
        DoorOf::Publisher => publisher::overloaded().map(Body::new),
        DoorOf::Onsi => onsi::overloaded().map(Body::new),
        DoorOf::Orbiit => orbiit::overloaded().map(Body::new),
        DoorOf::Console => console::overloaded().map(Body::new),
        DoorOf::Grpc => Status::from(Error::Overloaded).into_http(),
        DoorOf::None => plain::not_grpc(request.method(), request.uri().path()),
    }
}
