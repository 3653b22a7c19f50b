//! Traces: which call a thread works on, and the spans that its work is measured with.
//!
//! Invariants:
//!
//! - A call has a trace if its caller named one (`traceparent`), or if the server records spans and chose the
//!   call. For all other calls nothing is done but to look for that.
//! - An attribute of a span is a number, or a text of the program. So no text or id that a caller sent or that
//!   the store holds can be in one, and the names that there are have an end.
//! - Recording never waits, and takes no memory without limit: a finished span goes into a queue of limited
//!   length. If it is full, or if the call has very many spans, the span is dropped and counted.
//! - Nothing is global but which call a thread works on. A call is polled by one thread at a time.
//!
//! Any layer may use this module. It does not know where spans are sent.

mod current;
mod ids;
mod recorder;
mod sampler;
mod span;

pub use self::current::{Current, keep};
pub use self::ids::Parent;
pub use self::recorder::{CallSpans, Recorder, recorder};
pub use self::sampler::{Root, Sampler};
pub use self::span::{Attributes, Kind, Span, Value};
