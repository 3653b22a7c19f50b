//! Parsed rows of callers. Every value in a row is valid, except those that are set aside as doubts.

use std::borrow::Cow;

use crate::model::contact::email::Email;
use crate::model::guard::counts::GuardExpectation;
use crate::model::id::Row;
use crate::model::membership::member::{Member, Status};
use crate::model::refusal::error::RowError;
use crate::model::row::doubts::Doubts;
use crate::model::row::match_by::{MatchBy, Semantics};
use crate::model::row::patch::MemberPatch;
use crate::model::row::sight::Sight;
use crate::model::value::text::{Ref, WorkerId};

/// One row of an upsert.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberRow {
    /// The fields.
    pub patch: MemberPatch,
    /// The status of the member if the row creates it or brings it back; with `inactive` the row does not
    /// bring it back. In other cases the status has no effect, unless the options apply it.
    pub status: Option<Status>,
    /// Whether the e-mail address belongs to an active member of another memberbase, and both memberbases
    /// share accounts. Then the member starts (or comes back) `active` unless the row names a status. The
    /// caller does not send this; the service finds it out.
    pub has_account: bool,
    /// The revision that the member must have; 0 means that the member must not exist.
    pub if_revision: Option<u64>,
    /// The member that the row is about, if its id finds it; then no field of the row finds a member.
    pub found_by_id: Option<Row>,
    /// Values that are refused unless the member already has them.
    pub doubts: Option<Box<Doubts>>,
}

/// How to apply the rows of an upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpsertOptions {
    /// The key that finds a row's member.
    pub match_by: MatchBy,
    /// With [`MatchBy::WorkerId`]: whether a row whose worker id finds nobody, or that has none, is matched
    /// by its e-mail address.
    pub or_email: bool,
    /// What happens to fields that a row does not name.
    pub semantics: Semantics,
    /// Whether a row for an inactive member brings the member back.
    pub reactivate: bool,
    /// Whether the member gets the status of its row.
    pub apply_status: bool,
    /// Whether a row that creates a member must have a first name.
    pub needs_name: bool,
    /// How many changes an admin expects; the guard lets exactly so many pass.
    pub expected: GuardExpectation,
    /// Which fields of members the sender may see. The sender does not send this.
    pub sight: Sight,
}

/// The key of a row, as [`MatchBy`] selects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchKey<'a> {
    /// Matches by `ref`.
    Ref(&'a Ref),
    /// Matches by folded e-mail address.
    Email(&'a Email),
    /// Matches by worker id.
    WorkerId(&'a WorkerId),
}

impl MemberRow {
    /// The status with which the row's member starts or comes back, in a memberbase with this setting.
    pub fn first_status(&self, new_members: Status) -> Status {
        self.status.unwrap_or(if self.has_account { Status::Active } else { new_members })
    }

    /// The field that finds the row's member; `None` if the row does not have it.
    pub fn match_key(&self, match_by: MatchBy) -> Option<MatchKey<'_>> {
        match match_by {
            MatchBy::Id => None,
            MatchBy::Ref => self.patch.ref_.as_set().map(MatchKey::Ref),
            MatchBy::Email => self.patch.email.as_set().map(MatchKey::Email),
            MatchBy::WorkerId => self.patch.worker_id.as_set().map(MatchKey::WorkerId),
        }
    }
}

impl MemberRow {
    /// Refuses the row if it has doubts. For rows without an existing member, which alone could settle them.
    pub fn without_doubts(&self) -> Result<&Self, RowError> {
        self.doubts.as_ref().map_or(Ok(self), |doubts| Err(doubts.refuse()))
    }

    /// The row for `member`. Refuses the row if a value in doubt is not what the member has.
    pub fn settled(&self, member: &Member) -> Result<Cow<'_, Self>, RowError> {
        let Some(doubts) = &self.doubts else { return Ok(Cow::Borrowed(self)) };
        let mut row = Self { doubts: None, ..self.clone() };
        doubts.settle(&member.profile, &mut row.patch).map_or(Ok(Cow::Owned(row)), |left| Err(left.refuse()))
    }
}
