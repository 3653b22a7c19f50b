//! Requests that arrive: what they need is taken before they are decoded.
//!
//! A call carries what it is through its task, because the codec is told nothing but types. What its request takes is given back
//! when the call ends, or earlier, when the request has become rows ([`became_rows`]).

use std::cell::RefCell;

use tonic::Status;

use super::methods::Method;
use crate::api::error;
use crate::directory::{Arrival, Error, Room};
use crate::model::Reason;
use crate::model::limits::IMPORT_CHUNK_MAX_BYTES;

/// Smaller messages become no more than some megabytes, and are not looked at.
const SMALL_BYTES: usize = 4 * 1024;
/// What a message with a chunk may have besides: the options, and tags.
const CHUNK_EXTRA_BYTES: usize = 64 * 1024;

tokio::task_local! {
    static CALL: Call;
}

/// The call of a task.
struct Call {
    arriving: Arriving,
    /// What its request takes.
    taken: RefCell<Option<Arrival>>,
}

/// What a call's requests are checked against.
#[derive(Clone)]
pub struct Arriving {
    method: &'static Method,
    room: Room,
}

impl Arriving {
    /// The requests of `method`.
    pub fn new(method: &'static Method, room: Room) -> Self {
        Self { method, room }
    }

    /// Those of the call that the task is about.
    pub fn now() -> Option<Self> {
        CALL.try_with(|call| call.arriving.clone()).ok()
    }

    /// Does `call` as the call that these are the requests of.
    pub fn scope<F: Future>(self, call: F) -> impl Future<Output = F::Output> {
        CALL.scope(Call { arriving: self, taken: RefCell::new(None) }, call)
    }

    /// Refuses a message that may not be decoded. The messages of a stream are limited one by one and take nothing: their rows
    /// wait for room before the next message is read.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Status> {
        if bytes.len() <= SMALL_BYTES {
            return Ok(());
        }
        if self.method.is_import && bytes.len() > IMPORT_CHUNK_MAX_BYTES + CHUNK_EXTRA_BYTES {
            let text = format!("the chunk has {} bytes; the limit is {IMPORT_CHUNK_MAX_BYTES}", bytes.len());
            return Err(error::status(Reason::ChunkTooLarge, &text));
        }
        let weight = self.method.request.weigh(bytes);
        if let Some((rows, limit)) = weight.over {
            return Err(Error::TooMany { rows, limit }.into());
        }
        let mut arrival = self.room.arrival(bytes.len());
        // In a stream the task is no longer that of the call.
        let kept = CALL.try_with(|call| {
            arrival.grow(weight.bytes)?;
            call.taken.replace(Some(arrival));
            Ok::<_, Error>(())
        });
        Ok(kept.unwrap_or(Ok(()))?)
    }
}

/// Gives back what the request of the call at hand took: it has become rows, which the table counts.
pub fn became_rows() {
    // Requests of tests are of no call.
    let _ = CALL.try_with(|call| call.taken.replace(None));
}
