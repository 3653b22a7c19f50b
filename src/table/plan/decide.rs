//! What a row does to the current state, decided without changing it.

use std::borrow::Cow;

use bytes::Bytes;

use crate::model::counted::{Unseen, Written};
use crate::model::{
    Change, Member, MemberRow, Outcome, Reason, Refusal, Row, RowError, Update, UpsertOptions, upsert,
};
use crate::stored::commit;
use crate::table::RowOutcome;
use crate::table::index::image::short;
use crate::table::index::lookup::LookupKind;
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::prepare::{Matched, Prepared, key_of};
use crate::table::read::view::holds;

/// What a row does.
#[expect(clippy::large_enum_variant, reason = "most rows of a new list create a member; none is kept")]
pub enum Decided<'p> {
    /// Nothing: it changes nothing, or it is refused.
    Done(RowOutcome),
    /// It creates this member.
    Create(Member),
    /// It changes a member.
    Change(Box<Changing<'p>>),
}

/// A change of a member by a row.
pub struct Changing<'p> {
    /// The place of the member.
    pub row: Row,
    /// The member, and its stored form.
    pub old: Box<Member>,
    pub stored: Bytes,
    /// What happens to it.
    pub change: commit::Change,
    /// What it becomes.
    pub new: Member,
    /// The row, with values in doubt settled.
    pub sent: Cow<'p, MemberRow>,
    /// How the row came to the member.
    pub written: Written,
    /// Whether a repeat of the row may be recognised.
    pub is_repeatable: bool,
    /// Whether the row names a status that it does not give to the member.
    pub keeps_status: bool,
}

/// The member that a row is about.
pub(super) enum Current {
    /// No member has the row's key, so the row creates one.
    Absent,
    /// No member has the row's id.
    Gone,
    /// The row repeats what was last applied to the member.
    Repeated(Row),
    /// The member exists.
    Found(Row, Box<Member>, Bytes),
}

impl Current {
    /// Its place, if it exists.
    pub fn row(&self) -> Option<Row> {
        match self {
            Self::Absent | Self::Gone => None,
            Self::Repeated(row) | Self::Found(row, ..) => Some(*row),
        }
    }
}

impl Plan<'_> {
    /// Decides what a row does to `current`, the member that it is about. Uniqueness, tiers, the schema and
    /// the guard are not checked yet.
    pub(super) fn decide<'p>(
        &self,
        current: Current,
        prepared: &'p Prepared,
        options: &UpsertOptions,
    ) -> Decided<'p> {
        let new_members = self.layer.header.settings.first_status(self.origin.door);
        let (row, old, stored) = match current {
            Current::Repeated(row) => return Decided::Done(RowOutcome::ok(row, Outcome::Unchanged)),
            Current::Gone => return Decided::Done(RowOutcome::failed(None, gone())),
            Current::Absent => {
                let row = prepared.row.without_doubts();
                let created = row.and_then(|row| upsert::create(row, options, new_members, self.now));
                return match created {
                    Ok(member) => Decided::Create(member),
                    Err(refusal) => Decided::Done(RowOutcome::failed(None, refusal)),
                };
            }
            Current::Found(row, old, stored) => (row, old, stored),
        };
        let refused = |refusal| Decided::Done(RowOutcome::failed(Some(row), refusal));
        let by_alias = under_own_ref(prepared, &old);
        let is_by_alias = by_alias.is_some();
        let settled = match by_alias {
            Some(own) => own.settled(&old).map(|row| Cow::Owned(row.into_owned())),
            None => prepared.row.settled(&old),
        };
        let sent = match settled {
            Ok(sent) => sent,
            Err(refusal) => return refused(refusal),
        };
        let update = upsert::update(&old, &sent, options, new_members, self.now);
        let judged = |update| options.sight.judge(update, &old, &sent.patch, options.semantics, self.now);
        let (change, new) = match update.map(judged) {
            Ok(Update::Unchanged) => {
                let outcome = RowOutcome::ok(row, Outcome::Unchanged);
                return Decided::Done(outcome.keeping_status(upsert::keeps_status(&old, &sent)));
            }
            Ok(Update::Updated(new)) => (commit::Change::Updated, new),
            Ok(Update::Reactivated(new)) => (commit::Change::Reactivated, new),
            Err(refusal) => return refused(refusal),
        };
        let keeps_status = upsert::keeps_status(&new, &sent);
        // The reply to a repeat is made without reading the member, so a repeat must not be recognised if its
        // reply depends on the member's status.
        let is_repeatable = !is_by_alias && !keeps_status && prepared.row.doubts.is_none();
        let written = Written {
            fold: self.open.parts.hashes.fold(),
            ref_is_identity: prepared.matched_by.keys().any(|(kind, _)| kind != LookupKind::Ref),
            unseen: Unseen::of(options.sight, &sent.patch, options.semantics),
        };
        Decided::Change(Box::new(Changing {
            row,
            old,
            stored,
            change,
            new,
            sent,
            written,
            is_repeatable,
            keeps_status,
        }))
    }

    /// The member that a row is about.
    pub(super) fn current(&self, prepared: &Prepared) -> Result<Current, Stop> {
        if let Matched::Place(row) = prepared.matched_by {
            let found = self.member(row)?;
            return Ok(
                found.map_or(Current::Gone, |(member, stored)| Current::Found(row, Box::new(member), stored))
            );
        }
        for wanted in prepared.matched_by.keys() {
            match self.current_by(wanted, prepared)? {
                Current::Absent => {}
                found => return Ok(found),
            }
        }
        Ok(Current::Absent)
    }

    fn current_by(&self, wanted: Wanted, prepared: &Prepared) -> Result<Current, Stop> {
        let candidates = self.candidates(wanted)?;
        if let Some((row, _)) = candidates.iter().find(|(_, fingerprint)| is_repeat(*fingerprint, prepared)) {
            return Ok(Current::Repeated(Row(*row)));
        }
        let Some(key) = key_of(&prepared.row.patch, wanted.0) else { return Ok(Current::Absent) };
        let fold = self.open.parts.hashes.fold();
        let found = self.holder(wanted, None, |member| holds(member, key, fold, self.now))?;
        Ok(found
            .map_or(Current::Absent, |(row, member, stored)| Current::Found(row, Box::new(member), stored)))
    }
}

/// The refusal of a row whose member does not exist.
fn gone() -> RowError {
    Refusal::field(Reason::MemberNotFound, "id", "is not the id of a member of this memberbase")
}

/// For a row that found `member` by a former ref: the row with the member's present ref, so that it keeps
/// that one.
fn under_own_ref(prepared: &Prepared, member: &Member) -> Option<MemberRow> {
    let by_ref = matches!(prepared.matched_by, Matched::Key((LookupKind::Ref, _)));
    let own = member.profile.ref_.as_ref();
    if !by_ref || prepared.row.patch.ref_.as_set() == own {
        return None;
    }
    let mut row = prepared.row.clone();
    row.patch.ref_ = own.cloned().map_or(Change::Keep, Change::Set);
    Some(row)
}

/// Whether a row repeats what was last applied to the member with this fingerprint.
pub(super) fn is_repeat(fingerprint: u64, prepared: &Prepared) -> bool {
    fingerprint != 0 && fingerprint == short(prepared.fingerprint)
}
