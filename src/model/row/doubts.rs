//! Values that today's rules refuse, although a member may have them from before these rules.
//!
//! The export of an older store has such values, and it must be possible to import it again unchanged. So **a
//! row that repeats its member's own value byte for byte is accepted**, whatever today's rules say. If the
//! value would change anything the row is refused, so such a value never reaches another member.

use crate::model::contact::email::{self, Email};
use crate::model::contact::phone::{self, Phone};
use crate::model::membership::member::Profile;
use crate::model::refusal::error::{RowError, Violations};
use crate::model::refusal::violation::Rule;
use crate::model::row::change::Change;
use crate::model::row::patch::MemberPatch;
use crate::model::value::text::Given;

/// The values of a row that today's rules refuse. All other values of the row are valid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doubts {
    email: Option<Doubt>,
    phone: Option<Doubt>,
}

/// A refused value, and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Doubt {
    text: String,
    rule: Rule,
}

impl Doubts {
    /// Parses an e-mail address. If today's rules refuse it but an older store may have it, it becomes a
    /// doubt, which the row's member settles later.
    pub fn email<T: Given>(&mut self, text: T) -> Result<Change<Email>, Rule> {
        match email::check(text.as_ref()) {
            Ok(()) => Ok(Change::Set(Email::from_stored(text))),
            Err(rule) if email::may_be_stored(text.as_ref()) => {
                self.email = Some(Doubt { text: text.into(), rule });
                Ok(Change::Keep)
            }
            Err(rule) => Err(rule),
        }
    }

    /// Parses a phone number. If today's rules refuse it but an older store may have it, it becomes a doubt,
    /// which the row's member settles later.
    pub fn phone<T: Given>(&mut self, text: T) -> Result<Change<Phone>, Rule> {
        let old = phone::was_good(text.as_ref()).then(|| text.as_ref().to_owned());
        match (Phone::given(text), old) {
            (Err(rule), Some(text)) => {
                self.phone = Some(Doubt { text, rule });
                Ok(Change::Keep)
            }
            (parsed, _) => parsed.map(Change::Set),
        }
    }

    /// Whether the e-mail address is in doubt.
    pub fn has_email(&self) -> bool {
        self.email.is_some()
    }

    /// The e-mail address in doubt, as a member of an older store may have it.
    pub fn stored_email(&self) -> Option<Email> {
        self.email.as_ref().map(|doubt| Email::from_stored(doubt.text.clone()))
    }

    /// These doubts, boxed; `None` if there are none.
    pub fn some(self) -> Option<Box<Self>> {
        let is_none = self.email.is_none() && self.phone.is_none();
        (!is_none).then(|| Box::new(self))
    }

    /// Sets in `patch` each doubtful value that `profile` has too; returns the doubts that remain.
    pub fn settle(&self, profile: &Profile, patch: &mut MemberPatch) -> Option<Box<Self>> {
        let mut left = self.clone();
        settle(&mut left.email, &profile.email, &mut patch.email);
        settle(&mut left.phone, &profile.phone, &mut patch.phone);
        left.some()
    }

    /// The refusal of a row whose member does not have these values.
    pub fn refuse(&self) -> RowError {
        let mut faults = Violations::default();
        for (field, doubt) in [("email", &self.email), ("phone", &self.phone)] {
            if let Some(Doubt { rule, .. }) = doubt {
                faults.add(rule.reason(), field, rule.describe());
            }
        }
        // Without a fault there were no doubts either, so the fallback is never used.
        faults.finish(()).err().unwrap_or_else(|| RowError::new(crate::model::Reason::FieldInvalid))
    }
}

