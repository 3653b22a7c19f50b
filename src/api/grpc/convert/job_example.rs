//! Examples of plans on the wire: which fields of a member would change.

use std::collections::BTreeMap;

use super::outcome::{self, row_error};
use crate::api::grpc::v1;
use crate::directory::PlannedExample;
use crate::model::{AccountDetails, AttributeValue, BaseNumber, Member, Sealer};

/// Examples on the wire.
pub fn examples(examples: Vec<PlannedExample>, base: BaseNumber, sealer: &Sealer) -> Vec<v1::JobExample> {
    examples.into_iter().map(|example| one(example, base, sealer)).collect()
}

fn one(example: PlannedExample, base: BaseNumber, sealer: &Sealer) -> v1::JobExample {
    let PlannedExample { outcome, line, row, before, after, error } = example;
    let key = |member: &Member| member.profile.key().map(str::to_owned);
    let holder = error.as_ref().and_then(|error| error.taken_by).map(|row| sealer.member_id(base, row));
    v1::JobExample {
        outcome: outcome.map_or(v1::Outcome::Unspecified, outcome::to_wire).into(),
        removed: outcome.is_none(),
        line: line.unwrap_or_default(),
        member_id: row.map(|row| sealer.member_id(base, row)).unwrap_or_default(),
        key: before.as_ref().or(after.as_ref()).and_then(key).unwrap_or_default(),
        changes: if outcome.is_some() { changes(before.as_ref(), after.as_ref()) } else { Vec::new() },
        error: error.map(|error| row_error(error, holder, &mut 0)),
    }
}

fn changes(before: Option<&Member>, after: Option<&Member>) -> Vec<v1::JobFieldChange> {
    let mut old = before.map(texts).unwrap_or_default();
    let mut changes: Vec<v1::JobFieldChange> = Vec::new();
    for (field, after) in after.map(texts).unwrap_or_default() {
        let before = old.remove(&field);
        if before.as_ref() != Some(&after) {
            changes.push(v1::JobFieldChange { field, before, after: Some(after) });
        }
    }
    if after.is_some() {
        changes.extend(old.into_iter().map(|(field, before)| v1::JobFieldChange {
            field,
            before: Some(before),
            after: None,
        }));
    }
    changes.sort_by(|one, other| one.field.cmp(&other.field));
    changes
}

/// The fields of a member that have a value, as texts.
fn texts(member: &Member) -> BTreeMap<String, String> {
    let profile = &member.profile;
    let text = |value: Option<&str>| value.map(str::to_owned);
    let fields = [
        ("ref", text(profile.ref_.as_ref().map(|value| value.as_str()))),
        ("email", text(profile.email.as_ref().map(|value| value.as_str()))),
        ("first_name", text(profile.first_name.as_ref().map(|value| value.as_str()))),
        ("last_name", text(profile.last_name.as_ref().map(|value| value.as_str()))),
        ("phone", text(profile.phone.as_ref().map(|value| value.as_str()))),
        ("worker_id", text(profile.worker_id.as_ref().map(|value| value.as_str()))),
        ("tier", text(profile.tier.as_ref().map(|value| value.as_str()))),
        ("status", Some(member.status.as_str().to_owned())),
        ("dob", profile.dob.map(|date| date.to_text())),
        ("gender", text(profile.gender.as_ref().map(|value| value.as_str()))),
        ("role", text(profile.role.as_ref().map(|value| value.as_str()))),
        ("company", text(profile.company.as_ref().map(|value| value.as_str()))),
        ("enable_payroll", profile.enable_payroll.map(|value| value.to_string())),
        ("account_details", profile.account_details.as_ref().map(account)),
    ];
    let attributes =
        member.attributes.iter().map(|(key, value)| (format!("attributes.{key}"), attribute(value)));
    fields
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), value?)))
        .chain(attributes)
        .collect()
}

fn account(account: &AccountDetails) -> String {
    match account {
        AccountDetails::Uk { account_holder, sort_code, account_number } => {
            format!("{account_holder}, {sort_code}, {account_number}")
        }
        AccountDetails::Eu { account_holder, iban } => format!("{account_holder}, {iban}"),
    }
}

fn attribute(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Number(number) => number.to_string(),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::List(texts) => texts.join(", "),
        AttributeValue::Date(at) => at.to_string(),
    }
}
