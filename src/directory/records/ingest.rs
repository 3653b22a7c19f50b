//! Transactions: many at a time, of any members.

use std::collections::BTreeMap;
use std::time::Instant;

use super::changes::reason_of;
use super::input::TransactionInput;
use crate::compute::{self, Size};
use crate::directory::handle::result_of_another_call;
use crate::directory::{Directory, Error};
use crate::model::id::IdError;
use crate::model::limits::INGEST_MAX_EVENTS;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Reason, RecordFault, Violations};
use crate::table::{RecordChange, RecordOutcome, RequestResult, StoredResult};

/// What happened with transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ingested {
    /// New ones.
    pub created: u64,
    /// Those that changed.
    pub updated: u64,
    /// Those that were there already.
    pub unchanged: u64,
    /// The revision of the memberbase, if all transactions belong to one.
    pub revision: Option<u64>,
}

/// The events of one memberbase: the place of each in the call, and what it changes.
type Part = (Vec<usize>, Vec<RecordChange>);

impl Directory {
    /// Saves transactions. Those of one memberbase are saved together or not at all. If a call covers several
    /// memberbases and one of them fails, those before it stay saved, and a repeat of the call completes it.
    pub async fn ingest(
        &self,
        events: Vec<TransactionInput>,
        deadline: Option<Instant>,
    ) -> Result<Ingested, Error> {
        if events.len() > INGEST_MAX_EVENTS {
            return Err(Error::TooMany { rows: events.len(), limit: INGEST_MAX_EVENTS });
        }
        let size = Size::of_items(events.len());
        let parts = compute::here(size, || self.parse_events(events)).await?;
        for base in parts.keys() {
            self.guarded.check_base(AccessLevel::Write, *base).await?;
        }
        if let Some(stored) = self.stored_result() {
            return Ingested::again(stored);
        }
        self.guarded.take_rows(parts.values().map(|(places, _)| places.len()).sum())?;
        let only_one = parts.len() == 1;
        let claim = self.claim().filter(|_| only_one);
        let mut sum = Ingested::default();
        for (base, (places, changes)) in parts {
            let call = Call::INGEST_TRANSACTIONS;
            let reply = match self.change_records(base, changes, claim.clone(), call, deadline).await {
                // The caller named members and no memberbase, so all members of a missing memberbase are
                // missing.
                Err(Error::MemberNotFound) => {
                    let faults = places.iter().map(|place| (*place, RecordFault::MemberNotFound));
                    return Err(event_faults(faults));
                }
                reply => reply?,
            };
            let place_of = |index: usize| places.get(index).copied().unwrap_or_default();
            let outcomes = reply.outcomes.map_err(|faults| {
                event_faults(faults.into_iter().map(|(index, fault)| (place_of(index), fault)))
            })?;
            sum.count(&outcomes);
            sum.revision = only_one.then_some(reply.revision);
        }
        if !only_one {
            let Ingested { created, updated, unchanged, revision } = sum;
            self.store_result(revision, RequestResult::Ingested { created, updated, unchanged }).await?;
        }
        Ok(sum)
    }

    /// The events, by memberbase, each with its place in the call.
    fn parse_events(&self, events: Vec<TransactionInput>) -> Result<BTreeMap<BaseNumber, Part>, Error> {
        let mut faults = Violations::default();
        let mut unknown = Vec::new();
        let mut parts = BTreeMap::<BaseNumber, Part>::new();
        for (index, mut event) in events.into_iter().enumerate() {
            let path = format!("events[{index}]");
            let id = std::mem::take(&mut event.member_id);
            let record = event.parse(&mut faults, &path);
            if id.is_empty() {
                faults.add(Reason::FieldRequired, format!("{path}.member_id"), "is required");
                continue;
            }
            match (self.sealer().open_member(&id), record) {
                (Ok((base, row)), Some(record)) => {
                    let (places, changes) = parts.entry(base).or_default();
                    places.push(index);
                    changes.push(RecordChange::Save { row, record });
                }
                (Err(IdError::Unknown), _) => unknown.push((index, RecordFault::MemberNotFound)),
                (Err(fault), _) => {
                    faults.add(Reason::IdMalformed, format!("{path}.member_id"), fault.to_string());
                }
                (Ok(_), None) => {}
            }
        }
        faults.finish(())?;
        if unknown.is_empty() { Ok(parts) } else { Err(event_faults(unknown.into_iter())) }
    }
}

impl Ingested {
    /// The counts of an earlier run.
    fn again(stored: &StoredResult) -> Result<Self, Error> {
        match stored.result {
            RequestResult::Ingested { created, updated, unchanged } => {
                Ok(Self { created, updated, unchanged, revision: stored.revision })
            }
            _ => Err(result_of_another_call()),
        }
    }

    fn count(&mut self, outcomes: &[RecordOutcome]) {
        for outcome in outcomes {
            match outcome {
                RecordOutcome::Created(_) => self.created += 1,
                RecordOutcome::Updated(_) => self.updated += 1,
                RecordOutcome::Unchanged(_) | RecordOutcome::Deleted => self.unchanged += 1,
            }
        }
    }
}

/// The refusal of events, each with its place.
fn event_faults(faults: impl Iterator<Item = (usize, RecordFault)>) -> Error {
    let mut noted = Violations::default();
    for (index, fault) in faults {
        let field = if fault == RecordFault::MemberNotFound { "member_id" } else { "external_id" };
        let reason = reason_of(fault);
        noted.add(reason, format!("events[{index}].{field}"), reason.describe());
    }
    match noted.finish(()) {
        Err(refusal) => refusal.into(),
        Ok(()) => Error::Internal { private: "a refusal has no fault".to_owned() },
    }
}
