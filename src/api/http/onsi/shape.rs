//! The bodies of this door, as they are documented. They are read field by field (see `input`), so that all
//! faults of a body are reported. A test compares both.

use schemars::JsonSchema;

use super::member::Account;
use crate::model::{Dob, Email, Gender, Name, Phone, Tier, WorkerId};

/// A member with all its fields.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    deny_unknown_fields,
    extend("required" = ["email", "firstName", "lastName", "tier"])
)]
#[expect(dead_code, reason = "only its schema is made")]
pub struct NewMember {
    email: Email,
    first_name: Name,
    last_name: Name,
    tier: Tier,
    phone: Phone,
    worker_id: WorkerId,
    account_details: Option<Account>,
    enable_payroll: bool,
    dob: Dob,
    gender: Option<Gender>,
}

/// Changes of a member. Fields that are absent keep their values.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields, extend("required" = []))]
#[expect(dead_code, reason = "only its schema is made")]
pub struct MemberChange {
    email: Email,
    first_name: Name,
    last_name: Name,
    tier: Tier,
    phone: Phone,
    worker_id: Option<WorkerId>,
    account_details: Option<Account>,
    enable_payroll: bool,
    dob: Dob,
    gender: Option<Gender>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::http::onsi::fields::{Presence, asked};
    use crate::api::http::onsi::input::{Shape, row};
    use crate::api::http::onsi::issues::Issues;
    use crate::model::Date;

    /// The fields of an object's schema, and whether each must be there or may be `null`.
    fn documented(schema: &Value) -> Vec<(String, Presence)> {
        let fields = schema["properties"].as_object().unwrap().iter().map(|(name, field)| {
            let is_required = schema["required"].as_array().unwrap().contains(&name.as_str().into());
            let is_nullable = field.to_string().contains("\"null\"")
                || field["enum"].as_array().is_some_and(|words| words.contains(&Value::Null));
            let presence = match (is_required, is_nullable) {
                (true, false) => Presence::Required,
                (false, false) => Presence::Optional,
                (false, true) => Presence::Nullable,
                (true, true) => panic!("{name} may be null and not be absent"),
            };
            (name.clone(), presence)
        });
        fields.collect()
    }

    /// The fields that `input` reads.
    fn read(body: &str, shape: Shape) -> Vec<(String, Presence)> {
        let mut asked = asked(|| {
            row(body.as_bytes(), shape, Date::parse("2026-01-01").unwrap(), &mut Issues::default());
        });
        asked.sort_by(|(left, _), (right, _)| left.cmp(right));
        asked.dedup();
        asked
    }

    #[test]
    fn the_documented_fields_are_those_that_are_read() {
        let (new, change) =
            (schemars::schema_for!(NewMember).to_value(), schemars::schema_for!(MemberChange).to_value());
        for (schema, shape) in [(&new, Shape::Add), (&new, Shape::Replace), (&change, Shape::Update)] {
            assert_eq!(documented(schema), read("{}", shape), "{shape:?}");
        }
        for (place, body) in
            [r#"{"accountDetails": {"sortCode": ""}}"#, r#"{"accountDetails": {"iban": ""}}"#]
                .into_iter()
                .enumerate()
        {
            let parts = read(body, Shape::Update).into_iter();
            let parts = parts.filter_map(|(name, presence)| {
                Some((name.strip_prefix("accountDetails.")?.to_owned(), presence))
            });
            let parts: Vec<_> = parts.collect();
            assert_eq!(documented(&new["properties"]["accountDetails"]["anyOf"][0]["anyOf"][place]), parts);
        }
    }
}
