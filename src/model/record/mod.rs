//! Records: clips, stamp collections and transactions. They are attached to a member and are deleted with it.
//!
//! Each record has a name that its caller chose: the creative of a clip, the external id of a stamp
//! collection or transaction. A save under an existing name is a repeat: it is merged into the existing
//! record (see [`MemberRecord::merge`]), so every save can be sent again safely.
//!
//! This room promises that a record has only valid values, and that the stored numbers of kinds never change.

pub mod clip;
mod kind;
mod member_record;
mod name;
#[cfg(test)]
pub(crate) mod samples;
pub mod stamps;
pub mod transaction;

pub use self::clip::{Clip, ClipDetails, ClipId, JsonObject};
pub use self::kind::{RecordCounts, RecordKind};
pub use self::member_record::{MemberRecord, RecordFault};
pub use self::name::ForeignText;
pub use self::stamps::{StampCollection, StampCollectionId};
pub use self::transaction::{Bin, Currency, Network, Transaction};
