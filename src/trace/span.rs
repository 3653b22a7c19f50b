//! A finished span.

use smallvec::SmallVec;

use super::ids::{SpanId, TraceId};

/// A finished span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// The span that it is part of.
    pub parent: Option<SpanId>,
    /// Whether it is a call or a part of one.
    pub kind: Kind,
    /// What was done: a verb, which may be empty, and its object.
    pub name: (&'static str, &'static str),
    /// When it began, in nanoseconds since 1970.
    pub begun: u64,
    /// When it ended, in nanoseconds since 1970.
    pub ended: u64,
    /// What is known about it.
    pub attributes: Attributes,
    /// Whether the server is at fault that it failed.
    pub is_fault: bool,
}

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call.
    Server,
    /// A part of a call.
    Internal,
}

/// The attributes of a span, by key.
pub type Attributes = SmallVec<[(&'static str, Value); 4]>;

/// The value of an attribute. There are no texts but those of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A text of the program.
    Text(&'static str),
    /// A number.
    Number(u64),
}
