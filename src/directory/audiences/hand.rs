//! Adding members to an audience, and removing them, by hand.

use std::time::Instant;

use crate::compute::{self, Size};
use crate::directory::access::view;
use crate::directory::handle::result_of_another_call;
use crate::directory::{Directory, Error};
use crate::model::limits::AUDIENCE_HAND_MAX_MEMBERS;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{AudienceNumber, BaseNumber, Outcome, Violations};
use crate::table::{AudienceRequest, AudienceWhat, RequestResult, RowOutcome, RowResult};

/// What an add or a remove by hand did, in entries of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HandCounts {
    /// Entries that changed what is kept by hand about their member.
    pub changed: u64,
    /// Entries whose member was as wanted already.
    pub unchanged: u64,
    /// Entries that are the id of no member of the memberbase.
    pub unknown: u64,
    /// The revision of the memberbase afterwards.
    pub revision: u64,
}

impl Directory {
    /// Adds members by hand: afterwards they are in the audience. Ids of no member are counted and ignored.
    pub async fn add_audience_members(
        &self,
        base: BaseNumber,
        audience: AudienceNumber,
        ids: &[String],
        deadline: Option<Instant>,
    ) -> Result<HandCounts, Error> {
        self.by_hand(base, audience, ids, true, deadline).await
    }

    /// Rejects a caller who could add nobody to the audience, whoever it is.
    pub async fn may_add_members(&self, number: BaseNumber, audience: AudienceNumber) -> Result<(), Error> {
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        let view = view(&base, None).await?;
        self.may_know(view.audiences(), view.audiences().may_change(audience)?)
    }

    /// Removes members by hand: afterwards they are not in the audience. Ids of no member are counted and
    /// ignored.
    pub async fn remove_audience_members(
        &self,
        base: BaseNumber,
        audience: AudienceNumber,
        ids: &[String],
        deadline: Option<Instant>,
    ) -> Result<HandCounts, Error> {
        self.by_hand(base, audience, ids, false, deadline).await
    }

    async fn by_hand(
        &self,
        number: BaseNumber,
        audience: AudienceNumber,
        ids: &[String],
        is_add: bool,
        deadline: Option<Instant>,
    ) -> Result<HandCounts, Error> {
        if ids.len() > AUDIENCE_HAND_MAX_MEMBERS {
            return Err(Error::TooMany { rows: ids.len(), limit: AUDIENCE_HAND_MAX_MEMBERS });
        }
        let mut faults = Violations::default();
        let size = Size::of_items(ids.len());
        let rows = compute::here(size, || self.rows_of(number, ids, "member_ids", &mut faults)).await;
        faults.finish(())?;
        let unknown = count(ids.len().saturating_sub(rows.len()));
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        let now = view(&base, None).await?;
        self.may_know(now.audiences(), now.audiences().must_have(audience)?)?;
        drop(now);
        if let Some(stored) = self.stored_result() {
            let RequestResult::Rows { rows, .. } = &stored.result else {
                return Err(result_of_another_call());
            };
            let revision = stored.revision.unwrap_or_default();
            return Ok(counts(rows.iter().map(RowResult::outcome), unknown, revision));
        }
        self.guarded.take_rows(ids.len())?;
        let (what, call) = if is_add {
            (AudienceWhat::AddRows { audience, rows }, Call::ADD_AUDIENCE_MEMBERS)
        } else {
            (AudienceWhat::RemoveRows { audience, rows }, Call::REMOVE_AUDIENCE_MEMBERS)
        };
        let (claim, origin) = (self.claim(), self.origin(call));
        let reply = base.change_audience(AudienceRequest { what, claim, deadline, origin }).await?;
        Ok(counts(reply.rows.into_iter(), unknown, reply.revision))
    }
}

/// Counts the outcomes; `unknown` are entries that did not get as far as the lane.
fn counts(outcomes: impl Iterator<Item = RowOutcome>, unknown: u64, revision: u64) -> HandCounts {
    let mut counts = HandCounts { unknown, revision, ..HandCounts::default() };
    for RowOutcome { outcome, .. } in outcomes {
        let counted = match outcome {
            Outcome::Created | Outcome::Updated | Outcome::Reactivated => &mut counts.changed,
            Outcome::Unchanged => &mut counts.unchanged,
            Outcome::Failed => &mut counts.unknown,
        };
        *counted += 1;
    }
    counts
}

fn count(entries: usize) -> u64 {
    u64::try_from(entries).unwrap_or(u64::MAX)
}
