//! Collects one message, from its first bytes until it may be decoded.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::Frame;
use tokio::time::Instant;
use tonic::Status;
use tonic::codegen::StdError;

use super::prefix::{PREFIX_BYTES, prefix};
use super::requests::{Arriving, Held, Large, SMALL_BYTES};
use super::terms::Terms;
use super::unpack::{self, Encoding};
use crate::api::error;
use crate::api::grpc::faults;
use crate::compute::{self, Size};
use crate::directory::Received;
use crate::model::Reason;

/// Fewest bytes a second of a message that takes longer than a peer may be silent.
const SLOWEST_BYTES: u64 = 32 * 1024;
/// The empty message that stands for a large one.
const IN_ITS_PLACE: [u8; PREFIX_BYTES] = [0; PREFIX_BYTES];

/// Where the bytes of a message come from.
pub struct Source<B> {
    body: B,
    /// Bytes that arrived and were not read.
    rest: Bytes,
    began: Instant,
    patience: Duration,
    /// Bytes that arrived since.
    came: u64,
}

/// A message that is passed on.
pub enum Piece {
    /// A message that tonic decodes, with its prefix.
    Small(Bytes),
    /// A message that the codec takes from the call.
    Large(Large),
}

impl Piece {
    /// The bytes that tonic receives for it.
    pub fn hand_over(self, arriving: Option<&Arriving>) -> Bytes {
        match (self, arriving) {
            (Self::Small(bytes), _) => bytes,
            (Self::Large(large), Some(arriving)) => {
                arriving.hand_over(large);
                Bytes::from_static(&IN_ITS_PLACE)
            }
            // A message is large only in a known call.
            (Self::Large(_), None) => Bytes::new(),
        }
    }
}

impl<B> Source<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    /// The bytes of `rest`, and then those of `body`.
    pub fn new(body: B, rest: Bytes, patience: Duration) -> Self {
        Self { body, rest, began: Instant::now(), patience, came: 0 }
    }

    /// The bytes that are left, and the body.
    pub fn into_parts(self) -> (Bytes, B) {
        (self.rest, self.body)
    }

    /// The next `length` bytes, for which memory was taken.
    async fn read(&mut self, length: usize) -> Result<Bytes, Status> {
        if self.rest.len() >= length {
            return Ok(self.rest.split_to(length));
        }
        let mut bytes = BytesMut::with_capacity(length);
        bytes.put(std::mem::take(&mut self.rest));
        while bytes.len() < length {
            self.rest = self.more().await?;
            let next = self.rest.len().min(length - bytes.len());
            bytes.put(self.rest.split_to(next));
        }
        Ok(bytes.freeze())
    }

    /// The next bytes, unless they take too long.
    async fn more(&mut self) -> Result<Bytes, Status> {
        let until = self.began + self.patience + Duration::from_secs(self.came / SLOWEST_BYTES);
        let frame = poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx));
        let frame = tokio::time::timeout_at(until, frame).await.map_err(|_| too_slow())?;
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => {
                self.came += u64::try_from(data.len()).unwrap_or(u64::MAX);
                Ok(data)
            }
            Some(Err(error)) => Err(Status::from_error(error.into())),
            Some(Ok(Err(_))) | None => Err(malformed("the request ended within a message")),
        }
    }

    /// Starts the clock again: time spent waiting for room does not count as the peer's.
    fn go_on(&mut self) {
        (self.began, self.came) = (Instant::now(), 0);
    }
}

/// Reads a message, and waits until it may be decoded.
pub async fn collect<B>(source: &mut Source<B>, terms: &Terms) -> Result<Piece, Status>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    let head = source.read(PREFIX_BYTES).await?;
    let Some(((flag, length), _)) = prefix(&head) else { return Err(malformed("the message has no length")) };
    if length > terms.most {
        return Err(faults::too_large(terms.most));
    }
    if let Some(arriving) = &terms.arriving {
        arriving.check_length(length)?;
    }
    let received = receive(source, terms, length).await?;
    let bytes = source.read(length).await?;
    match (flag, terms.encoding) {
        (0, _) => finish(head, bytes, received, terms).await,
        (1, Some(encoding)) => match unpack::small(encoding, &bytes)? {
            Some(small) => finish(prefix_of(small.len()), small.into(), received, terms).await,
            None => unpack_large(encoding, bytes, received, terms).await,
        },
        (1, None) => {
            Err(malformed("the message is compressed, but grpc-encoding does not name a known compression"))
        }
        _ => Err(malformed("the compression flag of the message is neither 0 nor 1")),
    }
}

/// Takes memory for a message before it is read, unless it is small and complete already.
async fn receive<B>(source: &mut Source<B>, terms: &Terms, length: usize) -> Result<Option<Received>, Status>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    if length <= SMALL_BYTES && source.rest.len() >= length {
        return Ok(None);
    }
    let received = terms.incoming.turn(terms.whose, length).await?;
    source.go_on();
    Ok(Some(received))
}

/// Unpacks a message once there is memory for its decoded form.
async fn unpack_large(
    encoding: Encoding,
    bytes: Bytes,
    received: Option<Received>,
    terms: &Terms,
) -> Result<Piece, Status> {
    let (most, packed) = (terms.most, bytes.clone());
    let length = compute::run(move || unpack::length(encoding, &packed, most)).await?;
    if let Some(arriving) = &terms.arriving {
        arriving.check_length(length)?;
    }
    // Its memory is given back first, because a message that holds memory must not wait for more.
    drop(received);
    let received = terms.incoming.turn(terms.whose, length).await?;
    let bytes = compute::run(move || unpack::whole(encoding, &bytes, length)).await?;
    finish(prefix_of(length), bytes.into(), Some(received), terms).await
}

/// Waits for the memory of what the message becomes, unless that is little.
async fn finish(
    head: Bytes,
    bytes: Bytes,
    received: Option<Received>,
    terms: &Terms,
) -> Result<Piece, Status> {
    let small = |bytes: Bytes| {
        let length = head.len() + bytes.len();
        Ok(Piece::Small(head.chain(bytes).copy_to_bytes(length)))
    };
    let Some(arriving) = &terms.arriving else { return small(bytes) };
    // Weighing takes a tenth of the time of decoding.
    let weight = if Size::of_bytes(bytes.len()) == Size::Large {
        let (request, weighed) = (arriving.shape(), bytes.clone());
        compute::run(move || request.weigh(&weighed)).await
    } else {
        arriving.shape().weigh(&bytes)
    };
    if bytes.len() <= SMALL_BYTES && weight.is_light() {
        return small(bytes);
    }
    let received = match received {
        Some(received) => received,
        None => terms.incoming.turn(terms.whose, bytes.len()).await?,
    };
    let (size, entries) = (Size::of_message(bytes.len(), weight.bytes), weight.entries);
    let arrival = arriving.admit(bytes.len(), weight).await?;
    let turn = if size == Size::Small { None } else { Some(compute::permit().await) };
    Ok(Piece::Large(Large { bytes, size, entries, arrival, held: Held::new(received, turn) }))
}

fn prefix_of(length: usize) -> Bytes {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [&[0][..], &length].concat().into()
}

/// The refusal of a message that arrives too slowly.
pub fn too_slow() -> Status {
    error::status(Reason::TooSlow, "the message did not arrive in time; send it without pauses")
}

fn malformed(text: &str) -> Status {
    error::status(Reason::MessageMalformed, text)
}
