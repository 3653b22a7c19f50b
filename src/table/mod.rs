//! Members as rows of a base.
//!
//! A base hands out rows 0, 1, 2 … and never reuses one. Members are stored in blocks of 16 rows. Every
//! change is a commit in the base's commit log. Lookups and sets are indexes: in memory they are always
//! current, on disk they lag behind the commit log. The overlay holds what is missing on disk until a
//! checkpoint writes it.
//!
//! Invariants:
//!
//! - All writes of a base pass through its lane, one after another. Each batch checks that the header is
//!   still the one that it was planned on.
//! - A commit becomes visible in blocks, header, lookups and sets in one step, under the exclusive view lock.
//!   Every read holds the view lock shared, so a [`View`] shows one revision.
//! - No reply is sent before every commit that it depends on is durable.
//! - A lookup may return rows that no longer have the value, but never misses a row that has it. Callers
//!   verify each hit against the stored member.
//!
//! Nothing here names a wire type, a status code or an engine.

mod audit;
mod base;
mod checkpoint;
mod error;
mod idempotency;
mod index;
mod jobs;
mod open;
mod plan;
mod read;
mod revert;
mod shared;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod tokens;
mod upkeep;
mod write;

pub use self::audit::{AuditConfig, AuditReport, Finding, audit};
pub use self::base::handle::{Base, Pending};
pub use self::base::status::BaseStatus;
pub use self::error::TableError;
pub use self::idempotency::{Begun, Claim, Idempotency, IdempotencyLimits, IfRunning};
pub use self::index::audiences::AudienceMembers;
pub use self::index::damage::Damage;
pub use self::index::lookup::LookupKind;
pub use self::index::search::WordRows;
pub use self::index::sets::{Chunk, Living, RowSet, SetField, Sets, union};
pub use self::jobs::{JobLimits, Jobs, JobsStatus, ReversalReader, ReversalWriter, Upload};
pub use self::open::AudienceBuild;
pub use self::plan::audience_request::{AudienceReply, AudienceRequest, AudienceWhat};
pub use self::plan::request::{
    AttributesReply, AttributesRequest, DeleteReply, DeleteRequest, EditReply, EditRequest, EditWhat, Edited,
    RecordChange, RecordOutcome, RecordsReply, RecordsRequest, SettingsRequest, UndeleteReply,
    UndeleteRequest, UpsertReply, UpsertRequest, Which, WriteMode,
};
pub use self::plan::step_request::{
    Judging, Spared, StepOps, StepOutcome, StepReply, StepRequest, StepWrite, StepWrites, StillMeant,
};
pub use self::read::activity::Activity;
pub use self::read::deleted::WhichDeleted;
pub use self::read::history::{HistoryChange, HistoryEnd, HistoryKind, HistoryPlace, HistoryWalk, Told};
pub use self::read::returned::Returned;
pub use self::read::stored::StoredMember;
pub use self::read::summary::BaseSummary;
pub use self::read::view::{MemberKey, View};
pub use self::revert::{ReadyRevert, RevertEnd, RevertJudge, RevertPlan, RevertRequest};
pub use self::shared::budget::{Budget, Connection, Party, Peer, Permit, Whose};
pub use self::shared::clock::Clock;
pub use self::shared::leases::Lent;
pub use self::shared::member_cache::CacheStatus;
pub use self::shared::metrics::{RowEnd, RowSums, TableMetrics};
pub use self::shared::outcome::RowOutcome;
pub use self::store::ahead::{AheadTurn, PlanAhead};
pub use self::store::bases::CreatedBase;
pub use self::store::open::{Table, TableConfig};
pub use self::store::status::{BudgetStatus, TableStatus};
pub use self::sync::{
    ActionPlan, ActionsRequest, Causes, Example, ExampleOf, Examples, ListEnd, ListPlan, ListRequest,
    ListRow, Listed, PlannedAction, PlannedRow, Recogniser, RowReader,
};
pub use self::tokens::{LiveToken, MayMake, TokenChange, Tokens};
pub use self::upkeep::copy::{Contents, CopyError, copy};
pub use self::upkeep::refold::{Holder, RefoldOutcome, RefoldReport, refold};
pub use self::upkeep::timeline;
pub use self::write::job::Series;
pub use crate::engine::{EngineError, backup};
pub use crate::stored::idempotency::{RequestResult, RowResult, StoredResult};
pub use crate::stored::job::{PlannedExample, PlannedResult, RemovedResult, Reversal, StepResults, Undo};
pub use crate::stored::key::lease_of;
pub use crate::stored::record_key::RecordPlace;
