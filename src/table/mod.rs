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
mod bases;
mod block;
mod budget;
mod checkpoint;
mod error;
mod hash;
mod idempotency;
mod in_flight;
mod job;
mod lane;
mod layer;
mod life;
mod lookup;
mod maintain;
mod member_cache;
mod meter;
mod naming;
mod nonce;
mod overlay;
mod plan;
mod published;
mod publisher;
mod purge;
mod refold;
mod replay;
mod request;
mod resolve;
mod sets;
mod sharing;
mod store;
#[cfg(test)]
mod tests;
pub mod timeline;
mod tokens;
mod validate;
mod view;

pub use crate::engine::{EngineError, backup};
pub use crate::stored::idempotency::{RequestResult, RowResult, StoredResult};
pub use crate::stored::record_key::RecordPlace;
pub use audit::{AuditConfig, AuditReport, Damage, Finding, audit};
pub use base::{Base, Pending};
pub use bases::{BaseSummary, CreatedBase};
pub use budget::{Budget, Connection, Party, Peer, Permit, Whose};
pub use error::TableError;
pub use idempotency::{Begun, Claim, Idempotency, IdempotencyLimits, IfRunning};
pub use job::Series;
pub use lookup::LookupKind;
pub use refold::{Holder, RefoldOutcome, RefoldReport, refold};
pub use request::{
    AttributesReply, AttributesRequest, Clock, DeleteReply, DeleteRequest, EditReply, EditRequest, EditWhat,
    Edited, RecordChange, RecordOutcome, RecordsReply, RecordsRequest, RowOutcome, SettingsRequest,
    UpsertReply, UpsertRequest, Which, WriteMode,
};
pub use sets::{Chunk, Living, RowSet, SetField, Sets, union};
pub use store::{Table, TableConfig};
pub use tokens::{LiveToken, MayMake, TokenChange, Tokens};
pub use view::{MemberKey, View};
