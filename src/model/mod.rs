//! Pure types and rules: what a member is, which requests change it, and what each request does.
//!
//! Nothing here does input or output, reads a clock, draws a random number or waits: the caller passes in
//! times, keys and today's date. Nothing here names the wire, the disk or a status code.
//!
//! A value of a type with a rule is always valid: `parse` checked it once, at the edge. `from_stored` takes a
//! value that was checked before it was stored.

mod access;
mod attributes;
pub mod audience;
mod bank;
mod contact;
mod effect;
pub mod faulty_json;
pub mod filter;
mod guard;
pub mod id;
mod job;
pub mod limits;
mod list;
mod memberbase;
mod membership;
pub mod record;
mod refusal;
mod request;
mod row;
#[cfg(test)]
pub(crate) mod samples;
pub mod search;
pub mod session;
mod value;
pub mod words;

pub use self::access::origin::Origin;
pub use self::access::{grant, origin, token};
pub use self::attributes::attribute::{AttributePatch, AttributeValue, Attributes};
pub use self::attributes::{attribute, schema};
pub use self::audience::{
    Audience, AudienceFilter, AudienceName, AudienceState, Audiences, Explanation, Hand,
};
pub use self::bank::account;
pub use self::bank::account::AccountDetails;
pub use self::contact::email::{Email, Fold};
pub use self::contact::phone::Phone;
pub use self::contact::{email, phone};
pub use self::effect::edit::Edit;
pub use self::effect::rename::Rename;
pub use self::effect::upsert::{Outcome, Update};
pub use self::effect::{counted, edit, mask, rename, upsert};
pub use self::filter::{
    BaseView, Condition, Effort, Field, Filter, MemberView, Memberships, Named, NamedAttributes,
    NamedAudiences, NoAudiences, Operand, Operator, Parsed, RawFilter, RawRegex, RawValue, Stop,
};
pub use self::guard::allowance::{Allowance, Step};
pub use self::guard::counts::{GuardCounts, GuardExpectation, GuardKind, Limited, PerKind};
pub use self::guard::held::{Guarded, Held};
pub use self::guard::limits::{GuardLimit, GuardLimits, GuardLimitsChange, LimitChange};
pub use self::guard::slots::{TierCounts, TierSlot};
pub use self::guard::state::GuardState;
pub use self::guard::tiers::{TierLimitChange, TierLimits};
pub use self::guard::window::GuardWindow;
pub use self::id::{AudienceNumber, BaseNumber, IdError, IdKey, JobNumber, Row, Sealer};
#[cfg(test)]
pub(crate) use self::job::samples as job_samples;
pub use self::job::{
    Hold, Job, JobCursor, JobEnd, JobInput, JobState, JobTask, ListCounts, ListFormat, ListMatch,
    ListOptions, PlanHash, PlanSummary, RevertOf, RowTally,
};
pub use self::list::cursor::{Cursor, CursorKey};
pub use self::list::page::{Direction, PageRequest, RawSort, SortKey};
pub use self::list::{cursor, page};
pub use self::memberbase::base;
pub use self::memberbase::base::{BaseSettings, StatusCounts};
pub use self::membership::alias::RefAlias;
pub use self::membership::borrowed::{
    BorrowedAccount, BorrowedAlias, BorrowedAttributes, BorrowedMember, BorrowedValue,
};
pub use self::membership::difference::{FieldChange, differences};
pub use self::membership::member::{Gender, Member, Profile, Status};
pub use self::membership::{alias, lifecycle, member};
pub use self::record::{ForeignText, MemberRecord, RecordCounts, RecordFault, RecordKind};
pub use self::refusal::error::{Code, Reason, Refusal, RowError, RowErrors, Violations};
pub use self::refusal::violation::{Rule, Violation};
pub use self::refusal::{error, reason, violation};
pub use self::request::idempotency::{IdempotencyKey, Payload, RequestIdentity};
pub use self::request::import::ImportId;
pub use self::request::{idempotency, import};
pub use self::row::change::Change;
pub use self::row::doubts::Doubts;
pub use self::row::field::ProfileField;
pub use self::row::input::{MatchKey, MemberRow, UpsertOptions};
pub use self::row::keys::{RowKeys, UnreadRow};
pub use self::row::match_by::{MatchBy, Semantics};
pub use self::row::patch::MemberPatch;
pub use self::row::raw_row::{Finder, RawAccount, RawAttribute, RawEuAccount, RawRow, RawUkAccount};
pub use self::row::sight::Sight;
pub use self::row::texts::RowTexts;
pub use self::row::{change, doubts, field, fingerprint, input, match_by, patch, raw_row, sight};
pub(crate) use self::value::invisible::hidden_in;
#[cfg(test)]
pub(crate) use self::value::separator;
pub(crate) use self::value::text::has_no_controls;
pub use self::value::text::{BaseName, Name, Ref, RequestId, Tier, WorkerId};
pub use self::value::time::{Date, Dob, Timestamp};
pub use self::value::{text, time};
