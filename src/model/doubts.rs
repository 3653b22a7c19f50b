//! Values that the rules of today refuse, although a member may have them from before these rules.
//!
//! An export of an older store has such values, and goes in again unchanged. So **a row that says what its member has, byte for
//! byte, changes nothing by it**, whatever the rules say now. Where it would change something it is refused, as ever: the value
//! never reaches another member.

use std::borrow::Cow;

use crate::model::email::{self, Email};
use crate::model::error::{RowError, Violations};
use crate::model::input::{Change, MemberRow};
use crate::model::member::Member;
use crate::model::violation::Rule;

/// The refused values of a row. Everything of it that is not here is good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doubts {
    /// The e-mail address, and why it is refused.
    email: Option<(String, Rule)>,
}

impl Doubts {
    /// What an e-mail address changes. One that is refused waits for its member.
    pub fn email(&mut self, text: String) -> Result<Change<Email>, Rule> {
        match email::check(&text) {
            Ok(()) => Ok(Change::Set(Email::from_stored(text))),
            Err(rule) if email::may_be_stored(&text) => {
                self.email = Some((text, rule));
                Ok(Change::Keep)
            }
            Err(rule) => Err(rule),
        }
    }

    /// Whether the e-mail address is one of them.
    pub fn has_email(&self) -> bool {
        self.email.is_some()
    }

    /// These, if there are any.
    pub fn some(self) -> Option<Box<Self>> {
        self.email.is_some().then(|| Box::new(self))
    }

    /// The refusal of a row that has them for nobody who has these values.
    pub fn refuse(&self) -> RowError {
        let mut faults = Violations::default();
        if let Some((_, rule)) = &self.email {
            faults.add(rule.reason(), "email", rule.describe());
        }
        // There is a fault, or there were no doubts.
        faults.finish(()).err().unwrap_or_else(|| RowError::new(crate::model::Reason::FieldInvalid))
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
        if let Some((text, _)) = &doubts.email {
            // One that the row clears as well is not the one that it leaves.
            let stored = member.profile.email.as_ref().filter(|_| self.patch.email.is_keep());
            let stored = stored.filter(|email| email.as_str() == text);
            row.patch.email = Change::Set(stored.ok_or_else(|| doubts.refuse())?.clone());
        }
        Ok(Cow::Owned(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Reason;

    const OLD: &str = "ada@-example.com";

    fn row(email: &str) -> MemberRow {
        let mut doubts = Doubts::default();
        let mut row = MemberRow::default();
        row.patch.email = doubts.email(email.to_owned()).unwrap();
        row.doubts = doubts.some();
        row
    }

    fn member(email: Option<&str>) -> Member {
        let mut member = Member::default();
        member.profile.email = email.map(|text| Email::from_stored(text.to_owned()));
        member
    }

    #[test]
    fn a_value_that_is_refused_today_is_good_for_who_has_it_and_for_nobody_else() {
        let old = row(OLD);
        let settled = old.settled(&member(Some(OLD))).unwrap();
        assert_eq!(settled.patch.email.as_set().unwrap().as_str(), OLD);
        assert_eq!(settled.doubts, None);
        for other in [None, Some("ada@example.com"), Some("Ada@-example.com")] {
            let refusal = old.settled(&member(other)).unwrap_err();
            assert_eq!(
                (refusal.reason, refusal.violations[0].field.as_str()),
                (Reason::EmailInvalid, "email")
            );
        }
        assert_eq!(old.without_doubts().unwrap_err().reason, Reason::EmailInvalid);
    }

    #[test]
    fn a_good_value_is_never_in_doubt_and_what_no_store_has_is_refused_at_once() {
        let good = row("ada@example.com");
        assert_eq!(good.doubts, None);
        assert!(matches!(good.settled(&member(None)), Ok(Cow::Borrowed(_))));
        for text in ["", "a@b\n.cd", &format!("{}@b.cd", "x".repeat(300))] {
            assert!(Doubts::default().email(text.to_owned()).is_err(), "{text}");
        }
    }
}
