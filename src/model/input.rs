//! What callers ask to be done to a member, parsed: every value in here is a good one, but for those that are set apart as
//! doubts.

use std::borrow::Cow;

use crate::model::doubts::Doubts;
use crate::model::email::Email;
use crate::model::error::RowError;
use crate::model::id::Row;
use crate::model::match_by::{MatchBy, Semantics};
use crate::model::member::{Member, Status};
use crate::model::patch::MemberPatch;
use crate::model::sight::Sight;
use crate::model::text::{Ref, WorkerId};

/// One row of an upsert.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberRow {
    /// The fields.
    pub patch: MemberPatch,
    /// The status that the row's member begins with when the row creates it, or comes back with when the row reactivates
    /// it (`inactive`: it does not come back). Otherwise without effect, unless the options apply it.
    pub status: Option<Status>,
    /// Whether the e-mail address belongs to an active member of another base, where both share accounts: then the member
    /// begins (or comes back) `active` unless the row names a status. Found out on the way to the table; not part of
    /// what a caller says.
    pub has_account: bool,
    /// The revision that the member must be at; 0 means that it must not exist.
    pub if_revision: Option<u64>,
    /// The member that the row is about, where it is found by its id; then none of its fields finds one.
    pub found_by_id: Option<Row>,
    /// Values that are refused unless the member has them already.
    pub doubts: Option<Box<Doubts>>,
}

/// How the rows of an upsert are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpsertOptions {
    /// The key that finds a row's member.
    pub match_by: MatchBy,
    /// What a field that a row does not name means.
    pub semantics: Semantics,
    /// Whether a row for an inactive member brings the member back.
    pub reactivate: bool,
    /// Whether a row's status becomes that of its member.
    pub apply_status: bool,
    /// What of members the sender may see; not part of what it says.
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
    /// The status that the row's member begins or comes back with, in a base with this setting.
    pub fn first_status(&self, new_members: Status) -> Status {
        self.status.unwrap_or(if self.has_account { Status::Active } else { new_members })
    }

    /// The key among its fields that finds the row's member; `None` when the row does not carry it.
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
    /// Refuses the row if it has doubts: it is about nobody who could have their values.
    pub fn without_doubts(&self) -> Result<&Self, RowError> {
        self.doubts.as_ref().map_or(Ok(self), |doubts| Err(doubts.refuse()))
    }

    /// The row as it is meant for `member`: values in doubt are those that it has, or the row is refused.
    pub fn settled(&self, member: &Member) -> Result<Cow<'_, Self>, RowError> {
        let Some(doubts) = &self.doubts else { return Ok(Cow::Borrowed(self)) };
        let mut row = Self { doubts: None, ..self.clone() };
        doubts.settle(&member.profile, &mut row.patch).map_or(Ok(Cow::Owned(row)), |left| Err(left.refuse()))
    }
}
