//! The gRPC door: package `publisher.v1`.
//!
//! Requests are checked for their form where they become values of the model, with the path of every fault; everything
//! else is the directory's. Strings are moved from messages into the model and back, never copied on the way.

mod api_tokens;
pub mod arriving;
mod attributes;
pub mod auth;
mod backup;
pub mod codec;
mod convert;
pub mod edge;
mod edit;
mod export;
pub(crate) mod fuzz;
mod import;
mod leaving;
mod member_bases;
mod members;
mod methods;
mod named;
mod pull;
mod records;
mod services;
mod shape;
mod upsert;
pub mod v1;

pub use self::api_tokens::to_wire as token_to_wire;

use std::time::Instant;

use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use self::auth::Authenticated;
use self::services::Services;
use crate::api::untaken;
use crate::directory::{Gate, Incoming};

/// Largest message, received or sent, in bytes.
pub const MESSAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Largest message to health checks and reflection, which nobody needs a token for, in bytes.
pub const OPEN_MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// Replies of fewer bytes are sent as they are: compressing them costs more than it saves.
const COMPRESS_FROM_BYTES: usize = 1024;

/// The services of this door, for callers whom `gate` knows. `stopping` ends their streams.
#[must_use]
pub fn services(gate: &Gate, incoming: &Incoming, stopping: &CancellationToken) -> Authenticated {
    let services = Services::new(gate, stopping);
    Authenticated { gate: gate.clone(), incoming: incoming.clone(), services }
}

/// The moment after which the caller does not want an answer any more.
fn deadline<T>(request: &Request<T>) -> Option<Instant> {
    request.extensions().get::<edge::Deadline>().map(|deadline| deadline.0)
}

/// A reply, compressed only if it is large enough, and counted if it is larger still.
fn reply<T: Message>(message: T) -> Response<T> {
    let bytes = message.encoded_len();
    untaken::note(bytes);
    let mut response = Response::new(message);
    leaving::has_bytes(response.extensions_mut(), bytes);
    if bytes < COMPRESS_FROM_BYTES {
        response.disable_compression();
    }
    response
}
