//! What callers ask to be done to a member, parsed: every value in here is a good one, but for those that are set apart as
//! doubts.

use crate::model::account::AccountDetails;
use crate::model::attribute::AttributePatch;
use crate::model::doubts::Doubts;
use crate::model::email::Email;
use crate::model::field::ProfileField;
use crate::model::id::Row;
use crate::model::member::{Gender, Status};
use crate::model::phone::Phone;
use crate::model::sight::Sight;
use crate::model::text::{Name, Ref, Tier, WorkerId};
use crate::model::time::Date;

/// What happens to one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// It was not named: it stays, or is cleared where the semantics are [`Semantics::Replace`].
    #[default]
    Keep,
    /// It loses its value.
    Clear,
    /// It gets this value.
    Set(T),
}

impl<T> Change<T> {
    /// The new value, if there is one.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Whether the field was not named.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

/// An absent value is not named.
impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}

/// Changes to the fields of one member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberPatch {
    /// Of the caller's key.
    pub ref_: Change<Ref>,
    /// Of the e-mail address.
    pub email: Change<Email>,
    /// Of the first name.
    pub first_name: Change<Name>,
    /// Of the last name.
    pub last_name: Change<Name>,
    /// Of the phone number.
    pub phone: Change<Phone>,
    /// Of the staff number.
    pub worker_id: Change<WorkerId>,
    /// Of the tier.
    pub tier: Change<Tier>,
    /// Of the date of birth.
    pub dob: Change<Date>,
    /// Of the gender.
    pub gender: Change<Gender>,
    /// Of the role.
    pub role: Change<Name>,
    /// Of the company.
    pub company: Change<Name>,
    /// Of the payroll flag.
    pub enable_payroll: Change<bool>,
    /// Of the bank details.
    pub account_details: Change<AccountDetails>,
    /// Of the attributes.
    pub attributes: AttributePatch,
}

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

/// The key that finds a row's member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MatchBy {
    /// The `ref`.
    #[default]
    Ref,
    /// The folded e-mail address.
    Email,
    /// The worker id.
    WorkerId,
    /// The id that the service gave. It makes no members.
    Id,
}

/// What a field that a row does not name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Semantics {
    /// It stays.
    #[default]
    Merge,
    /// It is cleared, attributes included: the row is the whole member. Only the `ref` stays, so that a row matched by
    /// another key never takes a member's `ref` away by its silence; and the status, which rows do not change.
    Replace,
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

impl MatchBy {
    /// The field of the profile that it is; none for the id, which is not part of it.
    pub fn field(self) -> Option<ProfileField> {
        match self {
            Self::Ref => Some(ProfileField::Ref),
            Self::Email => Some(ProfileField::Email),
            Self::WorkerId => Some(ProfileField::WorkerId),
            Self::Id => None,
        }
    }

    /// The name of the field on the wire.
    pub fn as_str(self) -> &'static str {
        self.field().map_or("id", ProfileField::as_str)
    }
}
