//! Pure types and rules: what a member is, which requests change it, and what each request does.
//!
//! Nothing here does input or output, reads a clock, draws a random number or waits: the caller passes in
//! times, keys and today's date. Nothing here names the wire, the disk or a status code.
//!
//! A value of a type with a rule is always valid: `parse` checked it once, at the edge. `from_stored` takes a
//! value that was checked before it was stored.

pub mod account;
pub mod alias;
pub mod attribute;
pub mod base;
mod blind;
pub mod change;
pub mod cursor;
pub mod doubts;
pub mod edit;
pub mod email;
pub mod error;
pub mod faulty_json;
pub mod field;
pub mod filter;
pub mod fingerprint;
pub mod grant;
mod iban;
pub mod id;
pub mod idempotency;
pub mod import;
pub mod input;
mod invisible;
pub mod lifecycle;
pub mod limits;
pub mod mask;
pub mod match_by;
pub mod member;
pub mod origin;
pub mod page;
pub mod patch;
pub mod phone;
pub mod raw_row;
pub mod reason;
pub mod record;
pub mod removals;
pub mod rename;
#[cfg(test)]
pub(crate) mod samples;
pub mod schema;
pub(crate) mod separator;
pub mod sight;
pub mod text;
pub mod time;
pub mod token;
pub mod upsert;
pub mod violation;
pub mod words;

pub use self::account::AccountDetails;
pub use self::alias::RefAlias;
pub use self::attribute::{AttributePatch, AttributeValue, Attributes};
pub use self::base::{BaseSettings, StatusCounts};
pub use self::change::Change;
pub use self::cursor::{Cursor, CursorKey};
pub use self::doubts::Doubts;
pub use self::edit::Edit;
pub use self::email::{Email, Fold};
pub use self::error::{Code, Reason, Refusal, RowError, RowErrors, Violations};
pub use self::field::ProfileField;
pub use self::filter::{
    BaseView, Condition, Effort, Field, Filter, MemberView, NamedAttributes, Operand, Operator, Parsed,
    RawFilter, RawRegex, RawValue, Stop,
};
pub use self::id::{BaseNumber, IdError, IdKey, Row, Sealer};
pub use self::idempotency::{IdempotencyKey, Payload, RequestIdentity};
pub use self::import::ImportId;
pub use self::input::{MatchKey, MemberRow, UpsertOptions};
pub use self::match_by::{MatchBy, Semantics};
pub use self::member::{Gender, Member, Profile, Status};
pub use self::origin::Origin;
pub use self::page::{Direction, PageRequest, RawSort, SortKey};
pub use self::patch::MemberPatch;
pub use self::phone::Phone;
pub use self::raw_row::{Finder, RawAccount, RawAttribute, RawEuAccount, RawRow, RawUkAccount};
pub use self::record::{ForeignText, MemberRecord, RecordCounts, RecordFault, RecordKind};
pub use self::removals::Removals;
pub use self::rename::Rename;
pub use self::sight::Sight;
pub use self::text::{BaseName, Name, Ref, RequestId, Tier, WorkerId};
pub use self::time::{Date, Dob, Timestamp};
pub use self::upsert::{Outcome, Update};
pub use self::violation::{Rule, Violation};
