//! A row as borrowed texts, to compare with a stored member before anything is copied or parsed.

use crate::model::limits::{NAME_MAX_CHARS, REF_MAX_BYTES, TIER_MAX_CHARS, WORKER_ID_MAX_BYTES};
use crate::model::row::change::Change;
use crate::model::value::invisible::loses_nothing;
use crate::model::value::text::{Limit, has_control_character, is_within};
use crate::model::value::time::{Date, Dob};

/// A row that only sets and clears fields of the profile: it has no id, no bank details and no attributes.
/// Its texts are not checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowTexts<'a> {
    /// The caller's key.
    pub ref_: Change<&'a str>,
    /// The e-mail address.
    pub email: Change<&'a str>,
    /// The first name.
    pub first_name: Change<&'a str>,
    /// The last name.
    pub last_name: Change<&'a str>,
    /// The phone number.
    pub phone: Change<&'a str>,
    /// The staff number.
    pub worker_id: Change<&'a str>,
    /// The tier.
    pub tier: Change<&'a str>,
    /// The date of birth.
    pub dob: Change<&'a str>,
    /// The gender.
    pub gender: Change<&'a str>,
    /// The role.
    pub role: Change<&'a str>,
    /// The company.
    pub company: Change<&'a str>,
    /// The payroll flag.
    pub enable_payroll: Change<bool>,
    /// Whether it clears the bank details.
    pub clears_account: bool,
    /// The status.
    pub status: Option<&'a str>,
    /// Whether it is known that none of its texts has a control character.
    pub has_no_controls: bool,
}

impl RowTexts<'_> {
    /// Whether today's rules store these texts as they are, so that a row which says what its member has is
    /// no change. Gender and status are compared in their stored spelling. E-mail addresses and phone numbers
    /// need no check: a row may repeat those of its member whatever today's rules say (see
    /// [`Doubts`](crate::model::Doubts)).
    #[must_use]
    pub fn are_stored_as_they_are(&self, today: Date) -> bool {
        let has_no_controls = |text: &str| self.has_no_controls || !has_control_character(text);
        let is_good = |limit, text: &Change<&str>| {
            text.as_set().is_none_or(|text| is_within(limit, text) && has_no_controls(text))
        };
        let is_bare = |chars, text: &Change<&str>| {
            text.as_set().is_none_or(|text| loses_nothing(text)) && is_good(Limit::Chars(chars), text)
        };
        let Self { first_name, last_name, role, company, .. } = self;
        let names = [first_name, last_name, role, company];
        is_good(Limit::Bytes(REF_MAX_BYTES), &self.ref_)
            && is_good(Limit::Bytes(WORKER_ID_MAX_BYTES), &self.worker_id)
            && names.into_iter().all(|name| is_bare(NAME_MAX_CHARS, name))
            && is_bare(TIER_MAX_CHARS, &self.tier)
            && self.dob.as_set().is_none_or(|text| Dob::parse(text, today).is_ok())
    }
}
