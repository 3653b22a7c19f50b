//! Bringing deleted members back.

use std::time::Instant;

use crate::compute::{self, Size};
use crate::directory::access::view;
use crate::directory::handle::result_of_another_call;
use crate::directory::{Directory, Error};
use crate::model::limits::UNDELETE_MAX_MEMBERS;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Outcome, Reason, Ref, Refusal, Row, Violations};
use crate::table::{RequestResult, RowOutcome, RowResult, UndeleteReply, UndeleteRequest, WhichDeleted};

/// Up to this many ids and refs are parsed at once, without waiting for a turn to compute.
const KEYS_AT_ONCE: usize = 2_000;

/// Which deleted members come back: exactly one of the three.
#[derive(Debug, Default)]
pub struct Undelete {
    /// Members by id.
    pub ids: Vec<String>,
    /// Members by the ref that each had when it was deleted.
    pub refs: Vec<String>,
    /// All members that the commit of this revision deleted.
    pub revision: Option<u64>,
}

/// A parsed request: what the table looks for, and for a request by id the row of each id that belongs to
/// the memberbase.
struct Parsed {
    which: WhichDeleted,
    rows: Option<Vec<Option<Row>>>,
}

impl Directory {
    /// Brings deleted members back, in one commit. Each comes back as it was, under its id and with its
    /// records, or not at all. The outcomes are in the order of the request; see
    /// [`UndeleteReply::outcomes`].
    pub async fn undelete_members(
        &self,
        number: BaseNumber,
        sent: &Undelete,
        deadline: Option<Instant>,
    ) -> Result<UndeleteReply, Error> {
        let entries = sent.ids.len().saturating_add(sent.refs.len());
        if entries > UNDELETE_MAX_MEMBERS {
            return Err(Error::TooMany { rows: entries, limit: UNDELETE_MAX_MEMBERS });
        }
        let size = Size::large_if(entries > KEYS_AT_ONCE);
        let Parsed { which, rows } = compute::here(size, || self.parse_undelete(number, sent)).await?;
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        if let Some(stored) = self.stored_result() {
            let RequestResult::Rows { rows: outcomes, .. } = &stored.result else {
                return Err(result_of_another_call());
            };
            let outcomes = outcomes.iter().map(RowResult::outcome).collect();
            let reply = UndeleteReply { outcomes, revision: stored.revision.unwrap_or_default() };
            return Ok(under_their_ids(reply, rows));
        }
        self.guarded.take_rows(entries.max(1))?;
        let reached = view(&base, sent.revision).await?.revision();
        if which.members() == 0 {
            let reply = UndeleteReply { outcomes: Vec::new(), revision: reached };
            return Ok(under_their_ids(reply, rows));
        }
        let origin = self.origin(Call::UNDELETE_MEMBERS);
        let sight = self.guarded.sight();
        let request = UndeleteRequest { which, sight, claim: self.claim(), deadline, origin };
        Ok(under_their_ids(base.undelete(request).await?, rows))
    }

    fn parse_undelete(&self, base: BaseNumber, sent: &Undelete) -> Result<Parsed, Refusal> {
        let Undelete { ids, refs, revision } = sent;
        let mut faults = Violations::default();
        let given = [(!ids.is_empty(), IDS), (!refs.is_empty(), "refs"), (revision.is_some(), REVISION)];
        let mut given = given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, field)| field);
        if given.next().is_none() {
            faults.add(
                Reason::FieldRequired,
                IDS,
                "is required, unless `refs` or `deleted_at_revision` is given",
            );
        }
        for field in given {
            let description = "cannot be combined with the other ways to say which members come back";
            faults.add(Reason::FieldConflict, field, description);
        }
        let mut rows = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            match self.sealer().open_member_of(base, id) {
                Ok(row) => rows.push(row),
                Err(fault) => faults.add(Reason::IdMalformed, format!("{IDS}[{index}]"), fault.to_string()),
            }
        }
        let mut parsed: Vec<Ref> = Vec::with_capacity(refs.len());
        for (index, text) in refs.iter().enumerate() {
            parsed.extend(faults.check(format!("refs[{index}]"), Ref::parse(text.clone())));
        }
        if *revision == Some(0) {
            faults.add(Reason::FieldInvalid, REVISION, "must be at least 1");
        }
        faults.finish(match revision {
            Some(revision) => Parsed { which: WhichDeleted::Revision(*revision), rows: None },
            None if ids.is_empty() => Parsed { which: WhichDeleted::Refs(parsed), rows: None },
            None => {
                let known = rows.iter().copied().flatten().collect();
                Parsed { which: WhichDeleted::Rows(known), rows: Some(rows) }
            }
        })
    }
}

const IDS: &str = "member_ids";
const REVISION: &str = "deleted_at_revision";

/// Adds the outcomes of ids that do not belong to the memberbase, in the order of the request.
fn under_their_ids(reply: UndeleteReply, rows: Option<Vec<Option<Row>>>) -> UndeleteReply {
    let Some(rows) = rows else { return reply };
    let unknown = || RowOutcome {
        row: None,
        outcome: Outcome::Failed,
        status_kept: false,
        error: Some(Box::new(Refusal::new(Reason::MemberNotFound))),
    };
    let mut known = reply.outcomes.into_iter();
    let outcomes = rows.into_iter().map(|row| row.and_then(|_| known.next()).unwrap_or_else(unknown));
    UndeleteReply { outcomes: outcomes.collect(), revision: reply.revision }
}
