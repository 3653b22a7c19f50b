//! What callers ask to be done to a member, parsed: every value in here is a good one.

use crate::model::account::AccountDetails;
use crate::model::attribute::AttributePatch;
use crate::model::email::Email;
use crate::model::error::Reason;
use crate::model::member::{Gender, Status};
use crate::model::phone::Phone;
use crate::model::text::{Name, Ref, Tier, WorkerId};
use crate::model::time::{Date, Dob};
use crate::model::violation::Rule;

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
    /// The status of a member that the row creates; without effect on one that exists.
    pub status: Option<Status>,
    /// The revision that the member must be at; 0 means that it must not exist.
    pub if_revision: Option<u64>,
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
}

/// What a field that a row does not name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Semantics {
    /// It stays.
    #[default]
    Merge,
    /// It is cleared, attributes included: the row is the whole member.
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
    /// The key that finds the row's member; `None` when the row does not carry it (`MATCH_KEY_MISSING`).
    pub fn match_key(&self, match_by: MatchBy) -> Option<MatchKey<'_>> {
        match match_by {
            MatchBy::Ref => self.patch.ref_.as_set().map(MatchKey::Ref),
            MatchBy::Email => self.patch.email.as_set().map(MatchKey::Email),
            MatchBy::WorkerId => self.patch.worker_id.as_set().map(MatchKey::WorkerId),
        }
    }
}

impl MatchBy {
    /// The field's name on the wire.
    pub fn field(self) -> ProfileField {
        match self {
            Self::Ref => ProfileField::Ref,
            Self::Email => ProfileField::Email,
            Self::WorkerId => ProfileField::WorkerId,
        }
    }
}

/// The name of a field of the profile: for clearing by name, and for columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileField {
    /// `ref`
    Ref,
    /// `email`
    Email,
    /// `first_name`
    FirstName,
    /// `last_name`
    LastName,
    /// `phone`
    Phone,
    /// `worker_id`
    WorkerId,
    /// `tier`
    Tier,
    /// `dob`
    Dob,
    /// `gender`
    Gender,
    /// `role`
    Role,
    /// `company`
    Company,
    /// `enable_payroll`
    EnablePayroll,
    /// `account_details`
    AccountDetails,
}

impl ProfileField {
    /// Every field, in the order in which documents list them.
    pub const ALL: [Self; 13] = [
        Self::Ref,
        Self::Email,
        Self::FirstName,
        Self::LastName,
        Self::Phone,
        Self::WorkerId,
        Self::Tier,
        Self::Dob,
        Self::Gender,
        Self::Role,
        Self::Company,
        Self::EnablePayroll,
        Self::AccountDetails,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Email => "email",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Phone => "phone",
            Self::WorkerId => "worker_id",
            Self::Tier => "tier",
            Self::Dob => "dob",
            Self::Gender => "gender",
            Self::Role => "role",
            Self::Company => "company",
            Self::EnablePayroll => "enable_payroll",
            Self::AccountDetails => "account_details",
        }
    }

    /// The field of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

impl MemberPatch {
    /// Clears a field.
    pub fn clear(&mut self, field: ProfileField) {
        match field {
            ProfileField::Ref => self.ref_ = Change::Clear,
            ProfileField::Email => self.email = Change::Clear,
            ProfileField::FirstName => self.first_name = Change::Clear,
            ProfileField::LastName => self.last_name = Change::Clear,
            ProfileField::Phone => self.phone = Change::Clear,
            ProfileField::WorkerId => self.worker_id = Change::Clear,
            ProfileField::Tier => self.tier = Change::Clear,
            ProfileField::Dob => self.dob = Change::Clear,
            ProfileField::Gender => self.gender = Change::Clear,
            ProfileField::Role => self.role = Change::Clear,
            ProfileField::Company => self.company = Change::Clear,
            ProfileField::EnablePayroll => self.enable_payroll = Change::Clear,
            ProfileField::AccountDetails => self.account_details = Change::Clear,
        }
    }

    /// Whether a field was not named.
    pub fn is_keep(&self, field: ProfileField) -> bool {
        match field {
            ProfileField::Ref => self.ref_.is_keep(),
            ProfileField::Email => self.email.is_keep(),
            ProfileField::FirstName => self.first_name.is_keep(),
            ProfileField::LastName => self.last_name.is_keep(),
            ProfileField::Phone => self.phone.is_keep(),
            ProfileField::WorkerId => self.worker_id.is_keep(),
            ProfileField::Tier => self.tier.is_keep(),
            ProfileField::Dob => self.dob.is_keep(),
            ProfileField::Gender => self.gender.is_keep(),
            ProfileField::Role => self.role.is_keep(),
            ProfileField::Company => self.company.is_keep(),
            ProfileField::EnablePayroll => self.enable_payroll.is_keep(),
            ProfileField::AccountDetails => self.account_details.is_keep(),
        }
    }

    /// Sets a field from text, as a column of a file gives it. Bank details have no text form and are refused.
    pub fn set_text(&mut self, field: ProfileField, text: String, today: Date) -> Result<(), Rule> {
        match field {
            ProfileField::Ref => self.ref_ = Change::Set(Ref::parse(text)?),
            ProfileField::Email => self.email = Change::Set(Email::parse(text)?),
            ProfileField::FirstName => self.first_name = Change::Set(Name::parse(text)?),
            ProfileField::LastName => self.last_name = Change::Set(Name::parse(text)?),
            ProfileField::Phone => self.phone = Change::Set(Phone::parse(text)?),
            ProfileField::WorkerId => self.worker_id = Change::Set(WorkerId::parse(text)?),
            ProfileField::Tier => self.tier = Change::Set(Tier::parse(text)?),
            ProfileField::Dob => self.dob = Change::Set(Dob::parse(&text, today)?),
            ProfileField::Gender => self.gender = Change::Set(Gender::parse(&text)?),
            ProfileField::Role => self.role = Change::Set(Name::parse(text)?),
            ProfileField::Company => self.company = Change::Set(Name::parse(text)?),
            ProfileField::EnablePayroll => self.enable_payroll = Change::Set(parse_bool(&text)?),
            ProfileField::AccountDetails => {
                return Err(Rule::must_be(Reason::BankAccountInvalid, "given field by field"));
            }
        }
        Ok(())
    }
}

fn parse_bool(text: &str) -> Result<bool, Rule> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Rule::must_be(Reason::FieldInvalid, "true or false")),
    }
}
