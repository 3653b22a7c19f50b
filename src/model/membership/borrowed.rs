//! A member whose texts lie elsewhere: for those who pass it on and keep nothing of it.
//!
//! It has all that a [`Member`] has. Each is made from the other field by field, and nothing is left out
//! with `..`, so a field that one of them lacks does not compile.

use crate::model::attributes::attribute::{AttributeValue, Attributes, in_order};
use crate::model::bank::account::AccountDetails;
use crate::model::contact::email::Email;
use crate::model::contact::phone::Phone;
use crate::model::membership::alias::RefAlias;
use crate::model::membership::member::{Gender, Member, Profile, Status};
use crate::model::value::text::{Name, Ref, Tier, WorkerId};
use crate::model::value::time::{Date, Timestamp};

/// A member whose texts lie elsewhere. It has no `Debug`, because most of them are personal.
#[derive(Clone, PartialEq, Default)]
#[allow(missing_docs, reason = "the fields of `Profile` and `Member`")]
pub struct BorrowedMember<'a> {
    pub ref_: Option<&'a str>,
    pub email: Option<&'a str>,
    pub first_name: Option<&'a str>,
    pub last_name: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub worker_id: Option<&'a str>,
    pub tier: Option<&'a str>,
    pub dob: Option<Date>,
    pub gender: Option<Gender>,
    pub role: Option<&'a str>,
    pub company: Option<&'a str>,
    pub enable_payroll: Option<bool>,
    pub account_details: Option<BorrowedAccount<'a>>,
    pub attributes: BorrowedAttributes<'a>,
    pub aliases: Vec<BorrowedAlias<'a>>,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
}

/// Bank details.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of `AccountDetails`")]
pub enum BorrowedAccount<'a> {
    Uk { account_holder: &'a str, sort_code: &'a str, account_number: &'a str },
    Eu { account_holder: &'a str, iban: &'a str },
}

/// The attributes of a member: each key once, in byte order of the keys.
#[derive(Clone, PartialEq, Default)]
pub struct BorrowedAttributes<'a>(Vec<(&'a str, BorrowedValue<'a>)>);

/// The value of an attribute.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "the variants of `AttributeValue`")]
pub enum BorrowedValue<'a> {
    Text(&'a str),
    Number(f64),
    Bool(bool),
    List(Vec<&'a str>),
    Date(Timestamp),
}

/// A former ref.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BorrowedAlias<'a> {
    /// The ref.
    pub ref_: &'a str,
    /// The time at which it becomes free.
    pub until: Timestamp,
}

impl<'a> BorrowedAttributes<'a> {
    /// Takes attributes that were checked before they were stored, and sorts them if necessary.
    #[must_use]
    pub fn from_stored(entries: Vec<(&'a str, BorrowedValue<'a>)>) -> Self {
        Self(in_order(entries))
    }

    /// Keys and values in order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &BorrowedValue<'a>)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl BorrowedMember<'_> {
    /// The member, with texts of its own.
    #[must_use]
    pub fn to_member(&self) -> Member {
        let Self {
            ref_,
            email,
            first_name,
            last_name,
            phone,
            worker_id,
            tier,
            dob,
            gender,
            role,
            company,
            enable_payroll,
            account_details,
            attributes,
            aliases,
            status,
            created_at,
            updated_at,
            revision,
        } = self;
        let profile = Profile {
            ref_: ref_.map(Ref::from_stored),
            email: email.map(Email::from_stored),
            first_name: first_name.map(Name::from_stored),
            last_name: last_name.map(Name::from_stored),
            phone: phone.map(Phone::from_stored),
            worker_id: worker_id.map(WorkerId::from_stored),
            tier: tier.map(Tier::from_stored),
            dob: *dob,
            gender: *gender,
            role: role.map(Name::from_stored),
            company: company.map(Name::from_stored),
            enable_payroll: *enable_payroll,
            account_details: account_details.map(BorrowedAccount::to_account),
        };
        let attributes = attributes.iter().map(|(key, value)| (key.to_owned(), value.to_value()));
        let alias =
            |alias: &BorrowedAlias<'_>| RefAlias { ref_: Ref::from_stored(alias.ref_), until: alias.until };
        Member {
            profile,
            attributes: Attributes::from_stored(attributes.collect()),
            aliases: aliases.iter().map(alias).collect(),
            status: *status,
            created_at: *created_at,
            updated_at: *updated_at,
            revision: *revision,
        }
    }
}

