//! Saves, deletes and lists the records of a member: clips, stamp collections and transactions.
//!
//! Callers name a member by its id, which includes its memberbase. If the member or its memberbase does not
//! exist, the call fails with [`Error::MemberNotFound`].

use std::sync::Arc;
use std::time::Instant;

use super::input::{ClipInput, StampCollectionInput};
use crate::directory::access::view;
use crate::directory::handle::result_of_another_call;
use crate::directory::list::{RawPage, both};
use crate::directory::selector::malformed;
use crate::directory::{Directory, Error, PageRoom, REPLY_BYTES};
use crate::model::id::IdError;
use crate::model::limits::SKIP_CHECKED_MAX;
use crate::model::origin::Call;
use crate::model::page::parse_sorts;
use crate::model::record::clip::ClipId;
use crate::model::record::stamps::{StampCollectionId, parse_stamps};
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Cursor, Direction, ForeignText, MemberRecord, PageRequest, Reason, RecordFault, RecordKind,
    Refusal, Row, cursor,
};
use crate::table::{
    Claim, RecordChange, RecordOutcome, RecordsReply, RecordsRequest, RequestResult, StoredResult, Which,
};

/// What a record takes in a reply besides its texts, in bytes.
const RECORD_BYTES: usize = 256;

/// Records that are read together.
const READ_TOGETHER: usize = 256;

/// How a caller names one of a member's records: exactly one field is given.
#[derive(Debug, Clone, Default)]
pub struct RecordSelector {
    /// The id that the service gave it.
    pub id: Option<String>,
    /// The name that the caller gave it.
    pub own: Option<String>,
}

/// A record that was saved, and whether it is new.
#[derive(Debug)]
pub struct Saved {
    /// The memberbase.
    pub base: BaseNumber,
    /// The member.
    pub row: Row,
    /// The record as it is now.
    pub record: MemberRecord,
    /// Whether it is new.
    pub created: bool,
    /// The memberbase's revision after the call.
    pub revision: u64,
}

/// Which records to list.
#[derive(Debug)]
pub struct RecordList {
    /// Of which member.
    pub member_id: String,
    /// Of which kind. Transactions come newest first unless the page says otherwise, the others oldest first.
    pub kind: RecordKind,
    /// Which page.
    pub page: RawPage,
    /// The revision that the memberbase must have reached.
    pub min_revision: Option<u64>,
}

/// A part of a list of records.
#[derive(Debug)]
pub struct RecordPage {
    /// The memberbase.
    pub base: BaseNumber,
    /// The member.
    pub row: Row,
    /// The records, in the order asked for.
    pub records: Vec<MemberRecord>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// The revision that the page shows.
    pub revision: u64,
    /// The memory that the records take.
    pub room: PageRoom,
}

/// Draws the id of a new record from the operating system.
pub fn draw_record_id() -> Result<u128, Error> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|error| Error::Internal { private: format!("no random numbers: {error}") })?;
    Ok(u128::from_le_bytes(id))
}

impl Directory {
    /// Saves a deal for a member, under its creative. Another save of the same creative adds its fields to
    /// the clip, which keeps its id. A new clip gets `id`.
    pub async fn save_clip(
        &self,
        member_id: &str,
        input: ClipInput,
        id: u128,
        deadline: Option<Instant>,
    ) -> Result<Saved, Error> {
        let ((base, row), record) = self.with_member(member_id, input.parse(id))?;
        self.save(base, RecordChange::Save { row, record }, Call::SAVE_CLIP, deadline).await
    }

    /// Removes a clip, and returns the memberbase's revision after the call.
    pub async fn delete_clip(
        &self,
        member_id: &str,
        clip: RecordSelector,
        deadline: Option<Instant>,
    ) -> Result<u64, Error> {
        let which = parse_which(clip, "creative_id", |id| ClipId::parse(id).map(|id| id.0));
        let ((base, row), which) = self.with_member(member_id, which)?;
        if let Some(stored) = self.stored_result() {
            drop(self.member_now(base, row).await.map_err(Error::of_member)?);
            return Ok(stored.revision.unwrap_or_default());
        }
        let change = RecordChange::Delete { row, kind: RecordKind::Clip, which };
        let claim = self.claim();
        let reply = self.change_records(base, vec![change], claim, Call::DELETE_CLIP, deadline).await?;
        reply.outcomes.map_err(|faults| one_fault(&faults))?;
        Ok(reply.revision)
    }

    /// Creates a stamp collection without stamps, or returns the one with the same external id and program. A
    /// new collection gets `id`.
    pub async fn create_stamp_collection(
        &self,
        member_id: &str,
        input: StampCollectionInput,
        id: u128,
        deadline: Option<Instant>,
    ) -> Result<Saved, Error> {
        let ((base, row), record) = self.with_member(member_id, input.parse(id))?;
        self.save(base, RecordChange::Save { row, record }, Call::CREATE_STAMP_COLLECTION, deadline).await
    }

