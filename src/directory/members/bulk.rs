//! Writes of many members at once.

use std::sync::Arc;
use std::time::Instant;

use crate::compute::{self, Size};
use crate::directory::access::view;
use crate::directory::handle::result_of_another_call;
use crate::directory::{Directory, Error};
use crate::model::limits::{ATOMIC_MAX_ROWS, BULK_DELETE_MAX_MEMBERS};
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, MemberRow, RecordCounts, Ref, Refusal, Row, RowError, UpsertOptions, Violations,
};
use crate::table::{
    Claim, DeleteReply, DeleteRequest, Pending, RequestResult, RowOutcome, RowResult, Series, UpsertReply,
    UpsertRequest, WriteMode,
};

/// Up to this many ids and refs are parsed at once, without waiting for a turn to compute.
const KEYS_AT_ONCE: usize = 2_000;

/// Rows to create or change, as a door hands them in.
#[derive(Debug)]
pub struct Upsert {
    /// The rows, in order; those that did not parse carry their error and keep their place.
    pub rows: Vec<Result<MemberRow, RowError>>,
    /// How rows are matched and applied.
    pub options: UpsertOptions,
    /// What happens when some rows cannot be applied.
    pub mode: WriteMode,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
}

impl Upsert {
    fn request(self, directory: &Directory, call: Call, claim: Option<Arc<Claim>>) -> UpsertRequest {
        let Self { rows, options, mode, deadline } = self;
        let expected = directory.expected_changes();
        let options = UpsertOptions { sight: directory.guarded.sight(), expected, ..options };
        let origin = directory.origin(call);
        UpsertRequest { rows, options, mode, claim, deadline, origin }
    }
}

impl Directory {
    /// A series of upserts that together are meant to change as much as the caller says.
    #[must_use]
    pub fn series(&self) -> Series {
        Series::expecting(self.expected_changes())
    }
}

/// Rows that were handed in.
pub struct PendingUpsert(State);

enum State {
    /// They are being applied.
    Pending(Pending<UpsertReply>),
    /// They were applied before, with this stored result.
    Stored(UpsertReply),
}

impl PendingUpsert {
    /// What happened with the rows, once they are durable.
    pub async fn reply(self) -> Result<UpsertReply, Error> {
        match self.0 {
            State::Pending(pending) => Ok(pending.answer().await?),
            State::Stored(reply) => Ok(reply),
        }
    }
}

impl Directory {
    /// Creates or updates members, and returns what happened with each row.
    pub async fn bulk_upsert(&self, number: BaseNumber, upsert: Upsert) -> Result<UpsertReply, Error> {
        self.upsert(number, upsert, Call::UPSERT_MEMBERS).await
    }

    async fn upsert(
        &self,
        number: BaseNumber,
        mut request: Upsert,
        call: Call,
    ) -> Result<UpsertReply, Error> {
        let rows = request.rows.len();
        if request.mode == WriteMode::Atomic && rows > ATOMIC_MAX_ROWS {
            return Err(Error::AtomicRows { rows, max_rows: ATOMIC_MAX_ROWS });
        }
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        if let Some(stored) = self.stored_rows() {
            return stored;
        }
        self.guarded.take_rows(rows)?;
        if rows == 0 {
            let revision = view(&base, None).await?.revision();
            return Ok(UpsertReply::new(Vec::new(), revision));
        }
        self.guarded.mark_accounts(number, &mut request.rows, |row| row.as_mut().ok()).await?;
        // A request that writes nothing has no result to store.
        let claim = self.claim().filter(|_| request.mode != WriteMode::ValidateOnly);
        let refused = claim.clone().filter(|_| request.mode == WriteMode::Atomic);
        let reply = base.upsert(request.request(self, call, claim)).await?;
        match refused {
            Some(claim) if reply.outcomes.iter().any(RowOutcome::is_failed) => {
                // Boxed, because this is rare, and every upsert would be as large.
                Box::pin(self.keep_refusal(claim, reply)).await
            }
            _ => Ok(reply),
        }
    }

    /// Stores the outcomes of an ATOMIC request that was refused, if its claim keeps such results.
    async fn keep_refusal(&self, claim: Arc<Claim>, reply: UpsertReply) -> Result<UpsertReply, Error> {
        if !claim.stores(&reply.outcomes) {
            return Ok(reply);
        }
        let UpsertReply { outcomes, revision, .. } = reply;
        let (idempotency, _) = self.guarded.idempotency();
        let outcomes = idempotency.store_refusal(claim, (self.now(), revision), outcomes).await?;
        Ok(UpsertReply::new(outcomes, revision))
    }

