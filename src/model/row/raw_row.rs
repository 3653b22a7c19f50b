//! A row as a door received it. This is the only code that parses the fields of a member.
//!
//! - Every door fills a [`RawRow`] by moving its texts into it, or with parts of its message; nothing is
//!   copied.
//! - Parsing reports every fault of a row. Faults name fields as [`ProfileField`](crate::model::ProfileField)
//!   does; a door that spells them differently translates the paths.
//! - A row of a bulk call has a key or an id that finds its member, see [`Finder`]. A call about one member
//!   names the member elsewhere.

use crate::model::attributes::attribute::{AttributePatch, AttributeValue};
use crate::model::bank::account::AccountDetails;
use crate::model::contact::email::Email;
use crate::model::contact::phone::Phone;
use crate::model::id::{BaseNumber, Row, Sealer};
use crate::model::membership::member::{Gender, Status};
use crate::model::refusal::error::{Reason, RowError, Violations};
use crate::model::refusal::violation::Rule;
use crate::model::row::change::Change;
use crate::model::row::doubts::Doubts;
use crate::model::row::input::MemberRow;
use crate::model::row::keys::{RowKeys, UnreadRow};
use crate::model::row::match_by::MatchBy;
use crate::model::value::text::{Given, Name, Ref, Tier, WorkerId};
use crate::model::value::time::{Date, Dob};

/// An attribute as sent: its key and its value, where `None` clears it.
pub type RawAttribute = (String, Option<Result<AttributeValue, Rule>>);

/// A row as sent. `A` yields its attributes, and `T` are its texts.
#[derive(Debug, Clone, Default)]
pub struct RawRow<A, T = String> {
    /// The id of the member.
    pub id: Option<T>,
    /// The caller's key.
    pub ref_: Change<T>,
    /// The e-mail address.
    pub email: Change<T>,
    /// The first name.
    pub first_name: Change<T>,
    /// The last name.
    pub last_name: Change<T>,
    /// The phone number.
    pub phone: Change<T>,
    /// The staff number.
    pub worker_id: Change<T>,
    /// The tier.
    pub tier: Change<T>,
    /// The date of birth.
    pub dob: Change<T>,
    /// The gender.
    pub gender: Change<T>,
    /// The role.
    pub role: Change<T>,
    /// The company.
    pub company: Change<T>,
    /// The payroll flag.
    pub enable_payroll: Change<bool>,
    /// The bank details.
    pub account_details: Change<RawAccount>,
    /// The attributes.
    pub attributes: A,
    /// The status.
    pub status: Option<T>,
    /// The names of fields to clear.
    pub clear_fields: Vec<String>,
    /// The revision that the member must have.
    pub if_revision: Option<u64>,
}

/// Bank details as sent; exactly one kind must be present.
#[derive(Debug, Clone, Default)]
pub struct RawAccount {
    /// An account in the United Kingdom.
    pub uk: Option<RawUkAccount>,
    /// An account with an IBAN.
    pub eu: Option<RawEuAccount>,
}

/// An account in the United Kingdom as sent.
#[derive(Debug, Clone, Default)]
pub struct RawUkAccount {
    /// The name of the holder.
    pub account_holder: String,
    /// The sort code.
    pub sort_code: String,
    /// The account number.
    pub account_number: String,
}

/// An account with an IBAN as sent.
#[derive(Debug, Clone, Default)]
pub struct RawEuAccount {
    /// The name of the holder.
    pub account_holder: String,
    /// The IBAN.
    pub iban: String,
}

/// How the rows of a bulk call find their members: by the key, or by the id if a row lacks the key.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    /// The key.
    pub match_by: MatchBy,
    /// The sealer that opens ids, and the memberbase of the call; `None` if the door's rows have no ids.
    pub ids: Option<(&'a Sealer, BaseNumber)>,
    /// The description of the fault of a row that has neither key nor id.
    pub missing: &'static str,
}

impl<A: IntoIterator<Item = RawAttribute>, T: Given> RawRow<A, T> {
    /// Parses the row. With a finder the row must have the key or the id of its member, and may repeat old
    /// values of that member (see [`Doubts`]).
    pub fn parse(self, today: Date, finder: Option<Finder<'_>>) -> Result<MemberRow, RowError> {
        self.parse_listed(today, finder).map_err(|unread| unread.error)
    }

