//! What a call replies: JSON, or a file that is sent piece by piece.

use std::future::Future;

use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use crate::api::http::openapi::{Document, content};
use crate::api::http::reply::json;

/// What a call replies.
pub trait Answer: Send {
    /// Its types and schemas, for the document.
    fn content(document: &mut Document) -> Value;

    /// The response with this status; `name` is the name of the call.
    fn into_response(self, status: StatusCode, name: &'static str) -> impl Future<Output = Response> + Send;
}

impl<T: Serialize + JsonSchema + Send + Sync> Answer for T {
    fn content(document: &mut Document) -> Value {
        content(&document.reply::<T>())
    }

    async fn into_response(self, status: StatusCode, name: &'static str) -> Response {
        json(status, &self).await.unwrap_or_else(|error| Failure::from(error).into_response_for(name))
    }
}
