//! Submitted chunks, on their way from reading to their replies.

use compact_str::CompactString;
use tokio::sync::mpsc;
use tonic::Status;

use crate::api::grpc::v1;
use crate::directory::{PendingUpsert, Received};
use crate::model::BaseNumber;

/// A submitted chunk.
pub struct Submitted {
    /// The memberbase of its rows.
    pub base: BaseNumber,
    /// Its number.
    pub chunk: u64,
    /// Which member ids its reply has.
    pub named: v1::NamedMembers,
    /// The refs of its rows.
    pub refs: Vec<Option<CompactString>>,
    /// Its rows, being applied.
    pub upsert: PendingUpsert,
    /// The memory for its reply.
    pub room: Received,
}

/// The queue from reading to the replies.
pub type Pending = mpsc::Sender<Result<Submitted, Status>>;

/// Whether a reply has the member ids of all rows; `has_failed` says whether a row has failed so far.
pub fn names_all(named: v1::NamedMembers, has_failed: bool) -> bool {
    match named {
        v1::NamedMembers::Unspecified | v1::NamedMembers::Failed => false,
        v1::NamedMembers::AfterFailure => has_failed,
        v1::NamedMembers::All => true,
    }
}
