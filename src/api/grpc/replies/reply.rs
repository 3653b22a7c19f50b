//! Replies with one message.

use prost::Message;
use tonic::Response;

use super::leaving;
use crate::api::grpc::access::takes_packed;
use crate::api::untaken;

/// Shorter replies, in bytes, are sent as they are: compressing them costs more than it saves.
pub const COMPRESS_FROM_BYTES: usize = 1024;

/// The reply. It is compressed only if it is long enough, and counted if it is longer still.
pub fn reply<T: Message>(message: T) -> Response<T> {
    let bytes = message.encoded_len();
    untaken::note(bytes);
    let mut response = Response::new(message);
    leaving::has_bytes(response.extensions_mut(), bytes);
    if bytes < COMPRESS_FROM_BYTES && takes_packed() {
        response.disable_compression();
    }
    response
}