    /// Parses a row of a full list: a row with faults keeps the keys that can be read.
    pub fn parse_listed(self, today: Date, finder: Option<Finder<'_>>) -> Result<MemberRow, UnreadRow> {
        let has = [&self.ref_, &self.email, &self.worker_id].map(|key| key.as_set().is_some());
        let mut faults = Violations::default();
        let mut doubts = Doubts::default();
        let mut row = MemberRow { if_revision: self.if_revision, ..MemberRow::default() };
        let patch = &mut row.patch;
        patch.ref_ = parsed(&mut faults, "ref", self.ref_, Ref::given);
        patch.email = match (self.email, finder) {
            (Change::Set(text), Some(_)) => faults.check("email", doubts.email(text)).unwrap_or_default(),
            (email, _) => parsed(&mut faults, "email", email, Email::given),
        };
        patch.first_name = parsed(&mut faults, "first_name", self.first_name, Name::given);
        patch.last_name = parsed(&mut faults, "last_name", self.last_name, Name::given);
        patch.phone = match (self.phone, finder) {
            (Change::Set(text), Some(_)) => faults.check("phone", doubts.phone(text)).unwrap_or_default(),
            (phone, _) => parsed(&mut faults, "phone", phone, Phone::given),
        };
        patch.worker_id = parsed(&mut faults, "worker_id", self.worker_id, WorkerId::given);
        patch.tier = parsed(&mut faults, "tier", self.tier, Tier::given);
        patch.dob = parsed(&mut faults, "dob", self.dob, |text| Dob::parse(text.as_ref(), today));
        patch.gender = parsed(&mut faults, "gender", self.gender, |text| Gender::parse(text.as_ref()));
        patch.role = parsed(&mut faults, "role", self.role, Name::given);
        patch.company = parsed(&mut faults, "company", self.company, Name::given);
        patch.enable_payroll = self.enable_payroll;
        patch.account_details = match self.account_details {
            Change::Set(account) => account.parse(&mut faults).into(),
            Change::Clear => Change::Clear,
            Change::Keep => Change::Keep,
        };
        for (key, value) in self.attributes {
            if let Err(rule) = change_attribute(&mut patch.attributes, &key, value) {
                faults.add(rule.reason(), format!("attributes.{key}"), rule.describe());
            }
        }
        row.status = self.status.and_then(|text| faults.check("status", Status::parse(text.as_ref())));
        let match_by = finder.map(|finder| finder.match_by);
        for (index, name) in self.clear_fields.iter().enumerate() {
            if let Err(rule) = row.patch.clear_named(name, match_by) {
                faults.add(rule.reason(), format!("clear_fields[{index}]"), rule.describe());
            }
        }
        let mut is_key_refused = false;
        if let Some(finder) =
            finder.filter(|finder| faults.is_empty() && row.match_key(finder.match_by).is_none())
        {
            match finder.find(self.id.as_ref().map(AsRef::as_ref)) {
                Ok(place) => row.found_by_id = Some(place),
                Err(_) if finder.match_by == MatchBy::Email && doubts.has_email() => is_key_refused = true,
                Err((reason, field, text)) => faults.add(reason, field, text),
            }
        }
        row.doubts = doubts.some();
        if let Some(doubts) = &row.doubts
            && (is_key_refused || !faults.is_empty())
        {
            // The row is refused in any case, so the refusal lists these faults too.
            faults.extend(doubts.refuse());
        }
        faults.finish(()).map_err(|error| UnreadRow { error, keys: Box::new(keys_of(&row, has)) })?;
        Ok(row)
    }
}

/// The keys of a row with faults. `has` says which of ref, e-mail address and worker id it had a value for.
fn keys_of(row: &MemberRow, has: [bool; 3]) -> RowKeys {
    let keys = RowKeys::of(row);
    let read = [keys.ref_.is_some(), keys.email.is_some(), keys.worker_id.is_some()];
    RowKeys { is_unreadable: has.iter().zip(read).any(|(has, read)| *has && !read), ..keys }
}

impl RawAccount {
    /// Parses the details; `None` if this added a fault.
    fn parse(self, faults: &mut Violations) -> Option<AccountDetails> {
        let (kind, parsed) = match (self.uk, self.eu) {
            (Some(uk), None) => {
                ("uk", AccountDetails::parse_uk(uk.account_holder, &uk.sort_code, &uk.account_number))
            }
            (None, Some(eu)) => ("eu", AccountDetails::parse_eu(eu.account_holder, &eu.iban)),
            (None, None) | (Some(_), Some(_)) => {
                let text = "must have exactly one of uk and eu";
                faults.add(Reason::BankAccountInvalid, "account_details", text);
                return None;
            }
        };
        let refuse = |parts: Vec<(&str, Rule)>| {
            for (field, rule) in parts {
                faults.add(rule.reason(), format!("account_details.{kind}.{field}"), rule.describe());
            }
        };
        parsed.map_err(refuse).ok()
    }
}

