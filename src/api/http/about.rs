//! The description of a call with a method and a path of its own, from which its route and its part of the
//! document are made.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, StatusCode};

use super::door::Door;
use super::expected::Expects;
use crate::model::token::AccessLevel;

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

    /// The same for a call that changes nothing, although its method says so.
    pub const fn reading(mut self) -> Self {
        self.needs = AccessLevel::Read;
        self
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

    /// Its route.
    pub fn route<H: Handler<T, Door>, T: 'static>(&self, handler: H) -> MethodRouter<Door> {
        // axum knows the method of every call.
        let methods = MethodFilter::try_from(self.method.clone()).map(|method| on(method, handler));
        methods.unwrap_or_default()
    }
}
