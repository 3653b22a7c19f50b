//! The requests of one call: what they become in memory, and the message that is decoded next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tonic::Status;

use crate::api::error;
use crate::api::grpc::methods::{Method, Shape, Weight};
use crate::compute::{self, Size};
use crate::directory::{Arrival, Error, Received, Room};
use crate::model::Reason;
use crate::model::limits::IMPORT_CHUNK_MAX_BYTES;

/// Messages of up to so many bytes usually come in one piece, and then take nothing for their bytes.
pub const SMALL_BYTES: usize = 4 * 1024;
/// What a small message may become without being counted, in bytes: calls about one member become a few kilobytes, and a row with
/// nothing in it, which has two bytes, half of one. A connection has 256 calls, and all of them may have to wait.
const LIGHT_BYTES: usize = 16 * 1024;
/// What a message with a chunk may have besides: the options, and tags.
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
    /// The message that is to be decoded next, in the place of an empty one.
    next: Option<Large>,
    /// What the last message takes, decoded.
    taken: Option<Arrival>,
}

/// A message that is complete, and has room for what it becomes.
pub struct Large {
    /// Its bytes.
    pub bytes: Bytes,
    /// How much work it is to decode it.
    pub size: Size,
    /// How many messages stand in its lists.
    pub entries: usize,
    /// The room for what it becomes.
    pub arrival: Arrival,
    /// What it needs until it is decoded.
    pub held: Held,
}

/// What a message needs until it is decoded: memory for its bytes, and its turn to compute.
pub struct Held {
    _received: Received,
    _turn: Option<compute::Permit>,
}

/// A message to be decoded now.
pub struct Ready {
    /// Its bytes.
    pub bytes: Bytes,
    /// How much work it is to decode it.
    pub size: Size,
    /// How many messages stand in its lists.
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

    /// Those of the call that the task is about.
    pub fn now() -> Option<Self> {
        CALL.try_with(Self::clone).ok()
    }

    /// Does `call` as the call that these are the requests of.
    pub fn scope<F: Future>(self, call: F) -> impl Future<Output = F::Output> {
        CALL.scope(self, call)
    }

    /// The message in whose place an empty one stands, if there is one. What it becomes counts until the next, or until the
    /// call ends.
    pub fn take(&self) -> Option<Ready> {
        let mut state = self.state();
        let Large { bytes, size, entries, arrival, held } = state.next.take()?;
        state.taken = Some(arrival);
        Some(Ready { bytes, size, entries, _held: held })
    }

    /// Gives back what the last message took: it has become rows, which the table counts.
    pub fn became_rows(&self) {
        self.state().taken = None;
    }

    /// What is known of their messages.
    pub fn shape(&self) -> &'static Shape {
        &self.0.method.request
    }

    /// Refuses a message of so many bytes that may not be read.
    pub fn check_length(&self, bytes: usize) -> Result<(), Status> {
        if self.0.method.is_import && bytes > IMPORT_CHUNK_MAX_BYTES + CHUNK_EXTRA_BYTES {
            let text = format!("the chunk has {bytes} bytes; the limit is {IMPORT_CHUNK_MAX_BYTES}");
            return Err(error::status(Reason::ChunkTooLarge, &text));
        }
        Ok(())
    }

    /// Whether a small message becomes so little that it is not counted. Most are not looked at: their length says it.
    pub fn is_light(&self, bytes: &[u8]) -> bool {
        let request = self.shape();
        request.at_most(bytes.len()) <= LIGHT_BYTES || request.weigh(bytes).is_light()
    }

    /// Takes what a message becomes, when it is its turn. The message before it is done with.
    pub async fn admit(&self, sent: usize, weight: Weight) -> Result<Arrival, Status> {
        if let Some((rows, limit)) = weight.over {
            return Err(Error::TooMany { rows, limit }.into());
        }
        self.became_rows();
        Ok(self.0.room.admit(sent, weight.bytes).await?)
    }

    /// Lets the codec find a message.
    pub fn hand_over(&self, large: Large) {
        self.state().next = Some(large);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the request of the call at hand is counted, as long as it has not become rows: those that become little are not.
pub fn is_counted() -> bool {
    CALL.try_with(|call| call.state().taken.is_some()).unwrap_or_default()
}

/// Gives back what the request of the call at hand took: it has become rows, which the table counts.
pub fn became_rows() {
    // Requests of tests are of no call.
    let _ = CALL.try_with(Arriving::became_rows);
}
