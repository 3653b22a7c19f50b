//! What a call is: its description, what it reads of a request, and what it does.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use serde_json::Value;

use super::answer::Answer;
use super::failure::Failure;
use super::issues::Issues;
use crate::api::http::about::About;
use crate::api::http::openapi::Document;
use crate::api::http::pieces::Pieces;
use crate::api::http::receive::Received;
use crate::directory::{Directory, Key, Selector};
use crate::model::BaseNumber;

/// A call of this door.
pub trait Call: 'static {
    /// Its description.
    const ABOUT: About;
    /// What it reads of a request besides the id in the path.
    type Input: Input;
    /// Its reply.
    type Reply: Answer;

    /// Runs it.
    fn run(
        request: CallRequest,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

/// What a call reads of a request besides the id in the path.
pub trait Input: Sized + Send {
    /// The schema of the request body, if the call reads one.
    const BODY: Option<fn(&mut Document) -> Value> = None;
    /// The types of the request body and their schemas, if the call reads it piece by piece.
    const FILE: Option<fn(&mut Document) -> Value> = None;

    /// Reads it. The result is not used if a fault was noted.
    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self>;

    /// Its parameters in the query, for the document.
    fn parameters(_document: &mut Document) -> Vec<Value> {
        Vec::new()
    }
}

/// A request, read as far as every call needs it.
pub struct CallRequest {
    /// The service, for this caller.
    pub directory: Directory,
    /// The memberbase.
    pub base: BaseNumber,
    /// The id in the path, or an empty string.
    pub id: String,
    /// The parameters, as sent.
    pub query: String,
    /// The head of the request.
    pub head: Arc<Parts>,
    /// The body; empty if the call has none, or one that is a file.
    pub body: Received,
    /// The body, if it is a file; set once everything else was read. The lock is never waited for: it only
    /// lets tasks share the request.
    pub pieces: Mutex<Option<Pieces>>,
}

impl CallRequest {
    /// The body, if it is a file that nobody has taken.
    pub fn take_pieces(&mut self) -> Option<Pieces> {
        self.pieces.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The member of the path.
    pub fn selector(&self) -> Selector {
        Selector::Within(self.base, Key::Id(self.id.clone()))
    }
}
