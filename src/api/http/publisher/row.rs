//! One row of `member/bulk-upsert`: its JSON, and the row of the model that it is, with every fault and its path.
//!
//! What is absent stays as it is; `null` clears.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::account;
use crate::api::http::json::{Given, Name, Object};
use crate::api::http::openapi::values;
use crate::api::http::tree::{Tree, double};
use crate::model::{
    self, AttributePatch, AttributeValue, Change, Date, Dob, Doubts, Gender, MatchBy, MemberRow,
    Name as PersonName, Reason, Ref, RowError, Rule, Status, Tier, Violations, WorkerId,
};

/// A member as callers give it: what is left out stays, `null` clears.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "MemberRow", extend("required" = ["ref"]))]
pub struct Row {
    /// The key of the member.
    #[schemars(with = "model::Ref")]
    pub r#ref: Option<String>,
    #[schemars(with = "Option<model::Email>")]
    email: Given<String>,
    #[schemars(with = "Option<model::Name>")]
    first_name: Given<String>,
    #[schemars(with = "Option<model::Name>")]
    last_name: Given<String>,
    #[schemars(with = "Option<model::Phone>")]
    phone: Given<String>,
    #[schemars(with = "Option<model::WorkerId>")]
    worker_id: Given<String>,
    #[schemars(with = "Option<model::Tier>")]
    tier: Given<String>,
    #[schemars(with = "Option<model::Status>")]
    status: Option<String>,
    #[schemars(with = "Option<model::Dob>")]
    dob: Given<String>,
    #[schemars(with = "Option<model::Gender>")]
    gender: Given<String>,
    #[schemars(with = "Option<model::Name>")]
    role: Given<String>,
    #[schemars(with = "Option<model::Name>")]
    company: Given<String>,
    #[schemars(with = "Option<bool>")]
    enable_payroll: Given<bool>,
    #[schemars(with = "Option<account::Sent>")]
    account_details: Given<Object<account::Sent>>,
    #[schemars(with = "Option<BTreeMap<values::AttributeKey, Option<AttributeValue>>>")]
    attributes: Option<Changes>,
}

/// `attributes`: every key once.
#[derive(Debug)]
struct Changes(Vec<(String, Tree)>);

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Changes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Changes, A::Error> {
                let mut seen = std::collections::BTreeSet::new();
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<Name<'de>, Tree>()? {
                    if !seen.insert(key.clone()) {
                        return Err(de::Error::custom(format_args!("duplicate field `{key}`")));
                    }
                    entries.push((key.into_owned(), value));
                }
                Ok(Changes(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Row {
    /// The row of the model, or everything that is wrong with it.
    pub fn parse(self, today: Date) -> Result<MemberRow, RowError> {
        let mut faults = Violations::default();
        let mut row = MemberRow::default();
        let patch = &mut row.patch;
        patch.ref_ = self.r#ref.and_then(|text| faults.check("ref", Ref::parse(text))).into();
        let mut doubts = Doubts::default();
        patch.email = match self.email {
            Given::Absent => Change::Keep,
            Given::Null => Change::Clear,
            Given::Value(text) => faults.check("email", doubts.email(text)).unwrap_or_default(),
        };
        patch.first_name = change(&mut faults, "first_name", self.first_name, PersonName::parse);
        patch.last_name = change(&mut faults, "last_name", self.last_name, PersonName::parse);
        patch.phone = match self.phone {
            Given::Absent => Change::Keep,
            Given::Null => Change::Clear,
            Given::Value(text) => faults.check("phone", doubts.phone(text)).unwrap_or_default(),
        };
        patch.worker_id = change(&mut faults, "worker_id", self.worker_id, WorkerId::parse);
        patch.tier = change(&mut faults, "tier", self.tier, Tier::parse);
        patch.dob = change(&mut faults, "dob", self.dob, |text| Dob::parse(&text, today));
        patch.gender = change(&mut faults, "gender", self.gender, |text: String| Gender::parse(&text));
        patch.role = change(&mut faults, "role", self.role, PersonName::parse);
        patch.company = change(&mut faults, "company", self.company, PersonName::parse);
        patch.enable_payroll = change(&mut faults, "enable_payroll", self.enable_payroll, Ok);
        patch.account_details = match self.account_details {
            Given::Absent => Change::Keep,
            Given::Null => Change::Clear,
            Given::Value(Object(details)) => details.parse(&mut faults).into(),
        };
        for (key, value) in self.attributes.map(|changes| changes.0).unwrap_or_default() {
            if let Err(rule) = set_attribute(&mut patch.attributes, &key, value) {
                faults.add(rule.reason(), format!("attributes.{key}"), rule.describe());
            }
        }
        row.status = self.status.and_then(|text| faults.check("status", Status::parse(&text)));
        if faults.is_empty() && row.match_key(MatchBy::Ref).is_none() {
            faults.add(Reason::RefMissing, "ref", "is required");
        }
        row.doubts = doubts.some();
        if let Some(doubts) = &row.doubts
            && !faults.is_empty()
        {
            // Told with the others of a row that is refused anyhow.
            faults.extend(doubts.refuse());
        }
        faults.finish(row)
    }
}

fn change<I, T>(
    faults: &mut Violations,
    field: &str,
    given: Given<I>,
    parse: impl FnOnce(I) -> Result<T, Rule>,
) -> Change<T> {
    match given {
        Given::Absent => Change::Keep,
        Given::Null => Change::Clear,
        Given::Value(value) => faults.check(field, parse(value)).into(),
    }
}

/// Sets an attribute, or clears it with `null`.
fn set_attribute(patch: &mut AttributePatch, key: &str, value: Tree) -> Result<(), Rule> {
    match value {
        Tree::Null => patch.clear(key),
        value => patch.set(key, attribute(value)?),
    }
}

/// The value of an attribute.
pub fn attribute(value: Tree) -> Result<AttributeValue, Rule> {
    let refused =
        || Rule::must_be(Reason::AttributeInvalid, "a string, a number, a boolean or an array of strings");
    match value {
        Tree::Text(text) => AttributeValue::text(text),
        Tree::Number(number) => AttributeValue::number(double(&number)),
        Tree::Bool(value) => Ok(AttributeValue::bool(value)),
        Tree::List(items) => {
            let items = items.into_iter().map(|item| match item {
                Tree::Text(text) => Ok(text),
                _ => Err(refused()),
            });
            AttributeValue::list(items.collect::<Result<_, _>>()?)
        }
        Tree::Null | Tree::Object(_) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<MemberRow, RowError> {
        serde_json::from_str::<Row>(json).unwrap().parse(Date::new(2026, 1, 1).unwrap())
    }

    #[test]
    fn values_that_are_refused_today_wait_for_their_member() {
        let row = parsed(r#"{"ref": "a", "email": "ada@-example.com", "phone": "+0123456789"}"#).unwrap();
        assert!(row.patch.email.is_keep() && row.patch.phone.is_keep() && row.doubts.is_some());
        assert_eq!(
            parsed(r#"{"ref": "a", "email": "ada@example.com", "phone": null}"#).unwrap().doubts,
            None
        );
        // They are told with the other faults of a row that is refused anyhow.
        let refusal = parsed(r#"{"ref": "a", "phone": "+0123456789", "tier": ""}"#).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["tier", "phone"]);
        // What no member can have is refused at once.
        let refusal = parsed(r#"{"ref": "a", "phone": "+012345"}"#).unwrap_err();
        assert_eq!(refusal.reason, Reason::PhoneInvalid);
    }
}
