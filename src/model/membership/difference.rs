//! How two states of a member differ, field by field.
//!
//! - Every field that callers set is compared, and nothing else: not the times, the revision and the former
//!   refs.
//! - Attributes are compared as values. So an attribute that changed from the number 1 to the text "1" differs,
//!   although both look the same.
//! - A field that the caller may not see has to be removed from both states before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::model::attributes::attribute::AttributeValue;
use crate::model::bank::account::AccountDetails;
use crate::model::membership::member::Member;

/// A field that differs. The values are texts for people.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The name of the field; `attributes.KEY` for an attribute.
    pub field: String,
    /// Its value before; `None` if it was empty.
    pub before: Option<String>,
    /// Its value after; `None` if it is empty.
    pub after: Option<String>,
}

/// Shows only the name, because the values may be personal.
impl fmt::Debug for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldChange({})", self.field)
    }
}

/// A value of a field.
#[derive(PartialEq)]
enum Shown<'a> {
    Text(Cow<'a, str>),
    Attribute(&'a AttributeValue),
}

/// The fields that differ, by their names in alphabetical order. A state that is `None` has no fields.
#[must_use]
pub fn differences(before: Option<&Member>, after: Option<&Member>) -> Vec<FieldChange> {
    let mut old = before.map(fields).unwrap_or_default();
    let new = after.map(fields).unwrap_or_default();
    let mut changes = Vec::new();
    for (field, after) in new {
        let before = old.remove(&field);
        if before.as_ref() != Some(&after) {
            let (before, after) = (before.map(Shown::into_text), Some(after.into_text()));
            changes.push(FieldChange { field: field.into_owned(), before, after });
        }
    }
    let gone = |(field, before): (Cow<'_, str>, Shown<'_>)| FieldChange {
        field: field.into_owned(),
        before: Some(before.into_text()),
        after: None,
    };
    changes.extend(old.into_iter().map(gone));
    changes.sort_by(|one, other| one.field.cmp(&other.field));
    changes
}

/// The fields of a member that have a value.
fn fields(member: &Member) -> BTreeMap<Cow<'_, str>, Shown<'_>> {
    let profile = &member.profile;
    let owned = |text: String| Some(Cow::Owned(text));
    let fields: [(&str, Option<Cow<'_, str>>); 14] = [
        ("ref", profile.ref_.as_ref().map(|value| value.as_str().into())),
        ("email", profile.email.as_ref().map(|value| value.as_str().into())),
        ("first_name", profile.first_name.as_ref().map(|value| value.as_str().into())),
        ("last_name", profile.last_name.as_ref().map(|value| value.as_str().into())),
        ("phone", profile.phone.as_ref().map(|value| value.as_str().into())),
        ("worker_id", profile.worker_id.as_ref().map(|value| value.as_str().into())),
        ("tier", profile.tier.as_ref().map(|value| value.as_str().into())),
        ("status", Some(member.status.as_str().into())),
        ("dob", profile.dob.and_then(|date| owned(date.to_text()))),
        ("gender", profile.gender.map(|value| value.as_str().into())),
        ("role", profile.role.as_ref().map(|value| value.as_str().into())),
        ("company", profile.company.as_ref().map(|value| value.as_str().into())),
        ("enable_payroll", profile.enable_payroll.and_then(|value| owned(value.to_string()))),
        ("account_details", profile.account_details.as_ref().and_then(|details| owned(account(details)))),
    ];
    let fields = fields.into_iter().filter_map(|(field, text)| Some((field.into(), Shown::Text(text?))));
    let attributes = member.attributes.iter();
    let attributes =
        attributes.map(|(key, value)| (format!("attributes.{key}").into(), Shown::Attribute(value)));
    fields.chain(attributes).collect()
}

impl Shown<'_> {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Attribute(AttributeValue::Text(text)) => text.clone(),
            Self::Attribute(AttributeValue::Number(number)) => number.to_string(),
            Self::Attribute(AttributeValue::Bool(value)) => value.to_string(),
            Self::Attribute(AttributeValue::List(texts)) => texts.join(", "),
            Self::Attribute(AttributeValue::Date(at)) => at.to_string(),
        }
    }
}

fn account(account: &AccountDetails) -> String {
    match account {
        AccountDetails::Uk { account_holder, sort_code, account_number } => {
            format!("{account_holder}, {sort_code}, {account_number}")
        }
        AccountDetails::Eu { account_holder, iban } => format!("{account_holder}, {iban}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::attributes::attribute::Attributes;
    use crate::model::membership::member::Status;
    use crate::model::samples;
    use crate::model::value::text::Tier;
    use crate::model::value::time::Timestamp;

    fn turned(changes: Vec<FieldChange>) -> Vec<FieldChange> {
        let turn = |change| {
            let FieldChange { field, before, after } = change;
            FieldChange { field, before: after, after: before }
        };
        changes.into_iter().map(turn).collect()
    }

    #[test]
    fn only_fields_that_differ_are_named_with_both_values() {
        let mut before = Member { revision: 7, ..Member::default() };
        before.profile.tier = Some(Tier::parse("Gold").unwrap());
        let mut after = Member { revision: 8, updated_at: Timestamp::from_micros(9), ..before.clone() };
        after.status = Status::Inactive;
        after.profile.tier = None;
        let change = |field: &str, before: Option<&str>, after: Option<&str>| FieldChange {
            field: field.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let expected =
            [change("status", Some("active"), Some("inactive")), change("tier", Some("Gold"), None)];
        assert_eq!(differences(Some(&before), Some(&after)), expected);
        assert_eq!(differences(None, None), []);
        assert_eq!(format!("{:?}", expected[1]), "FieldChange(tier)");
    }

    #[test]
    fn an_attribute_of_another_type_differs_although_it_looks_the_same() {
        let with = |value| Member {
            attributes: Attributes::from_stored(vec![("a".to_owned(), value)]),
            ..Member::default()
        };
        let number = with(AttributeValue::number(1.0).unwrap());
        let text = with(AttributeValue::text("1").unwrap());
        let found = differences(Some(&number), Some(&text)).remove(0);
        assert_eq!((found.field.as_str(), found.before, found.after), ("attributes.a", one(), one()));
    }

    fn one() -> Option<String> {
        Some("1".to_owned())
    }

    proptest! {
        #[test]
        fn members_without_differences_have_the_same_fields(one in samples::member(), other in samples::member()) {
            let found = differences(Some(&one), Some(&other));
            prop_assert!(found.is_sorted_by(|one, other| one.field < other.field));
            let same = one.profile == other.profile
                && one.attributes == other.attributes
                && one.status == other.status;
            prop_assert_eq!(found.is_empty(), same);
            prop_assert_eq!(turned(differences(Some(&other), Some(&one))), found);
            // A new member has all its fields, and a deleted one had them.
            let created = differences(None, Some(&one));
            prop_assert!(created.iter().all(|change| change.before.is_none() && change.after.is_some()));
            prop_assert_eq!(turned(differences(Some(&one), None)), created);
        }
    }
}
