//! Members as rows of a base.
//!
//! A base hands out rows 0, 1, 2 … and never reuses one. Members stand in blocks of 16 rows; every change is a commit
//! in the base's commit log; lookups and sets are indexes that lag behind the commit log on disk (the overlay and a
//! checkpoint close the gap) and never in memory.
//!
//! Invariants:
//!
//! - All writes of a base pass through its lane, one after another, and each batch checks that the header is the one
//!   that it was planned on.
//! - A commit shows in blocks, header, lookups and sets in one step, under the view lock held exclusively; every read
//!   holds it shared. So a [`View`] shows one revision.
//! - No reply leaves before every commit that it was planned on is durable.
//! - Lookups may name rows that do not hold the value any more, never miss one that does: a hit is verified against
//!   the record.
//!
//! Nothing here names a wire type, a status code or an engine.

mod audit;
mod base;
mod checkpoint;
mod error;
mod idempotency;
mod index;
mod open;
mod plan;
mod read;
mod shared;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod upkeep;
mod write;

pub use self::audit::{AuditConfig, AuditReport, Finding, audit};
pub use self::base::handle::{Base, Pending};
pub use self::error::TableError;
pub use self::idempotency::{Begun, Claim, Idempotency, IdempotencyLimits, IfRunning};
pub use self::index::damage::Damage;
pub use self::index::lookup::LookupKind;
pub use self::index::sets::{Chunk, Living, RowSet, SetField, Sets, union};
pub use self::plan::request::{
    AttributesReply, AttributesRequest, DeleteReply, DeleteRequest, EditReply, EditRequest, EditWhat, Edited,
    RecordChange, RecordOutcome, RecordsReply, RecordsRequest, SettingsRequest, UpsertReply, UpsertRequest,
    Which, WriteMode,
};
pub use self::read::summary::BaseSummary;
pub use self::read::view::{MemberKey, View};
pub use self::shared::budget::{Budget, Connection, Party, Peer, Permit, Whose};
pub use self::shared::clock::Clock;
pub use self::shared::outcome::RowOutcome;
pub use self::store::bases::CreatedBase;
pub use self::store::open::{Table, TableConfig};
pub use self::tokens::{LiveToken, MayMake, TokenChange, Tokens};
pub use self::upkeep::refold::{Holder, RefoldOutcome, RefoldReport, refold};
pub use self::upkeep::timeline;
pub use self::write::job::Series;
pub use crate::engine::{EngineError, backup};
pub use crate::stored::idempotency::{RequestResult, RowResult, StoredResult};
pub use crate::stored::record_key::RecordPlace;
