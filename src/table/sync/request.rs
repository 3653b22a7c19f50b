//! What a plan of a full list is made from, and what it becomes.

use crate::model::{
    Filter, JobNumber, ListOptions, MemberRow, Origin, PlanSummary, Row, Sight, Timestamp, UnreadRow,
};
use crate::table::open::OpenBase;
use crate::table::sync::example::Example;
use crate::table::sync::guarded::Causes;
use crate::table::{RowOutcome, TableError};

/// A full list to plan.
#[derive(Debug, Clone)]
pub struct ListRequest {
    /// How it is applied.
    pub options: ListOptions,
    /// The parsed scope of the options.
    pub scope: Filter,
    /// When it arrived. It was made by then, if the options do not say when.
    pub arrived_at: Timestamp,
    /// The job that plans it. What the jobs before it write is older than the list, even if it waited for
    /// them.
    pub job: JobNumber,
    /// Whether an admin sent it, so that the guard accepts the number of removals that the options expect.
    pub by_admin: bool,
    /// Where it comes from.
    pub origin: Origin,
    /// Which fields of members its sender may see.
    pub sight: Sight,
}

/// A row of a full list.
#[derive(Debug)]
pub struct ListRow {
    /// Its line, from 1.
    pub line: u64,
    /// The row. One that cannot be applied has its place, with the keys that can be read.
    pub row: Result<MemberRow, UnreadRow>,
    /// The member that its id names, if it has an id. The row names this member too, even if another key
    /// finds its member.
    pub named: Option<Row>,
}

/// What a row would do.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRow {
    /// Its line.
    pub line: u64,
    /// What would happen. A row that creates a member names no place.
    pub outcome: RowOutcome,
    /// Whether the row fails and may be anybody.
    pub is_unreadable: bool,
}

/// A complete plan.
#[derive(Debug)]
pub struct ListEnd {
    /// The plan in numbers.
    pub summary: PlanSummary,
    /// The members that no row names and that are to be removed, in ascending order.
    pub removed: Vec<Row>,
    /// Examples of all that it does.
    pub examples: Vec<Example>,
    /// What its causes to wait are in detail.
    pub causes: Causes,
}

/// The memberbase when a plan began.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// Its revision.
    pub revision: u64,
    /// The row of its next member.
    pub next_row: u64,
}

impl Begun {
    /// The memberbase as it is published now.
    pub async fn now(open: &OpenBase) -> Result<Self, TableError> {
        let header = &open.published.read().await.header;
        if header.deleted_at.is_some() {
            return Err(TableError::BaseDeleted);
        }
        Ok(Self { revision: header.revision, next_row: header.next_row })
    }
}
