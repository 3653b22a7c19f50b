//! What becomes of members whose changes a revert takes back, decided without changing anything.

use std::collections::HashMap;

use bytes::Bytes;

use crate::model::{
    Allowance, GuardCounts, Member, Outcome, Reason, RecordCounts, Refusal, Row, RowError, Status,
};
use crate::stored::job::{Reversal, Undo};
use crate::stored::member_record::decode_counts;
use crate::stored::record_key;
use crate::table::RowOutcome;
use crate::table::index::entries::match_keys;
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::step_request::StepOutcome;
use crate::table::plan::undelete::Returning;
use crate::table::plan::upsert::taken;
use crate::table::read::view::holds;

/// What is decided about one member.
pub(super) enum Decided {
    /// It changes.
    Changes(Box<Draft>),
    /// It is as it was already.
    Unchanged(Row),
    /// It stays.
    Stays(Option<Row>, RowError),
}

/// A change of a member that is not written yet.
pub(super) struct Draft {
    pub row: Row,
    pub before: Option<(Member, Bytes)>,
    pub after: Option<Member>,
    /// The records that come back with the member.
    pub records: Option<Returning>,
    pub outcome: StepOutcome,
}

impl Plan<'_> {
    /// Decides about all members of a group. Nothing is changed.
    pub(super) fn decide_group(&self, group: &[Reversal]) -> Result<Vec<Decided>, Stop> {
        let mut decided = group.iter().map(|one| self.draft(one)).collect::<Result<Vec<_>, _>>()?;
        let places: HashMap<Row, usize> =
            group.iter().enumerate().filter_map(|(n, one)| Some((one.row?, n))).collect();
        // Whoever must stay keeps its keys, so the others are decided again.
        loop {
            let mut given: HashMap<Wanted, Row> = HashMap::new();
            let mut allowance = self.allowance.clone();
            let mut stays: Option<(usize, Row, RowError)> = None;
            for (n, one) in decided.iter().enumerate() {
                let Decided::Changes(draft) = one else { continue };
                let refused = match self.keys_taken(draft, &decided, &places, &given)? {
                    Some(refused) => Some(refused),
                    None => self.beyond_allowance(draft, &mut allowance),
                };
                if let Some(refused) = refused {
                    stays = Some((n, draft.row, refused));
                    break;
                }
                if let Some(after) = &draft.after {
                    given.extend(
                        match_keys(&self.open.parts.hashes, after)
                            .into_iter()
                            .map(|(wanted, _)| (wanted, draft.row)),
                    );
                }
            }
            let Some((n, row, refused)) = stays else { break };
            if let Some(one) = decided.get_mut(n) {
                *one = Decided::Stays(Some(row), refused);
            }
        }
        // Writing never stops in the middle for something that was not fetched.
        for one in &decided {
            if let Decided::Changes(draft) = one {
                drop(self.member(draft.row)?);
            }
        }
        Ok(decided)
    }

    /// What happens with a member, keys and guard aside.
    fn draft(&self, reversal: &Reversal) -> Result<Decided, Stop> {
        let Some(row) = reversal.row else { return Ok(Decided::Stays(None, not_reverted())) };
        match &reversal.does {
            Undo::Stays(why) => return Ok(Decided::Stays(Some(row), why.clone())),
            Undo::Unchanged => return Ok(Decided::Unchanged(row)),
            Undo::Back { .. } | Undo::Returns { .. } | Undo::Delete(_) | Undo::Offboard(_) => {}
        }
        let before = self.member(row)?;
        if before.as_ref().map_or(0, |(member, _)| member.revision) != reversal.seen {
            return Ok(Decided::Stays(Some(row), changed_since()));
        }
        let draft = match (&reversal.does, before) {
            (Undo::Back { record, .. }, Some(before)) => self.going_back(row, record, before)?,
            (Undo::Returns { deleted_at, record }, None) => {
                match self.records_to_return(row, *deleted_at)? {
                    Ok(records) => self.restored(record, None)?.map(|after| {
                        let outcome = StepOutcome::Row(RowOutcome::ok(row, Outcome::Created));
                        Draft { row, before: None, after: Some(after), records: Some(records), outcome }
                    }),
                    Err(why) if why.reason == Reason::MemberNotFound => Err(too_late()),
                    Err(why) => Err(why),
                }
            }
            (Undo::Delete(counts), Some(before)) => self.going(row, counts, before)?,
            (Undo::Offboard(_), Some(before)) => {
                let after = Member { status: Status::Inactive, ..before.0.clone() };
                let (after, records) = (Some(self.written_now(after)), None);
                Ok(Draft { row, before: Some(before), after, records, outcome: StepOutcome::Removed })
            }
            _ => Err(changed_since()),
        };
        Ok(match draft {
            Ok(draft) if draft.is_no_change() => Decided::Unchanged(row),
            Ok(draft) => Decided::Changes(Box::new(draft)),
            Err(why) => Decided::Stays(Some(row), why),
        })
    }

    fn going_back(
        &self,
        row: Row,
        record: &[u8],
        before: (Member, Bytes),
    ) -> Result<Result<Draft, RowError>, Stop> {
        let comes_back = before.0.status == Status::Inactive;
        Ok(self.restored(record, Some(&before.0))?.map(|after| {
            let is_reactivated = comes_back && after.status != Status::Inactive;
            let outcome = if is_reactivated { Outcome::Reactivated } else { Outcome::Updated };
            let outcome = StepOutcome::Row(RowOutcome::ok(row, outcome));
            Draft { row, before: Some(before), after: Some(after), records: None, outcome }
        }))
    }

    /// A member that is deleted, unless it has other records than planned, or one that changed since it came
    /// back.
    fn going(
        &self,
        row: Row,
        planned: &RecordCounts,
        before: (Member, Bytes),
    ) -> Result<Result<Draft, RowError>, Stop> {
        let counts = self.record_value(&record_key::record_counts(self.open.number, row));
        let counts = counts.map(|bytes| decode_counts(&bytes)).transpose()?.unwrap_or_default();
        let changed = self.records_changed.get(&row).is_some_and(|at| *at >= before.0.updated_at);
        if counts != *planned || changed {
            return Ok(Err(Refusal::new(Reason::RecordsAttached)));
        }
        let outcome = StepOutcome::Deleted(counts);
        Ok(Ok(Draft { row, before: Some(before), after: None, records: None, outcome }))
    }

    /// The member as it is when it is written now.
    fn written_now(&self, mut member: Member) -> Member {
        member.drop_aliases(self.now);
        member.updated_at = self.now;
        member.revision = self.layer.header.revision + 1;
        member
    }

    /// The refusal of keys that belong to others: outside of the group, or in it to members that keep them or
    /// get them before.
    fn keys_taken(
        &self,
        draft: &Draft,
        group: &[Decided],
        places: &HashMap<Row, usize>,
        given: &HashMap<Wanted, Row>,
    ) -> Result<Option<RowError>, Stop> {
        let Some(after) = &draft.after else { return Ok(None) };
        let fold = self.open.parts.hashes.fold();
        let mut refusal: Option<RowError> = None;
        for (wanted, key) in match_keys(&self.open.parts.hashes, after) {
            if draft.before.as_ref().is_some_and(|(before, _)| holds(before, key, fold, self.now)) {
                continue;
            }
            let keeps = |holder: Row| match places.get(&holder).and_then(|place| group.get(*place)) {
                Some(Decided::Changes(other)) => {
                    other.after.as_ref().is_some_and(|after| holds(after, key, fold, self.now))
                }
                Some(Decided::Unchanged(_) | Decided::Stays(..)) | None => true,
            };
            let holder = self.holder(wanted, Some(draft.row), |other| holds(other, key, fold, self.now))?;
            let holder = holder.map(|(holder, ..)| holder).filter(|holder| keeps(*holder));
            let Some(holder) = holder.or_else(|| given.get(&wanted).copied()) else { continue };
            let taken = taken(wanted.0, holder);
            match &mut refusal {
                Some(refusal) => refusal.violations.extend(taken.violations),
                None => refusal = Some(taken),
            }
        }
        Ok(refusal)
    }

    /// The refusal of a change that the guard has not allowed the job.
    fn beyond_allowance(&self, draft: &Draft, allowance: &mut Allowance) -> Option<RowError> {
        let before = draft.before.as_ref().map(|(member, _)| member);
        let counts = GuardCounts::of_write(before, draft.after.as_ref(), self.plainly());
        let counts = self.in_tier(counts, before);
        allowance.step(&counts).err().map(|held| held.of_row())
    }
}

impl Draft {
    /// Whether the member would be the same afterwards.
    fn is_no_change(&self) -> bool {
        let (Some((before, _)), Some(after)) = (&self.before, &self.after) else { return false };
        is_same(before, after)
    }
}

/// Whether two states of a member differ only in the time and revision of the last change.
pub fn is_same(one: &Member, other: &Member) -> bool {
    one.profile == other.profile
        && one.attributes == other.attributes
        && one.aliases == other.aliases
        && one.status == other.status
}

/// The refusal of a member that somebody else has changed.
pub fn changed_since() -> RowError {
    Refusal::new(Reason::ChangedSince)
}

/// The refusal of a change of the memberbase itself.
fn not_reverted() -> RowError {
    Refusal::new(Reason::NotReverted)
}

/// The refusal of a member that was deleted too long ago.
fn too_late() -> RowError {
    Refusal::field(Reason::MemberNotFound, "", "was deleted too long ago to come back")
}
