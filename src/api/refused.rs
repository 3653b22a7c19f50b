//! Why a JSON door refused a call, for the log: an extension of its response. A gRPC status carries the same
//! itself.

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason, or the door's code if the error has no reason.
    pub reason: String,
    /// The trace id that the caller was sent.
    pub trace_id: String,
}