impl Finder<'_> {
    /// The member of a row without the key, found by its id.
    fn find(self, id: Option<&str>) -> Result<Row, (Reason, &'static str, String)> {
        let (Some(id), Some((sealer, base))) = (id, self.ids) else {
            let reason =
                if self.match_by == MatchBy::Ref { Reason::RefMissing } else { Reason::MatchKeyMissing };
            return Err((reason, self.match_by.as_str(), self.missing.to_owned()));
        };
        match sealer.open_member_of(base, id) {
            Ok(Some(row)) => Ok(row),
            Ok(None) => {
                Err((Reason::MemberNotFound, "id", "is not the id of a member of this memberbase".to_owned()))
            }
            Err(fault) => Err((Reason::IdMalformed, "id", fault.to_string())),
        }
    }
}

/// Parses a field. An invalid field counts as not named; the row is refused anyway, because its fault was
/// added.
fn parsed<T, V>(
    faults: &mut Violations,
    field: &str,
    sent: Change<T>,
    parse: impl FnOnce(T) -> Result<V, Rule>,
) -> Change<V> {
    match sent {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(text) => faults.check(field, parse(text)).into(),
    }
}

fn change_attribute(
    patch: &mut AttributePatch,
    key: &str,
    value: Option<Result<AttributeValue, Rule>>,
) -> Result<(), Rule> {
    match value {
        None => patch.clear(key),
        Some(value) => patch.set(key, value?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::field::ProfileField;
    use crate::model::samples::raw_row;

    fn today() -> Date {
        Date::new(2026, 2, 3).unwrap()
    }

    #[test]
    fn a_row_with_faults_keeps_the_keys_that_can_be_read() {
        let parse = |texts: &[(ProfileField, &str)]| raw_row(texts).parse_listed(today(), None);
        let phone = (ProfileField::Phone, "?");
        let unread = parse(&[(ProfileField::Ref, "a"), (ProfileField::WorkerId, "w"), phone]).unwrap_err();
        let keys = unread.keys;
        assert_eq!((keys.iter().count(), keys.is_unreadable), (2, false));
        let unread = parse(&[(ProfileField::Ref, "a"), (ProfileField::Email, "?")]).unwrap_err();
        assert_eq!((unread.keys.iter().count(), unread.keys.is_unreadable), (1, true));
        assert_eq!(unread.error.violations[0].field, "email");
        // An address that only an older store can have.
        let finder = Finder { match_by: MatchBy::Email, ids: None, missing: "is missing" };
        let old = raw_row(&[(ProfileField::Email, "ada@-example.com")]);
        let keys = old.parse_listed(today(), Some(finder)).unwrap_err().keys;
        assert_eq!(keys.email.unwrap().as_str(), "ada@-example.com");
        assert!(!keys.is_unreadable);
    }

    #[test]
    fn every_text_changes_its_own_field_and_no_other() {
        for (field, text) in [
            (ProfileField::Ref, "a"),
            (ProfileField::Email, "a@b.cd"),
            (ProfileField::FirstName, "a"),
            (ProfileField::LastName, "a"),
            (ProfileField::Phone, "+44 1234567"),
            (ProfileField::WorkerId, "a"),
            (ProfileField::Tier, "a"),
            (ProfileField::Dob, "1990-01-01"),
            (ProfileField::Gender, "Female"),
            (ProfileField::Role, "a"),
            (ProfileField::Company, "a"),
            (ProfileField::EnablePayroll, "true"),
        ] {
            let patch = raw_row(&[(field, text)]).parse(today(), None).unwrap().patch;
            for other in ProfileField::ALL {
                assert_eq!(patch.is_keep(other), other != field, "{field:?} {other:?}");
            }
        }
        for (field, text) in [(ProfileField::Ref, ""), (ProfileField::Dob, "2026-02-04")] {
            let refusal = raw_row(&[(field, text)]).parse(today(), None).unwrap_err();
            assert_eq!(refusal.violations[0].field, field.as_str());
        }
    }
}
