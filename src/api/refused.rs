//! What a JSON door tells the log about a call that it refused: an extension of its response. gRPC has it in the status.

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason or, where there is none of ours, the door's word.
    pub reason: String,
    /// The number that the caller was told.
    pub trace_id: String,
}
