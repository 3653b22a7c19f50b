//! How the body of a reply ends that cannot be completed.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tonic::Status;

/// The last frame of such a body. A gRPC call ends with `status` in its trailers. Any other body breaks off,
/// so that its reader does not take a part for the whole.
pub fn broken_off(status: Status, is_grpc: bool) -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    match status.add_header(&mut trailers) {
        Ok(()) if is_grpc => Ok(Frame::trailers(trailers)),
        _ => Err(status),
    }
}
