//! Former refs of a member. They stay valid for a time, so that systems that do not know the new ref yet find
//! the member.
//!
//! While a former ref is valid it belongs to the member: no other member can have it, and a row that carries
//! it is about this member. Afterwards the ref is free. The stored member keeps an expired ref until it is
//! next written.

use crate::model::value::text::Ref;
use crate::model::value::time::Timestamp;

/// A former ref of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefAlias {
    /// The ref.
    pub ref_: Ref,
    /// The time at which it becomes free.
    pub until: Timestamp,
}
