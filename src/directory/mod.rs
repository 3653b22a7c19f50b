//! The operations of the service, on one or many memberbases.
//!
//! Every door translates its requests into calls of [`Directory`] and its replies back; a rule that holds at every door
//! stands here and nowhere else. Callers pass ids as text, and get rows and base numbers back, which
//! [`Directory::sealer`] turns into ids.
//!
//! A [`Directory`] is for one caller: doors get it from the [`Gate`], and every operation asks whether the caller may
//! (see `access`).
//!
//! Nothing here names a protocol, a status code or a stored form.

mod access;
mod accounts;
mod attributes;
mod backup;
mod bases;
mod bulk;
mod check;
mod edit;
mod error;
mod export;
mod find;
mod idempotency;
mod ingest;
mod list;
mod narrow;
mod page;
mod read;
mod record_export;
mod record_input;
mod records;
mod room;
mod search;
mod selector;
#[cfg(test)]
mod tests;
mod tokens;
mod walk;
mod weight;

use self::access::Guarded;
pub use self::access::{Caller, Gate, Lacking, TokenFault};
pub use self::attributes::{AttributeDeletion, AttributeEntry, AttributePage};
pub use self::backup::{BackupPart, BackupReader};
pub use self::bases::{BaseChange, BaseList, BasePage, TierList};
pub use self::bulk::{PendingUpsert, Upsert};
pub use self::edit::EditedMember;
pub use self::error::{Error, RateLimit};
pub use self::export::Export;
pub use self::find::{Batch, BatchAnswer};
use self::idempotency::Asked;
pub use self::ingest::Ingested;
pub use self::list::{MemberList, MemberPage};
pub use self::page::RawPage;
pub use self::record_export::{ExportedRecord, RecordExport};
pub use self::record_input::{ClipInput, SentTime, StampCollectionInput, TransactionInput};
pub use self::records::{RecordList, RecordPage, RecordSelector, Saved, draw_record_id};
pub use self::room::{Arrival, Incoming, PageRoom, REPLY_GROWTH, Received, Replies, Room, SMALL_REPLY_BYTES};
pub use self::search::{Found, Search};
pub use self::selector::{Key, RawKeys, Selector};
pub use self::tokens::{CreatedToken, NewToken, TokenPage, TokenSeed};
use crate::model::origin::{Call, Door};
use crate::model::{
    BaseNumber, Filter, Fold, IdError, Origin, Parsed, RawFilter, Reason, Refusal, Sealer, Timestamp,
};
pub use crate::table::backup::{Held, HeldFile, Outline};
use crate::table::{Base, View};
pub use crate::table::{
    BaseSummary, CreatedBase, DeleteReply, IfRunning, RowOutcome, Series, SetField, UpsertReply, WriteMode,
};
pub use crate::table::{Connection, Party, Peer, Whose};

/// Most bytes of members in one reply: many clients refuse messages over 4 MiB.
pub const REPLY_BYTES: usize = 3_584 * 1024;

/// The service over one store, for one caller. Cloning it is cheap.
#[derive(Clone)]
pub struct Directory {
    guarded: Guarded,
    /// Through which door the caller came.
    door: Door,
    /// The request that it is for, if that has a name.
    asked: Option<Asked>,
}

impl Directory {
    /// Turns rows and base numbers into the ids that callers see.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        self.guarded.sealer()
    }

    /// Whose bytes the caller's requests are.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.guarded.whose()
    }

    /// The memory for large replies to the caller.
    #[must_use]
    pub fn replies(&self) -> Replies {
        self.guarded.replies()
    }

    /// The room of a page that the caller asked for.
    fn page_room(&self) -> PageRoom {
        PageRoom::new(self.replies())
    }

    /// The memory for requests that arrive.
    #[must_use]
    pub fn room(&self) -> Room {
        self.guarded.room()
    }

    /// The filter of a list of members of `base`.
    fn member_filter(&self, raw: Vec<RawFilter>, base: BaseNumber) -> Result<Parsed, Refusal> {
        Filter::parse_members(raw, self.sealer(), base, self.fold(), self.now().date())
    }

    /// The rule by which e-mail addresses are compared.
    fn fold(&self) -> Fold {
        self.guarded.fold()
    }

    /// The time now, as the store's clock has it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.guarded.now()
    }

    /// Where what `call` changes comes from.
    fn origin(&self, call: Call) -> Origin {
        Origin { actor: self.guarded.actor(), door: self.door, call, cause: self.cause() }
    }

    /// The memberbase that `id` names; `field` is where the caller gave it. It may not exist (any more). A caller whose
    /// token is bound to one memberbase learns nothing of any other id, not even that nothing has it.
    pub fn base_number(&self, id: &str, field: &str) -> Result<BaseNumber, Error> {
        if id.is_empty() {
            return Err(Refusal::field(Reason::FieldRequired, field, "is required").into());
        }
        let opened = self.sealer().open_base(id).map_err(|fault| match fault {
            IdError::Unknown if self.guarded.bound_to().is_some() => Lacking::Base.into(),
            IdError::Unknown => Error::MemberBaseNotFound,
            IdError::WrongPrefix { .. }
            | IdError::WrongMemberPrefix
            | IdError::WrongLength
            | IdError::BadCharacter => Refusal::field(Reason::IdMalformed, field, fault.to_string()).into(),
        });
        opened.and_then(
            |number| {
                if self.guarded.sees_base(number) { Ok(number) } else { Err(Lacking::Base.into()) }
            },
        )
    }

    /// The memberbase of a call that need not name one: a caller whose token is bound to a memberbase means that one.
    pub fn base_or_bound(&self, id: Option<&str>, field: &str) -> Result<BaseNumber, Error> {
        match (id, self.guarded.bound_to()) {
            (None, Some(bound)) => Ok(bound),
            (id, _) => self.base_number(id.unwrap_or_default(), field),
        }
    }
}

/// A view of a memberbase that is not deleted and has reached `min_revision`.
async fn view(base: &Base, min_revision: Option<u64>) -> Result<View<'_>, Error> {
    let view = base.view().await;
    if view.is_deleted() {
        return Err(Error::MemberBaseNotFound);
    }
    let reached = view.revision();
    match min_revision {
        Some(asked) if asked > reached => Err(Error::RevisionAhead { asked, reached }),
        Some(_) | None => Ok(view),
    }
}

/// Both values, or the faults of both.
fn both<A, B>(left: Result<A, Refusal>, right: Result<B, Refusal>) -> Result<(A, B), Refusal> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(refusal), Ok(_)) | (Ok(_), Err(refusal)) => Err(refusal),
        (Err(mut left), Err(right)) => {
            left.violations.extend(right.violations);
            Err(left)
        }
    }
}
