//! Bodies: read whole, within limits of size, time and memory.
//!
//! A body that is refused is still drained for a moment: a client that is not done sending would otherwise see a broken
//! connection in place of the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::failure::Failure;
use crate::directory::{Arrival, Error, Room};

/// What is taken of the memory for bodies at a time, in bytes. Smaller bodies take nothing.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bodies up to this size are parsed without a look at what they become.
const SMALL_BYTES: usize = 64 * 1024;
/// What a value takes, in bytes: a text, a number, or an entry of a list.
const VALUE_BYTES: usize = 48;
/// How long a body may take whatever its size.
const PATIENCE: Duration = Duration::from_secs(30);
/// The least bytes a second of a body that takes longer.
const SLOWEST_BYTES: u32 = 32 * 1024;
/// How long a body that is refused is drained.
const DRAIN: Duration = Duration::from_secs(5);

/// The limits of bodies.
pub struct Bodies {
    /// Largest body, in bytes.
    limit: usize,
    /// Memory for large bodies, all together, in pieces.
    room: Arc<Semaphore>,
}

/// A body that was read.
pub struct Received {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The room for what it becomes, where that was taken.
    arrival: Option<Arrival>,
    _room: Vec<OwnedSemaphorePermit>,
}

impl Bodies {
    /// Bodies of up to `limit` bytes each, of which no more than that are in memory at a time, all together.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let pieces = (limit / PIECE_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { limit, room: Arc::new(Semaphore::new(pieces)) }
    }

    /// Reads `body`, which must say that it is JSON.
    pub(super) async fn read(&self, headers: &HeaderMap, body: &mut Body) -> Result<Received, Failure> {
        if !is_json(headers) {
            return Err(Failure::media_type());
        }
        if !is_plain(headers) {
            return Err(Failure::content_encoding());
        }
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > self.limit) {
            return Err(Failure::too_large(self.limit));
        }
        let began = Instant::now();
        let mut received = Received {
            bytes: Vec::with_capacity(announced.unwrap_or(0).min(PIECE_BYTES)),
            arrival: None,
            _room: Vec::new(),
        };
        loop {
            let read = u32::try_from(received.bytes.len()).unwrap_or(u32::MAX);
            let until = began + PATIENCE + Duration::from_secs(u64::from(read / SLOWEST_BYTES));
            let frame = match tokio::time::timeout_at(until, body.frame()).await {
                Err(_) => return Err(Failure::too_slow()),
                Ok(None) => return Ok(received),
                Ok(Some(Err(_))) => return Err(Failure::broken_body()),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let bytes = received.bytes.len().saturating_add(data.len());
            if bytes > self.limit {
                return Err(Failure::too_large(self.limit));
            }
            while bytes / PIECE_BYTES > received._room.len() {
                let piece = Arc::clone(&self.room).try_acquire_owned().map_err(|_| Error::Overloaded)?;
                received._room.push(piece);
            }
            received.bytes.extend_from_slice(&data);
        }
    }
}

impl Received {
    /// Takes room for the values in the body, before they are parsed. Small bodies become little, whatever is in them.
    pub(super) fn admit(&mut self, room: &Room) -> Result<(), Error> {
        if self.bytes.len() > SMALL_BYTES {
            // Each value but the first stands behind one of these; those within strings make it a little more.
            let values = self.bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':')).count();
            let mut arrival = room.arrival(self.bytes.len());
            arrival.grow(self.bytes.len().saturating_add(values.saturating_mul(VALUE_BYTES)))?;
            self.arrival = Some(arrival);
        }
        Ok(())
    }
}

/// Reads what is left of a body and forgets it, for a moment. One that waits to be asked for is not asked for: the client
/// has sent nothing of it, and hears the answer at once.
pub(super) async fn drain(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(EXPECT) && headers.contains_key(CONTENT_LENGTH) {
        return;
    }
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

/// A browser may send other types to a server of this machine without asking; JSON it may not.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Whether the body is sent as it is.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(kind: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        headers
    }

    async fn read(bodies: &Bodies, bytes: usize) -> Result<usize, http::StatusCode> {
        let mut body = Body::from(vec![b' '; bytes]);
        let received = bodies.read(&headers("application/json"), &mut body).await;
        received.map(|received| received.bytes.len()).map_err(|failure| failure.status())
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_so() {
        let bodies = Bodies::new(100);
        assert_eq!(read(&bodies, 100).await, Ok(100));
        assert_eq!(read(&bodies, 101).await, Err(http::StatusCode::PAYLOAD_TOO_LARGE));
        let mut announced = headers("application/json");
        announced.insert(CONTENT_LENGTH, "101".parse().unwrap());
        let refused = bodies.read(&announced, &mut Body::empty()).await.err().unwrap();
        assert_eq!(refused.status(), http::StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn large_bodies_share_the_memory_for_them() {
        let bodies = Bodies::new(4 * PIECE_BYTES);
        let mut body = Body::from(vec![b' '; 3 * PIECE_BYTES]);
        let first = bodies.read(&headers("application/json"), &mut body).await.unwrap();
        assert_eq!(read(&bodies, 2 * PIECE_BYTES).await, Err(http::StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(read(&bodies, PIECE_BYTES - 1).await, Ok(PIECE_BYTES - 1));
        drop(first);
        assert_eq!(read(&bodies, 2 * PIECE_BYTES).await, Ok(2 * PIECE_BYTES));
    }

    #[test]
    fn only_json_is_taken() {
        assert!(
            is_json(&headers("application/json")) && is_json(&headers("Application/JSON; charset=utf-8"))
        );
        assert!(!is_json(&headers("text/plain")) && !is_json(&HeaderMap::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let (_sender, stream) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
        let mut body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(stream));
        let refused = Bodies::new(100).read(&headers("application/json"), &mut body).await.err().unwrap();
        assert_eq!(refused.status(), http::StatusCode::REQUEST_TIMEOUT);
    }
}
