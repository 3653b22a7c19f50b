//! What a response tells the log, as an extension: why a JSON door refused a call, or that an unusual status
//! refuses nothing. A gRPC status tells the same itself.

/// An extension of replies whose status is an answer and refuses nothing: those to probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered;

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason, or the door's code if the error has no reason.
    pub reason: String,
    /// The trace id that the caller was sent.
    pub trace_id: String,
}
