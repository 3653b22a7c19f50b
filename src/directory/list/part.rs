//! A part of a list: which rows to read, and what was read.

use crate::directory::REPLY_BYTES;
use crate::model::{Direction, Member, Row};

use super::page::Page;

/// What to read of a list.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The direction.
    pub direction: Direction,
    /// The last row that the previous part looked at.
    pub after: Option<u64>,
    /// Matching members to skip first.
    pub skip: u64,
    /// Most members.
    pub limit: usize,
    /// Most bytes. The first member is read even if it is larger.
    pub bytes: usize,
}

impl Part {
    /// What a page asks for.
    pub fn of(page: &Page) -> Self {
        let Page { direction, limit, after, skip, .. } = page;
        Self { direction: *direction, after: *after, skip: *skip, limit: *limit, bytes: REPLY_BYTES }
    }

    /// The part of the same list before a page, backwards, with the row `after` which the page continues.
    pub fn before(page: &Page, after: u64) -> Self {
        let (direction, after) = match page.direction {
            Direction::Ascending => (Direction::Descending, after.checked_add(1)),
            Direction::Descending => (Direction::Ascending, after.checked_sub(1)),
        };
        Self { direction, after, skip: 0, ..Self::of(page) }
    }
}

/// What was read of a list.
pub struct Read<I = Vec<(Row, Member)>> {
    /// The members, as the caller may see them.
    pub members: I,
    /// How many they are.
    pub count: usize,
    /// The rows of the first and the last of them.
    pub ends: Option<(Row, Row)>,
    /// Where to continue, if there may be more.
    pub next: Option<Next>,
}

/// Where the next part of a list continues.
#[derive(Clone, Copy)]
pub struct Next {
    /// The last row that was looked at.
    pub after: Row,
    /// Matching members still to skip.
    pub skip: u64,
}
