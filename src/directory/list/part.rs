//! A part of a list: which rows to read, and what was read.

use crate::directory::REPLY_BYTES;
use crate::model::{Direction, Member, Row};

use super::page::Page;

/// What to read of a list.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Which way.
    pub direction: Direction,
    /// The last row looked at before.
    pub after: Option<u64>,
    /// Matching members to pass over first.
    pub skip: u64,
    /// Most members.
    pub limit: usize,
    /// Most bytes, after the first member.
    pub bytes: usize,
}

impl Part {
    /// What a page asks for.
    pub fn of(page: &Page) -> Self {
        let Page { direction, limit, after, skip, .. } = page;
        Self { direction: *direction, after: *after, skip: *skip, limit: *limit, bytes: REPLY_BYTES }
    }
}

/// What was read of a list.
#[derive(Default)]
pub struct Read {
    /// The members, as the caller may see them.
    pub members: Vec<(Row, Member)>,
    /// Where to go on, if there may be more.
    pub next: Option<Next>,
}

/// Where a list goes on.
#[derive(Clone, Copy)]
pub struct Next {
    /// The last row that was looked at.
    pub after: Row,
    /// Matching members still to pass over.
    pub skip: u64,
}
