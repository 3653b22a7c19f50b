//! Reads the bodies of requests whole, within limits of size, time and memory.

use std::time::Duration;

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::pieces::{Pieces, SLOWEST_BYTES};
use super::rejection::Rejection;
use crate::compute::{self, Size};
use crate::directory::{self, Arrival, Error, Incoming, Room, Whose};

/// The step, in bytes, in which memory is taken for a body without a content length.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bodies up to this size, in bytes, usually arrive in one piece, and are not counted.
const TINY_BYTES: usize = 4 * 1024;
/// Bodies up to this size, in bytes, become little whatever they contain, and are parsed without being
/// weighed.
const UNWEIGHED_BYTES: usize = 128;
/// What a body may become in memory without being counted, in bytes; a call about one member becomes a few
/// kilobytes.
const LIGHT_BYTES: usize = 16 * 1024;
/// The memory of a value, in bytes: a text, a number, or an entry of a list.
const VALUE_BYTES: usize = 48;

/// The limits of bodies.
pub struct Bodies {
    /// Largest body, in bytes.
    limit: usize,
    /// The memory for their bytes, which all messages share.
    incoming: Incoming,
}

/// A complete body.
pub struct Received {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How much work parsing it is.
    pub(super) size: Size,
    /// The room for its parsed form, if that is counted.
    arrival: Option<Arrival>,
    /// The memory for its bytes.
    _taken: Vec<directory::Received>,
}

impl Bodies {
    /// Bodies of up to `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize, incoming: Incoming) -> Self {
        Self { limit, incoming }
    }

    /// The pieces of `body`, which may have up to `limit` bytes and is not held whole.
    pub(super) fn pieces(
        &self,
        headers: &HeaderMap,
        body: &mut Body,
        limit: usize,
    ) -> Result<Pieces, Rejection> {
        if !is_plain(headers) {
            return Err(Rejection::ContentEncoding);
        }
        if announced(headers).is_some_and(|bytes| bytes > limit) {
            return Err(Rejection::TooLarge { limit });
        }
        Ok(Pieces::new(std::mem::take(body), limit, self.incoming.patience))
    }

    /// Reads `body`, whose content type must be JSON.
    pub(super) async fn read(
        &self,
        whose: Whose,
        headers: &HeaderMap,
        body: &mut Body,
    ) -> Result<Received, Rejection> {
        if !is_json(headers) {
            return Err(Rejection::ContentType);
        }
        if !is_plain(headers) {
            return Err(Rejection::ContentEncoding);
        }
        let announced = announced(headers);
        if announced.is_some_and(|bytes| bytes > self.limit) {
            return Err(Rejection::TooLarge { limit: self.limit });
        }
        let announced = announced.unwrap_or(0);
        let (mut room, mut taken) = (TINY_BYTES, Vec::new());
        if announced > room {
            taken.push(self.incoming.turn(whose, announced).await?);
            room = announced;
        }
        let began = Instant::now();
        let mut bytes = Vec::with_capacity(announced);
        loop {
            let read = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let until = began + self.incoming.patience + Duration::from_secs(u64::from(read / SLOWEST_BYTES));
            let frame = match tokio::time::timeout_at(until, body.frame()).await {
                Err(_) => return Err(Rejection::TooSlow),
                Ok(None) => {
                    let size = Size::of_bytes(bytes.len());
                    return Ok(Received { bytes, size, arrival: None, _taken: taken });
                }
                Ok(Some(Err(_))) => return Err(Rejection::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let length = bytes.len().saturating_add(data.len());
            if length > self.limit {
                return Err(Rejection::TooLarge { limit: self.limit });
            }
            while length > room {
                // A body that holds memory does not wait for more.
                taken.push(self.incoming.take(whose, PIECE_BYTES)?);
                room += PIECE_BYTES;
            }
            bytes.extend_from_slice(&data);
        }
    }
}

impl Received {
    /// The body of a call that reads none.
    pub(super) fn empty() -> Self {
        Self { bytes: Vec::new(), size: Size::Small, arrival: None, _taken: Vec::new() }
    }

    /// Reads the bytes with `read`, where the size of the body allows it. Their memory is given back
    /// afterwards.
    pub(super) async fn read<T: Send + 'static>(self, read: impl FnOnce(&[u8]) -> T + Send + 'static) -> T {
        match self.size {
            Size::Large => compute::run(move || read(&self.bytes)).await,
            size => compute::here(size, || read(&self.bytes)).await,
        }
    }

    /// Hands over the room for its parsed form, which outlives the body.
    pub(super) fn take_arrival(&mut self) -> Option<Arrival> {
        self.arrival.take()
    }

    /// Takes room, in turn, for what the body becomes, before it is parsed: `object_bytes` for each object in
    /// a list, and some for each value. A body that becomes little needs no room.
    pub(super) async fn admit(&mut self, room: &Room, object_bytes: usize) -> Result<(), Error> {
        let bytes = self.bytes.len();
        if bytes <= UNWEIGHED_BYTES {
            return Ok(());
        }
        let weigh = || weigh(&self.bytes, object_bytes);
        let becomes = bytes.saturating_add(compute::here(self.size, weigh).await);
        self.size = Size::of_message(bytes, becomes);
        if becomes > LIGHT_BYTES {
            self.arrival = Some(room.admit(bytes, becomes).await?);
        }
        Ok(())
    }
}

