//! What becomes of the members of a list.

use crate::model::{BorrowedMember, Member, Row};

/// What a list makes of its members. They are added in their order, each as the caller may see it.
pub trait Items: Send {
    /// Up to so many members come next.
    fn expect(&mut self, count: usize);

    /// Adds a member.
    fn add(&mut self, row: Row, member: &BorrowedMember<'_>);
}

/// The members themselves.
impl Items for Vec<(Row, Member)> {
    fn expect(&mut self, count: usize) {
        self.reserve(count);
    }

    fn add(&mut self, row: Row, member: &BorrowedMember<'_>) {
        self.push((row, member.to_member()));
    }
}
