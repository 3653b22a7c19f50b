//! The route of a document.

use std::sync::{Arc, OnceLock};

use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;

use crate::api::http::door::Door;

/// The path of a document under the prefix of its door.
pub const NAME: &str = "openapi.json";

/// The route of a document, which is built at the first request. It needs no token, because it contains
/// nothing of any store.
pub fn serve(document: fn() -> Value) -> MethodRouter<Door> {
    let made = Arc::new(OnceLock::<Bytes>::new());
    get(move || async move {
        let bytes = made.get_or_init(|| document().to_string().into());
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (headers, bytes.clone())
    })
}