    /// Adds stamps to a collection. Unlike the other calls, a repeat without a request id adds the stamps
    /// again.
    pub async fn add_stamps(
        &self,
        member_id: &str,
        collection: RecordSelector,
        stamps: i64,
        deadline: Option<Instant>,
    ) -> Result<Saved, Error> {
        let which = parse_which(collection, "external_id", |id| StampCollectionId::parse(id).map(|id| id.0));
        let stamps = parse_stamps(stamps).map_err(|rule| Refusal::rule("stamps", &rule));
        let ((base, row), (which, stamps)) = self.with_member(member_id, both(which, stamps))?;
        self.save(base, RecordChange::AddStamps { row, which, stamps }, Call::ADD_STAMPS, deadline).await
    }

    /// One page of the records of one kind of a member.
    pub async fn list_records(&self, list: RecordList) -> Result<RecordPage, Error> {
        let page = parse_page(list.page, list.kind);
        let ((number, row), (page, direction)) = self.with_member(&list.member_id, page)?;
        let key = self.guarded.cursor_key();
        let binding = cursor::records_binding(key, number, row, list.kind, direction);
        let after = page.cursor.as_deref().map(|text| Cursor::open(text, key, binding)).transpose().map_err(
            |reason| {
                Refusal::field(reason, "pagination.cursor", "does not belong to this list and its sorts")
            },
        )?;
        let base = self.guarded.base(AccessLevel::Read, number).await.map_err(Error::of_member)?;
        let view = view(&base, list.min_revision).await.map_err(Error::of_member)?;
        let mut part = Part::new(&page, after.map(|cursor| cursor.position), self.page_room());
        let backward = direction.is_descending();
        loop {
            let found = view.member_records(row, list.kind, part.after, backward, READ_TOGETHER).await?;
            let found = found.ok_or(Error::MemberNotFound)?;
            let is_last = found.len() < READ_TOGETHER;
            if part.take(found) || is_last {
                break;
            }
        }
        let cursor = part.after.filter(|_| part.is_full);
        let cursor = cursor.map(|position| Cursor { position, direction }.seal(key, binding));
        let Part { records, room, .. } = part;
        Ok(RecordPage { base: number, row, records, cursor, revision: view.revision(), room })
    }

    /// The member that `id` names, and the rest of the request, or the faults of both.
    fn with_member<T>(&self, id: &str, rest: Result<T, Refusal>) -> Result<((BaseNumber, Row), T), Error> {
        let member = if id.is_empty() {
            Err(Refusal::field(Reason::FieldRequired, "member_id", "is required"))
        } else {
            match self.sealer().open_member(id) {
                Ok(place) => Ok(Some(place)),
                Err(IdError::Unknown) => Ok(None),
                Err(fault) => Err(malformed("member_id", &fault)),
            }
        };
        let (member, rest) = both(member, rest)?;
        Ok((member.ok_or(Error::MemberNotFound)?, rest))
    }

    async fn save(
        &self,
        base: BaseNumber,
        change: RecordChange,
        call: Call,
        deadline: Option<Instant>,
    ) -> Result<Saved, Error> {
        if let Some(stored) = self.stored_result() {
            return self.saved_again(base, stored).await;
        }
        let row = match &change {
            RecordChange::Save { row, .. }
            | RecordChange::AddStamps { row, .. }
            | RecordChange::Delete { row, .. } => *row,
        };
        let reply = self.change_records(base, vec![change], self.claim(), call, deadline).await?;
        let revision = reply.revision;
        let (record, created) = match reply.outcomes.map_err(|faults| one_fault(&faults))?.pop() {
            Some(RecordOutcome::Created(record)) => (record, true),
            Some(RecordOutcome::Updated(record) | RecordOutcome::Unchanged(record)) => (record, false),
            Some(RecordOutcome::Deleted) | None => {
                return Err(Error::Internal { private: "a saved record has no outcome".to_owned() });
            }
        };
        Ok(Saved { base, row, record, created, revision })
    }

    async fn saved_again(&self, number: BaseNumber, stored: &StoredResult) -> Result<Saved, Error> {
        let RequestResult::Record { row, kind, id, is_new } = stored.result else {
            return Err(result_of_another_call());
        };
        let base = self.guarded.base(AccessLevel::Write, number).await.map_err(Error::of_member)?;
        let view = view(&base, None).await.map_err(Error::of_member)?;
        if view.members(&[row]).await?.is_empty() {
            return Err(Error::MemberNotFound);
        }
        let found = view.member_record(row, kind, id).await?;
        let record = found.ok_or_else(|| Error::from(Refusal::new(Reason::RecordNotFound)))?;
        let revision = stored.revision.unwrap_or_default();
        Ok(Saved { base: number, row, record, created: is_new, revision })
    }

