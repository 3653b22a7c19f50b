//! Refs that a member had: for a time it still answers to them, so that systems that do not know of the new one yet find it.
//!
//! A ref that a member answers to is its own as long as that lasts: nobody else can have it, and a row that carries it is
//! about this member. Once it is over the ref is free. What is over stays in the record until the member is next written.

use crate::model::text::Ref;
use crate::model::time::Timestamp;

/// A ref that a member had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefAlias {
    /// The ref.
    pub ref_: Ref,
    /// When it is free again.
    pub until: Timestamp,
}
