//! The operations of the service, on one or many memberbases.
//!
//! Every door translates its requests into calls of [`Directory`], and translates the results back. A rule
//! that holds at every door is implemented here and nowhere else. Callers pass ids as text, and get rows and
//! base numbers back, which [`Directory::sealer`] turns into ids.
//!
//! A [`Directory`] serves one caller. Doors get it from the [`Gate`], and every operation checks whether the
//! caller may use it (see `access`).
//!
//! Nothing here names a protocol, a status code or a stored form.
//!
//! The rooms, each of which uses only those above it:
//!
//! | room | what it promises |
//! | --- | --- |
//! | `error` | [`Error`]: what can go wrong with a call, in the words of the service |
//! | `room` | memory for requests that arrive and for large replies |
//! | `access` | identifies the caller, and hands out the table only for an access level that the caller has |
//! | `handle` | [`Gate`] and [`Directory`]: the service for one caller, or one request with a request id |
//! | `selector` | which member a call is about, given by one of four keys |
//! | `list` | pages, filters, walks: how a list of one revision is read |
//! | `members` | the operations on members |
//! | `records` | the operations on records |
//! | `jobs` | durable jobs, and the tasks that do them |
//! | `audiences` | the operations on audiences |
//! | `bases`, `attributes`, `tokens`, `backup` | the operations on memberbases, attributes, tokens, backups |
//! | `activity` | how much is changed in a memberbase, day by day |
//! | `state` | the state of the store, for operators |

mod access;
mod activity;
mod attributes;
mod audiences;
mod backup;
mod bases;
mod error;
mod handle;
mod jobs;
mod list;
mod members;
mod records;
mod room;
mod selector;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub use self::access::Caller;
pub use self::activity::DailyActivity;
pub use self::attributes::{AttributeDeletion, AttributeEntry, AttributePage, ShownSchema};
pub use self::audiences::{
    AudienceChange, AudienceList, AudiencePage, ExplainedMember, HandCounts, NewAudience, ShownAudience,
};
pub use self::backup::{BackupPart, BackupReader};
pub use self::bases::{BaseChange, BaseList, BasePage, RawLimit, RawTierLimit, TierList};
use self::error::Shows;
pub use self::error::{Error, Lacking, RateLimit, TokenFault};
pub use self::handle::{Directory, Expected, Gate};
pub use self::jobs::{
    Action, ActionFault, BatchUpload, BegunList, FileFault, Headings, InputReader, JobPage, JobResultRow,
    JobWatch, ListUpload, NewBatch, NewDelete, NewList, NewRevert, NewRevertOf, ReadColumn, ResultReader,
    Reverted, RevertedAs, Runner, ShownInput,
};
pub use self::list::{Items, RawPage};
pub use self::members::{
    AudienceMove, Batch, ChangeOrigin, Counted, EditedMember, Export, Found, KeyResult, MemberChange,
    MemberChangePage, MemberChanges, MemberCount, MemberGroup, MemberList, MemberPage, PageEnds,
    PendingUpsert, Search, Undelete, Upsert,
};
pub use self::records::{
    ClipInput, ExportedRecord, Ingested, RecordExport, RecordList, RecordPage, RecordSelector, Saved,
    SentTime, StampCollectionInput, TransactionInput, draw_record_id,
};
use self::room::REPLY_BYTES;
pub use self::room::{Arrival, Incoming, PageRoom, REPLY_GROWTH, Received, Replies, Room, SMALL_REPLY_BYTES};
pub use self::selector::{Key, RawKeys, Selector};
pub use self::state::{FilesState, StoreState};
pub use self::tokens::{CreatedToken, NewToken, TokenPage, TokenSeed};
pub use crate::table::backup::{Held, HeldFile, Outline};
pub use crate::table::{
    BaseSummary, CreatedBase, DeleteReply, HistoryEnd, HistoryKind, IfRunning, RowEnd, RowOutcome, Series,
    UndeleteReply, UpsertReply, WriteMode,
};
pub use crate::table::{Connection, Party, Peer, PlannedExample, RemovedResult, Whose};