    /// Changes records of one memberbase, all of them or none.
    pub(super) async fn change_records(
        &self,
        base: BaseNumber,
        changes: Vec<RecordChange>,
        claim: Option<Arc<Claim>>,
        call: Call,
        deadline: Option<Instant>,
    ) -> Result<RecordsReply, Error> {
        let base = self.guarded.base(AccessLevel::Write, base).await.map_err(Error::of_member)?;
        let origin = self.origin(call);
        base.change_records(RecordsRequest { changes, claim, deadline, origin })
            .await
            .map_err(|error| Error::from(error).of_member())
    }
}

fn one_fault(faults: &[(usize, RecordFault)]) -> Error {
    let Some((_, fault)) = faults.first() else {
        return Error::Internal { private: "a refusal has no fault".to_owned() };
    };
    match fault {
        RecordFault::MemberNotFound => Error::MemberNotFound,
        RecordFault::RecordNotFound => Refusal::new(Reason::RecordNotFound).into(),
        RecordFault::OfAnotherMember | RecordFault::OfAnotherProgram => {
            let reason = reason_of(*fault);
            Refusal::field(reason, "external_id", reason.describe()).into()
        }
    }
}

pub(super) fn reason_of(fault: RecordFault) -> Reason {
    match fault {
        RecordFault::MemberNotFound => Reason::MemberNotFound,
        RecordFault::RecordNotFound => Reason::RecordNotFound,
        RecordFault::OfAnotherMember => Reason::TransactionTaken,
        RecordFault::OfAnotherProgram => Reason::StampCollectionTaken,
    }
}

fn parse_which(
    selector: RecordSelector,
    own: &str,
    parse_id: impl FnOnce(&str) -> Result<u128, IdError>,
) -> Result<Which, Refusal> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (given(selector.id), given(selector.own)) {
        (Some(id), None) => Ok(Which::Id(parse_id(&id).map_err(|fault| malformed("id", &fault))?)),
        (None, Some(text)) => {
            Ok(Which::Own(ForeignText::parse(text).map_err(|rule| Refusal::rule(own, &rule))?))
        }
        (None, None) | (Some(_), Some(_)) => {
            let description = format!("must have exactly one of id and {own}");
            Err(Refusal::field(Reason::FieldRequired, "id", description))
        }
    }
}

fn parse_page(raw: RawPage, kind: RecordKind) -> Result<(PageRequest, Direction), Refusal> {
    let sorts = match (raw.sorts.is_empty(), kind) {
        (true, RecordKind::Transaction) => Ok(Direction::Descending),
        _ => parse_sorts(&raw.sorts),
    };
    let (page, direction) = both(PageRequest::parse(raw.limit, raw.cursor, raw.skip), sorts)?;
    if page.skip > SKIP_CHECKED_MAX {
        let description = format!("must be at most {SKIP_CHECKED_MAX} in this list; use the cursor");
        return Err(Refusal::field(Reason::SkipInvalid, "pagination.skip", description));
    }
    Ok((page, direction))
}

/// A page that is being built.
struct Part {
    records: Vec<MemberRecord>,
    bytes: usize,
    room: PageRoom,
    limit: usize,
    skip: u64,
    /// The sequence of the last record that was skipped or taken.
    after: Option<u64>,
    /// Whether a record did not fit.
    is_full: bool,
}

impl Part {
    fn new(page: &PageRequest, after: Option<u64>, room: PageRoom) -> Self {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        Self { records: Vec::new(), bytes: 0, room, limit, skip: page.skip, after, is_full: false }
    }

    /// Takes the records that fit, and returns whether the page is full.
    fn take(&mut self, found: Vec<(u64, MemberRecord)>) -> bool {
        for (sequence, record) in found {
            if self.skip > 0 {
                self.skip -= 1;
            } else {
                self.bytes += weight(&record);
                let is_large = self.bytes > REPLY_BYTES || !self.room.has(self.bytes);
                let too_large = is_large && !self.records.is_empty();
                if too_large || self.records.len() == self.limit {
                    self.is_full = true;
                    break;
                }
                self.records.push(record);
            }
            self.after = Some(sequence);
        }
        self.is_full
    }
}

/// At least as many bytes as a record takes in a binary reply.
pub(super) fn weight(record: &MemberRecord) -> usize {
    let length = |text: &Option<ForeignText>| text.as_ref().map_or(0, |text| text.as_str().len());
    RECORD_BYTES
        + record.name().as_str().len()
        + match record {
            MemberRecord::Clip(clip) => {
                let details = &clip.details;
                // JSON grows in binary form: a number of one digit takes eleven bytes, and every value adds
                // framing.
                let content = details.content.as_ref().map_or(0, |content| 6 * content.as_str().len());
                length(&details.deal_id) + length(&details.variant_id) + length(&details.format) + content
            }
            MemberRecord::StampCollection(stamps) => stamps.loyalty_program_id.as_str().len(),
            MemberRecord::Transaction(transaction) => {
                let texts = [&transaction.auth_code, &transaction.merchant_id];
                texts.into_iter().map(|text| text.as_str().len()).sum::<usize>()
                    + length(&transaction.statement_descriptor)
            }
        }
}