/// The most that JSON becomes in memory, in bytes. Punctuation inside strings is counted too, which makes it
/// a little more.
fn weigh(json: &[u8], object_bytes: usize) -> usize {
    // Each value but the first follows one of these.
    let values = json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':')).count();
    let values = values.saturating_mul(VALUE_BYTES);
    if object_bytes == 0 {
        return values;
    }
    let (mut objects, mut before) = (0_usize, b' ');
    for byte in json.iter().copied().filter(|byte| !byte.is_ascii_whitespace()) {
        objects += usize::from(byte == b'{' && matches!(before, b'[' | b','));
        before = byte;
    }
    values.max(objects.saturating_mul(object_bytes))
}

/// Whether the content type is JSON, and given once. A browser may send other types to a server on this
/// machine without a preflight request, but not JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next().filter(|_| values.next().is_none());
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The length of the body, if the client says it.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Whether the body has no content encoding.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::directory::Party;

    fn headers(kind: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        headers
    }

    fn bodies(limit: usize) -> Bodies {
        Bodies::new(limit, Incoming::new(40 * PIECE_BYTES, Duration::from_secs(30)))
    }

    fn whose(number: u32) -> Whose {
        Party::Peer(std::net::Ipv4Addr::from(number).into()).into()
    }

    async fn read(bodies: &Bodies, number: u32, bytes: usize) -> Result<Received, http::StatusCode> {
        let mut body = Body::from(vec![b' '; bytes]);
        let received = bodies.read(whose(number), &headers("application/json"), &mut body).await;
        received.map_err(|rejection| rejection.status())
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_so() {
        let bodies = bodies(100);
        assert_eq!(read(&bodies, 1, 100).await.unwrap().bytes.len(), 100);
        assert_eq!(read(&bodies, 1, 101).await.err(), Some(http::StatusCode::PAYLOAD_TOO_LARGE));
        let mut announced = headers("application/json");
        announced.insert(CONTENT_LENGTH, "101".parse().unwrap());
        let refused = bodies.read(whose(1), &announced, &mut Body::empty()).await.err().unwrap();
        assert_eq!(refused.status(), http::StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn large_bodies_share_their_memory_and_no_caller_takes_all_of_it() {
        let bodies = bodies(20 * PIECE_BYTES);
        // Half of the room for large ones is 15 pieces.
        let first = read(&bodies, 1, 15 * PIECE_BYTES).await.unwrap();
        assert_eq!(
            read(&bodies, 1, 2 * PIECE_BYTES).await.err(),
            Some(http::StatusCode::SERVICE_UNAVAILABLE)
        );
        assert!(
            read(&bodies, 1, TINY_BYTES).await.is_ok() && read(&bodies, 2, 2 * PIECE_BYTES).await.is_ok()
        );
        let mut announced = headers("application/json");
        announced.insert(CONTENT_LENGTH, (2 * PIECE_BYTES).to_string().parse().unwrap());
        let mut body = Body::from(vec![b' '; 2 * PIECE_BYTES]);
        let mut waits = Box::pin(bodies.read(whose(1), &announced, &mut body));
        assert!(waits.as_mut().now_or_never().is_none(), "it says how long it is, and waits");
        drop(first);
        assert_eq!(waits.await.unwrap().bytes.len(), 2 * PIECE_BYTES);
    }

    #[test]
    fn json_counts_as_its_values_or_as_the_objects_in_its_lists() {
        let json = br#"{"a": [{"b": {"c": 1}}, {"d": [[], {}]}]}"#;
        assert_eq!(weigh(json, 0), 14 * VALUE_BYTES);
        assert_eq!(weigh(json, 10), 14 * VALUE_BYTES);
        assert_eq!(weigh(json, 1_000), 3 * 1_000);
        assert_eq!((weigh(b"", 1_000), weigh(b"[\n  {\n", 1_000)), (0, 1_000));
    }

    #[test]
    fn only_json_is_taken() {
        assert!(
            is_json(&headers("application/json")) && is_json(&headers("Application/JSON; charset=utf-8"))
        );
        assert!(!is_json(&headers("text/plain")) && !is_json(&HeaderMap::new()));
        let mut twice = headers("application/json");
        twice.append(CONTENT_TYPE, "text/plain".parse().unwrap());
        assert!(!is_json(&twice));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let (_sender, stream) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
        let mut body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(stream));
        let refused =
            bodies(100).read(whose(1), &headers("application/json"), &mut body).await.err().unwrap();
        assert_eq!(refused.status(), http::StatusCode::REQUEST_TIMEOUT);
    }
}
