//! OpenAPI 3.1 documents of the JSON doors, built from the types of their calls: a field that a handler has
//! is in the document because it is in the handler's type.
//!
//! Nothing here knows a call. Each door builds its routes and its document from the same list of calls.

mod document;
mod operation;
mod parameters;
mod responses;
mod rules;
mod serve;
pub mod values;

pub use self::document::{Document, content};
pub use self::operation::operation;
pub use self::parameters::{expected, idempotency_key, trace_id};
pub use self::responses::{OF_EVERY_CALL, Responses};
pub use self::rules::{any_of, given, one_of};
pub use self::serve::{NAME, serve};
