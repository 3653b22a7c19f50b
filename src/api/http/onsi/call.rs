//! What a call is: its description, what it reads of a request, and what it does.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::Value;

use super::answer::Answer;
use super::failure::Failure;
use super::issues::Issues;
use crate::api::http::expected::Expects;
use crate::api::http::openapi::Document;
use crate::api::http::pieces::Pieces;
use crate::api::http::receive::Received;
use crate::directory::{Directory, Key, Selector};
use crate::model::BaseNumber;
use crate::model::token::AccessLevel;

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

/// The description of a call.
pub struct About {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: &'static str,
    /// Its name in the log and in the document: what it is about, and what it does.
    pub name: &'static str,
    /// What it does, in a sentence for readers of the document.
    pub summary: &'static str,
    /// The access that it needs.
    pub needs: AccessLevel,
    /// The status of a success.
    pub success: StatusCode,
    /// What headers may tell it to expect.
    pub expects: &'static [Expects],
    /// The statuses of its errors, besides those of every call.
    pub refusals: &'static [StatusCode],
}

impl About {
    /// A call that changes nothing.
    pub const fn read(path: &'static str, name: &'static str, summary: &'static str) -> Self {
        let (needs, success) = (AccessLevel::Read, StatusCode::OK);
        Self { method: Method::GET, path, name, summary, needs, success, expects: &[], refusals: &[] }
    }

    /// A call that changes something.
    pub const fn write(
        method: Method,
        path: &'static str,
        name: &'static str,
        summary: &'static str,
    ) -> Self {
        let (needs, success) = (AccessLevel::Write, StatusCode::OK);
        Self { method, path, name, summary, needs, success, expects: &[], refusals: &[] }
    }

    /// The same for a call that needs the access level `admin`.
    pub const fn administering(mut self) -> Self {
        self.needs = AccessLevel::Admin;
        self
    }

    /// The same with another status of a success.
    pub const fn succeeding(mut self, success: StatusCode) -> Self {
        self.success = success;
        self
    }

    /// The same for a call that can be told to expect something.
    pub const fn expecting(mut self, expects: &'static [Expects]) -> Self {
        self.expects = expects;
        self
    }

    /// The same with errors of these statuses, besides those of every call.
    pub const fn refusing(mut self, refusals: &'static [StatusCode]) -> Self {
        self.refusals = refusals;
        self
    }

    /// Whether its requests may have a request id.
    pub fn takes_request_id(&self) -> bool {
        self.needs > AccessLevel::Read
    }
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
    /// The body, if the call has one.
    pub body: Option<Received>,
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
