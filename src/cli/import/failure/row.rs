//! Why a row failed.

use std::borrow::Cow;

/// Why a row failed, in the importer or on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFailure {
    pub reason: Cow<'static, str>,
    pub field: String,
    pub message: String,
}

impl RowFailure {
    pub fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: Cow::Borrowed(reason), field: field.into(), message: message.into() }
    }
}
