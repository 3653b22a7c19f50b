//! The requests of one call: the memory for their decoded form, and the message that is decoded next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tonic::Status;

use super::members::SentMembers;
use crate::api::error;
use crate::api::grpc::methods::{Method, Shape, Weight};
use crate::compute::{self, Size};
use crate::directory::{Arrival, Error, Received, Room};
use crate::model::Reason;
use crate::model::limits::IMPORT_CHUNK_MAX_BYTES;

/// Messages up to this size, in bytes, usually arrive in one piece, and then their bytes are not counted.
pub const SMALL_BYTES: usize = 4 * 1024;
/// What a small message may become without being counted, in bytes. A call about one member becomes a few
/// kilobytes, and an empty row of two bytes becomes half a kilobyte. A connection has up to 256 calls, and
/// all of them may wait.
pub const LIGHT_BYTES: usize = 16 * 1024;
/// Bytes of a message with a chunk besides its rows: the options, and tags.
const CHUNK_EXTRA_BYTES: usize = 64 * 1024;

tokio::task_local! {
    static CALL: Arriving;
}

/// The requests of a call. Clones are of the same call.
#[derive(Clone)]
pub struct Arriving(Arc<Requests>);

struct Requests {
    method: &'static Method,
    room: Room,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The message that is decoded next, in place of an empty one.
    next: Option<Large>,
    /// The memory of the last message, decoded.
    taken: Option<Arrival>,
    /// The members of the last message, if they were set aside.
    members: Option<SentMembers>,
}

/// A complete message, with room for its decoded form.
pub struct Large {
    /// Its bytes.
    pub bytes: Bytes,
    /// How much work decoding it is.
    pub size: Size,
    /// How many messages its lists have.
    pub entries: usize,
    /// The room for its decoded form.
    pub arrival: Arrival,
    /// The memory that it needs until it is decoded.
    pub held: Held,
}

/// What a message holds until it is decoded: memory for its bytes, and its turn to compute.
pub struct Held {
    _received: Received,
    _turn: Option<compute::Permit>,
}

/// A message that is ready to be decoded.
pub struct Ready {
    /// Its bytes.
    pub bytes: Bytes,
    /// How much work decoding it is.
    pub size: Size,
    /// How many messages its lists have.
    pub entries: usize,
    _held: Held,
}

impl Held {
    /// Memory for the bytes of a message, and its turn to compute unless that is not needed.
    pub fn new(received: Received, turn: Option<compute::Permit>) -> Self {
        Self { _received: received, _turn: turn }
    }
}

impl Weight {
    /// Whether a message becomes so little that it is not counted.
    pub fn is_light(&self) -> bool {
        self.over.is_none() && self.bytes <= LIGHT_BYTES
    }
}

impl Arriving {
    /// The requests of `method`.
    pub fn new(method: &'static Method, room: Room) -> Self {
        Self(Arc::new(Requests { method, room, state: Mutex::default() }))
    }

    /// The requests of the current call.
    pub fn now() -> Option<Self> {
        CALL.try_with(Self::clone).ok()
    }

    /// Runs `call` as the current call, with these requests.
    pub fn scope<F: Future>(self, call: F) -> impl Future<Output = F::Output> {
        CALL.scope(self, call)
    }

    /// The message that an empty one stands for, if any. Its decoded form is counted until the next message
    /// or the end of the call.
    pub fn take(&self) -> Option<Ready> {
        let mut state = self.state();
        let Large { bytes, size, entries, arrival, held } = state.next.take()?;
        state.taken = Some(arrival);
        Some(Ready { bytes, size, entries, _held: held })
    }

    /// Sets the members of the last message aside. The message was decoded without them.
    pub fn set_aside(&self, members: SentMembers) {
        self.state().members = Some(members);
    }

    /// The members of the last message, if they were set aside.
    pub fn members(&self) -> Option<SentMembers> {
        self.state().members.take()
    }

    /// Gives back the memory of the last message: it has become rows, which the table counts.
    pub fn became_rows(&self) {
        self.state().taken = None;
    }

    /// Whether the last message is counted. A message that becomes little is not.
    pub fn is_counted(&self) -> bool {
        self.state().taken.is_some()
    }

    /// The shape of their messages.
    pub fn shape(&self) -> &'static Shape {
        &self.0.method.request
    }

    /// Refuses a message that is too long to be read.
    pub fn check_length(&self, bytes: usize) -> Result<(), Status> {
        if self.0.method.is_stream && bytes > IMPORT_CHUNK_MAX_BYTES + CHUNK_EXTRA_BYTES {
            let text = format!("the chunk has {bytes} bytes; the limit is {IMPORT_CHUNK_MAX_BYTES}");
            return Err(error::status(Reason::ChunkTooLarge, &text));
        }
        Ok(())
    }

    /// Whether a small message becomes so little that it is not counted. For most messages their length is
    /// enough to know.
    pub fn is_light(&self, bytes: &[u8]) -> bool {
        is_light(self.shape(), bytes)
    }

    /// Takes memory, in turn, for what a message becomes. The message before it is no longer used.
    pub async fn admit(&self, sent: usize, weight: Weight) -> Result<Arrival, Status> {
        if let Some((rows, limit)) = weight.over {
            return Err(Error::TooMany { rows, limit }.into());
        }
        self.became_rows();
        Ok(self.0.room.admit(sent, weight.bytes).await?)
    }

    /// Hands a message to the codec.
    pub fn hand_over(&self, large: Large) {
        self.state().next = Some(large);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a small message of this shape becomes so little that it is not counted.
pub fn is_light(request: &Shape, bytes: &[u8]) -> bool {
    request.at_most(bytes.len()) <= LIGHT_BYTES || request.weigh(bytes).is_light()
}

/// Whether the request of the current call is counted, until it becomes rows. A request that becomes little
/// is not counted.
pub fn is_counted() -> bool {
    CALL.try_with(Arriving::is_counted).unwrap_or_default()
}

/// Gives back the memory of the current call's request: it has become rows, which the table counts.
pub fn became_rows() {
    // Tests make requests outside of any call.
    let _ = CALL.try_with(Arriving::became_rows);
}