impl<'a> From<&'a Member> for BorrowedMember<'a> {
    fn from(member: &'a Member) -> Self {
        let Member { profile, attributes, aliases, status, created_at, updated_at, revision } = member;
        let Profile {
            ref_,
            email,
            first_name,
            last_name,
            phone,
            worker_id,
            tier,
            dob,
            gender,
            role,
            company,
            enable_payroll,
            account_details,
        } = profile;
        let attributes = attributes.iter().map(|(key, value)| (key, value.into()));
        let alias = |alias: &'a RefAlias| BorrowedAlias { ref_: alias.ref_.as_str(), until: alias.until };
        Self {
            ref_: ref_.as_ref().map(Ref::as_str),
            email: email.as_ref().map(Email::as_str),
            first_name: first_name.as_ref().map(Name::as_str),
            last_name: last_name.as_ref().map(Name::as_str),
            phone: phone.as_ref().map(Phone::as_str),
            worker_id: worker_id.as_ref().map(WorkerId::as_str),
            tier: tier.as_ref().map(Tier::as_str),
            dob: *dob,
            gender: *gender,
            role: role.as_ref().map(Name::as_str),
            company: company.as_ref().map(Name::as_str),
            enable_payroll: *enable_payroll,
            account_details: account_details.as_ref().map(BorrowedAccount::from),
            attributes: BorrowedAttributes(attributes.collect()),
            aliases: aliases.iter().map(alias).collect(),
            status: *status,
            created_at: *created_at,
            updated_at: *updated_at,
            revision: *revision,
        }
    }
}

impl BorrowedAccount<'_> {
    fn to_account(self) -> AccountDetails {
        match self {
            Self::Uk { account_holder, sort_code, account_number } => AccountDetails::Uk {
                account_holder: account_holder.to_owned(),
                sort_code: sort_code.to_owned(),
                account_number: account_number.to_owned(),
            },
            Self::Eu { account_holder, iban } => {
                AccountDetails::Eu { account_holder: account_holder.to_owned(), iban: iban.to_owned() }
            }
        }
    }
}

impl<'a> From<&'a AccountDetails> for BorrowedAccount<'a> {
    fn from(account: &'a AccountDetails) -> Self {
        match account {
            AccountDetails::Uk { account_holder, sort_code, account_number } => {
                Self::Uk { account_holder, sort_code, account_number }
            }
            AccountDetails::Eu { account_holder, iban } => Self::Eu { account_holder, iban },
        }
    }
}

impl BorrowedValue<'_> {
    fn to_value(&self) -> AttributeValue {
        match self {
            Self::Text(text) => AttributeValue::Text((*text).to_owned()),
            Self::Number(number) => AttributeValue::Number(*number),
            Self::Bool(value) => AttributeValue::Bool(*value),
            Self::List(items) => AttributeValue::List(items.iter().map(|item| (*item).to_owned()).collect()),
            Self::Date(at) => AttributeValue::Date(*at),
        }
    }
}

impl<'a> From<&'a AttributeValue> for BorrowedValue<'a> {
    fn from(value: &'a AttributeValue) -> Self {
        match value {
            AttributeValue::Text(text) => Self::Text(text),
            AttributeValue::Number(number) => Self::Number(*number),
            AttributeValue::Bool(value) => Self::Bool(*value),
            AttributeValue::List(items) => Self::List(items.iter().map(String::as_str).collect()),
            AttributeValue::Date(at) => Self::Date(*at),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::row::sight::Sight;
    use crate::model::samples;

    proptest! {
        #[test]
        fn a_member_comes_back_from_its_borrowed_form(member in samples::member()) {
            prop_assert_eq!(BorrowedMember::from(&member).to_member(), member);
        }

        #[test]
        fn both_forms_hide_the_same(member in samples::member(), now in 0..4_i64, sees_pii: bool) {
            let sight = if sees_pii { Sight::Whole } else { Sight::WithoutPii };
            let now = Timestamp::from_micros(now);
            let mut borrowed = BorrowedMember::from(&member);
            borrowed.drop_aliases(now);
            sight.cover_borrowed(&mut borrowed);
            let borrowed = borrowed.to_member();
            let mut member = member;
            member.drop_aliases(now);
            sight.cover(&mut member);
            prop_assert_eq!(borrowed, member);
        }
    }

    #[test]
    fn attributes_are_sorted_and_the_last_of_a_key_counts() {
        let entry = |key, number| (key, BorrowedValue::Number(number));
        let attributes =
            BorrowedAttributes::from_stored(vec![entry("b", 1.0), entry("a", 2.0), entry("b", 3.0)]);
        assert!(attributes == BorrowedAttributes(vec![entry("a", 2.0), entry("b", 3.0)]));
        assert!(!attributes.is_empty() && attributes.iter().len() == 2);
    }
}