    /// Creates or updates members, matched by `ref`: all rows or none. Up to 10,000 rows are one commit. More
    /// rows are checked as a whole first, and then applied in several commits, with no other write to the
    /// memberbase in between. If a row fails, nothing is written, and the outcomes say which rows failed.
    ///
    /// There is one exception: a request with a request id is cut short by a crash, and some of its rows have
    /// become invalid when it is repeated. Then the rows that were applied keep their outcomes, and all
    /// others fail.
    pub async fn upsert_all(
        &self,
        base: BaseNumber,
        rows: Vec<Result<MemberRow, RowError>>,
    ) -> Result<UpsertReply, Error> {
        let mode = if rows.len() <= ATOMIC_MAX_ROWS { WriteMode::Atomic } else { WriteMode::Whole };
        let options = UpsertOptions::default();
        self.upsert(base, Upsert { rows, options, mode, deadline: None }, Call::UPSERT_ALL_MEMBERS).await
    }

    /// Hands in rows, and returns as soon as there is room for them; [`PendingUpsert::reply`] returns what
    /// happened with them. The requests of one series are applied in the order of the calls.
    pub async fn begin_upsert(
        &self,
        number: BaseNumber,
        request: Upsert,
        series: &Series,
    ) -> Result<PendingUpsert, Error> {
        self.begin(number, request, series, Call::IMPORT_MEMBERS).await
    }

    /// Hands in rows that arrived one by one, like [`Self::begin_upsert`].
    pub async fn begin_stream_rows(
        &self,
        number: BaseNumber,
        request: Upsert,
        series: &Series,
    ) -> Result<PendingUpsert, Error> {
        self.begin(number, request, series, Call::UPSERT_STREAM).await
    }

    async fn begin(
        &self,
        number: BaseNumber,
        mut request: Upsert,
        series: &Series,
        call: Call,
    ) -> Result<PendingUpsert, Error> {
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        if let Some(stored) = self.stored_rows() {
            return Ok(PendingUpsert(State::Stored(stored?)));
        }
        self.guarded.take_rows(request.rows.len())?;
        self.guarded.mark_accounts(number, &mut request.rows, |row| row.as_mut().ok()).await?;
        let request = request.request(self, call, self.claim());
        Ok(PendingUpsert(State::Pending(base.begin_upsert(request, series).await?)))
    }

    /// The stored outcomes of this request, if it was done before.
    fn stored_rows(&self) -> Option<Result<UpsertReply, Error>> {
        let stored = self.stored_result()?;
        let RequestResult::Rows { rows, .. } = &stored.result else {
            return Some(Err(result_of_another_call()));
        };
        let outcomes = rows.iter().map(RowResult::outcome).collect();
        Some(Ok(UpsertReply::new(outcomes, stored.revision.unwrap_or_default())))
    }

    /// Deletes members by id and by ref; they can come back for some time ([`Directory::undelete_members`]).
    /// Ids and refs that are not in the memberbase are ignored.
    pub async fn bulk_delete(
        &self,
        base: BaseNumber,
        ids: &[String],
        refs: Vec<String>,
        deadline: Option<Instant>,
    ) -> Result<DeleteReply, Error> {
        let entries = ids.len().saturating_add(refs.len());
        if entries > BULK_DELETE_MAX_MEMBERS {
            return Err(Error::TooMany { rows: entries, limit: BULK_DELETE_MAX_MEMBERS });
        }
        let parsed =
            compute::here(Size::large_if(entries > KEYS_AT_ONCE), || self.parse_doomed(base, ids, refs))
                .await;
        let (rows, refs) = parsed?;
        let origin = self.origin(Call::DELETE_MEMBERS);
        let expect_removals = self.expected_changes().removals;
        let request = DeleteRequest { rows, refs, expect_removals, claim: self.claim(), deadline, origin };
        let base = self.guarded.base(AccessLevel::Write, base).await?;
        if let Some(stored) = self.stored_result() {
            let RequestResult::Deleted { members: deleted, records, revisions } = stored.result.clone()
            else {
                return Err(result_of_another_call());
            };
            let revision = stored.revision.unwrap_or_default();
            return Ok(DeleteReply { deleted, records, revision, revisions });
        }
        self.guarded.take_rows(entries)?;
        if request.rows.is_empty() && request.refs.is_empty() {
            let revision = view(&base, None).await?.revision();
            let (records, revisions) = (RecordCounts::default(), Vec::new());
            return Ok(DeleteReply { deleted: 0, records, revision, revisions });
        }
        Ok(base.delete(request).await?)
    }

    /// The members to delete: the rows in `base` that `ids` name, and the parsed refs.
    fn parse_doomed(
        &self,
        base: BaseNumber,
        ids: &[String],
        refs: Vec<String>,
    ) -> Result<(Vec<Row>, Vec<Ref>), Refusal> {
        let mut faults = Violations::default();
        let rows = self.rows_of(base, ids, "member_ids", &mut faults);
        let mut parsed = Vec::with_capacity(refs.len());
        for (index, text) in refs.into_iter().enumerate() {
            match Ref::parse(text) {
                Ok(one) => parsed.push(one),
                Err(rule) => faults.add(rule.reason(), format!("refs[{index}]"), rule.describe()),
            }
        }
        faults.finish((rows, parsed))
    }
}
