//! A member of a memberbase, its profile, its status and its gender.

use std::fmt;

use crate::model::attributes::attribute::Attributes;
use crate::model::bank::account::AccountDetails;
use crate::model::contact::email::Email;
use crate::model::contact::phone::Phone;
use crate::model::membership::alias::RefAlias;
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::text::{Name, Ref, Tier, WorkerId};
use crate::model::value::time::{Date, Timestamp};

/// A member of a memberbase, without its memberbase and row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// The data of the person.
    pub profile: Profile,
    /// The data that the memberbase adds to the profile.
    pub attributes: Attributes,
    /// Former refs, some of which may have expired.
    pub aliases: Vec<RefAlias>,
    /// The status.
    pub status: Status,
    /// The time of the commit that created it.
    pub created_at: Timestamp,
    /// The time of the commit that last changed it.
    pub updated_at: Timestamp,
    /// The revision of the memberbase at that commit; 0 until the commit has one.
    pub revision: u64,
}

/// The fields of a member that callers set. Every field is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The caller's own key, unique in the base.
    pub ref_: Option<Ref>,
    /// E-mail address, unique in the base by its folded form.
    pub email: Option<Email>,
    /// First name.
    pub first_name: Option<Name>,
    /// Last name.
    pub last_name: Option<Name>,
    /// Phone number.
    pub phone: Option<Phone>,
    /// The caller's staff number, unique in the base.
    pub worker_id: Option<WorkerId>,
    /// Name of the tier.
    pub tier: Option<Tier>,
    /// Date of birth.
    pub dob: Option<Date>,
    /// Gender.
    pub gender: Option<Gender>,
    /// Role at work.
    pub role: Option<Name>,
    /// Company.
    pub company: Option<Name>,
    /// Whether payroll is enabled.
    pub enable_payroll: Option<bool>,
    /// Bank details.
    pub account_details: Option<AccountDetails>,
}

impl Profile {
    /// The key by which people know the member: its ref, or else its e-mail address or worker id.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let keys = [
            self.ref_.as_ref().map(Ref::as_str),
            self.email.as_ref().map(Email::as_str),
            self.worker_id.as_ref().map(WorkerId::as_str),
        ];
        keys.into_iter().flatten().next()
    }
}

/// The status of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Status {
    /// The member was invited and has not accepted yet.
    Invited,
    /// The member takes part.
    #[default]
    Active,
    /// The member was offboarded, and may come back.
    Inactive,
}

impl Status {
    /// Every status, each at its [`Status::index`].
    pub const ALL: [Self; 3] = [Self::Invited, Self::Active, Self::Inactive];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// The status with this word.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(Rule::must_be(Reason::StatusInvalid, "one of invited, active, inactive"))
    }

    /// Its index in [`Status::ALL`]. It is stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::Invited => 0,
            Self::Active => 1,
            Self::Inactive => 2,
        }
    }

    /// The status with this index.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Gender of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Non-binary.
    NonBinary,
}

impl Gender {
    /// Every gender, each at its [`Gender::index`].
    pub const ALL: [Self; 3] = [Self::Female, Self::Male, Self::NonBinary];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Female => "Female",
            Self::Male => "Male",
            Self::NonBinary => "NonBinary",
        }
    }

    /// The gender with this word, in any case.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        Self::ALL
            .into_iter()
            .find(|gender| gender.as_str().eq_ignore_ascii_case(text))
            .ok_or(Rule::must_be(Reason::GenderInvalid, "one of Female, Male, NonBinary"))
    }

    /// Its index in [`Gender::ALL`]. It is stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::Female => 0,
            Self::Male => 1,
            Self::NonBinary => 2,
        }
    }

    /// The gender with this index.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

impl fmt::Display for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_indexes_of_statuses_and_genders_never_change() {
        let statuses = Status::ALL.map(|status| (status.index(), status.as_str()));
        assert_eq!(statuses, [(0, "invited"), (1, "active"), (2, "inactive")]);
        let genders = Gender::ALL.map(|gender| (gender.index(), gender.as_str()));
        assert_eq!(genders, [(0, "Female"), (1, "Male"), (2, "NonBinary")]);
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Ok(status));
            assert_eq!(Status::from_index(status.index()), Some(status));
        }
        for gender in Gender::ALL {
            assert_eq!(Gender::parse(gender.as_str()), Ok(gender));
            assert_eq!(Gender::from_index(gender.index()), Some(gender));
        }
        assert_eq!((Status::from_index(3), Gender::from_index(3)), (None, None));
    }

    #[test]
    fn other_words_are_refused_with_the_known_ones() {
        let rule = Status::parse("Active").unwrap_err();
        assert_eq!(
            (rule.reason(), rule.describe().as_str()),
            (Reason::StatusInvalid, "must be one of invited, active, inactive")
        );
        let rule = Gender::parse("").unwrap_err();
        assert_eq!(
            (rule.reason(), rule.describe().as_str()),
            (Reason::GenderInvalid, "must be one of Female, Male, NonBinary")
        );
    }
}