/// Settles the doubt if its text is what the member has: the row then sets the stored value.
fn settle<T: AsRef<str> + Clone>(doubt: &mut Option<Doubt>, stored: &Option<T>, change: &mut Change<T>) {
    // If the row also clears the field, it does not leave the value as it is.
    let settled = doubt
        .as_ref()
        .filter(|_| change.is_keep())
        .and_then(|doubt| stored.as_ref().filter(|stored| stored.as_ref() == doubt.text));
    if let Some(stored) = settled {
        *change = Change::Set(stored.clone());
        *doubt = None;
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::model::membership::member::Member;
    use crate::model::refusal::error::Reason;
    use crate::model::row::input::MemberRow;

    const OLD: &str = "ada@-example.com";
    const OLD_PHONE: &str = "+0123456789";

    fn row(email: Option<&str>, phone: Option<&str>) -> MemberRow {
        let mut doubts = Doubts::default();
        let mut row = MemberRow::default();
        row.patch.email = email.map_or(Change::Keep, |text| doubts.email(text.to_owned()).unwrap());
        row.patch.phone = phone.map_or(Change::Keep, |text| doubts.phone(text.to_owned()).unwrap());
        row.doubts = doubts.some();
        row
    }

    fn member(email: Option<&str>, phone: Option<&str>) -> Member {
        let mut member = Member::default();
        member.profile.email = email.map(|text| Email::from_stored(text.to_owned()));
        member.profile.phone = phone.map(|text| Phone::from_stored(text.to_owned()));
        member
    }

    /// The reason of a refusal, and its fields.
    fn faults_of(refusal: &RowError) -> (Reason, Vec<&str>) {
        (refusal.reason, refusal.violations.iter().map(|fault| fault.field.as_str()).collect())
    }

    #[test]
    fn a_value_that_is_refused_today_is_accepted_for_its_own_member_only() {
        let old = row(Some(OLD), None);
        let settled = old.settled(&member(Some(OLD), None)).unwrap();
        assert_eq!(settled.patch.email.as_set().unwrap().as_str(), OLD);
        assert_eq!(settled.doubts, None);
        for other in [None, Some("ada@example.com"), Some("Ada@-example.com")] {
            let refusal = old.settled(&member(other, Some(OLD))).unwrap_err();
            assert_eq!(faults_of(&refusal), (Reason::EmailInvalid, vec!["email"]));
        }
        assert_eq!(old.without_doubts().unwrap_err().reason, Reason::EmailInvalid);

        let old = row(None, Some(OLD_PHONE));
        let settled = old.settled(&member(None, Some(OLD_PHONE))).unwrap();
        assert_eq!(settled.patch.phone.as_set().unwrap().as_str(), OLD_PHONE);
        assert_eq!(settled.doubts, None);
        for other in [None, Some("+44123456789"), Some("+0123456780")] {
            let refusal = old.settled(&member(Some(OLD_PHONE), other)).unwrap_err();
            assert_eq!(faults_of(&refusal), (Reason::PhoneInvalid, vec!["phone"]));
        }
        assert_eq!(old.without_doubts().unwrap_err().reason, Reason::PhoneInvalid);
    }

    #[test]
    fn values_that_the_member_does_not_have_are_refused() {
        let old = row(Some(OLD), Some(OLD_PHONE));
        let settled = old.settled(&member(Some(OLD), Some(OLD_PHONE))).unwrap();
        assert!(settled.patch.email.as_set().is_some() && settled.patch.phone.as_set().is_some());
        let refusal = |email, phone| old.settled(&member(email, phone)).unwrap_err();
        assert_eq!(faults_of(&refusal(Some(OLD), None)), (Reason::PhoneInvalid, vec!["phone"]));
        assert_eq!(faults_of(&refusal(None, Some(OLD_PHONE))), (Reason::EmailInvalid, vec!["email"]));
        assert_eq!(faults_of(&refusal(None, None)), (Reason::EmailInvalid, vec!["email", "phone"]));
        // The row also clears the phone number.
        let cleared =
            MemberRow { patch: MemberPatch { phone: Change::Clear, ..old.patch.clone() }, ..old.clone() };
        let refusal = cleared.settled(&member(Some(OLD), Some(OLD_PHONE))).unwrap_err();
        assert_eq!(faults_of(&refusal), (Reason::PhoneInvalid, vec!["phone"]));
    }

    #[test]
    fn a_valid_value_is_never_in_doubt_and_one_that_no_store_has_is_refused_at_once() {
        let good = row(Some("ada@example.com"), Some("+44 (0)20 7946 0958"));
        assert_eq!(good.doubts, None);
        assert!(matches!(good.settled(&member(None, None)), Ok(Cow::Borrowed(_))));
        for text in ["", "a@b\n.cd", &format!("{}@b.cd", "x".repeat(300))] {
            assert!(Doubts::default().email(text.to_owned()).is_err(), "{text}");
        }
        // Stored numbers have no separators.
        for text in ["", "+012345", "+0123456789012345", "+01 2345678", "tel:+012345678", "0123456789"] {
            assert!(Doubts::default().phone(text.to_owned()).is_err(), "{text}");
        }
    }
}
