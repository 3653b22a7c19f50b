//! A member as it is stored, for those who read it where it lies.

use crate::engine::Value;
use crate::model::{BorrowedMember, Member};
use crate::stored::member;
use crate::table::TableError;

/// A member in its stored form. It keeps the part of its block in memory, so do not keep many of them.
pub struct StoredMember(Value);

impl StoredMember {
    pub(super) fn new(record: Value) -> Self {
        Self(record)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The member, whose texts stay here.
    pub fn read(&self) -> Result<BorrowedMember<'_>, TableError> {
        Ok(member::borrow(&self.0)?)
    }

    /// The member, with texts of its own.
    pub fn decode(&self) -> Result<Member, TableError> {
        Ok(member::decode(&self.0)?)
    }

    /// The revision of its last change. Nothing else is read.
    pub fn revision(&self) -> Result<u64, TableError> {
        Ok(member::revision(&self.0)?)
    }
}
