//! One row of `member/bulk-upsert`: its JSON becomes a [`RawRow`].
//!
//! Absent fields keep their values; `null` clears a field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::account;
use crate::api::http::attributes::Sent;
use crate::api::http::json::{Given, Object};
use crate::api::http::openapi::values;
use crate::api::http::rows::JsonRow;
use crate::model::limits::REF_MAX_BYTES;
use crate::model::{self, AttributeValue, Date, Finder, MatchBy, MemberRow, RawRow, RowError};

/// A member as callers send it. Absent fields keep their values; `null` clears a field.
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
    attributes: Option<Sent>,
}

/// Rows find their members by the `ref` alone.
const FINDER: Finder<'static> = Finder { match_by: MatchBy::Ref, ids: None, missing: "is required" };

impl JsonRow for Row {
    fn name(&self) -> Option<String> {
        self.r#ref.clone().filter(|text| text.len() <= REF_MAX_BYTES)
    }

    fn parse(self, today: Date) -> Result<MemberRow, RowError> {
        let attributes = self.attributes.unwrap_or_default().raw();
        let raw = RawRow {
            id: None,
            ref_: self.r#ref.into(),
            email: self.email.into(),
            first_name: self.first_name.into(),
            last_name: self.last_name.into(),
            phone: self.phone.into(),
            worker_id: self.worker_id.into(),
            tier: self.tier.into(),
            dob: self.dob.into(),
            gender: self.gender.into(),
            role: self.role.into(),
            company: self.company.into(),
            enable_payroll: self.enable_payroll.into(),
            account_details: self.account_details.map(|Object(sent)| sent.raw()).into(),
            attributes,
            status: self.status,
            clear_fields: Vec::new(),
            if_revision: None,
        };
        raw.parse(today, Some(FINDER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

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
        // They are reported with the other faults of a rejected row.
        let refusal = parsed(r#"{"ref": "a", "phone": "+0123456789", "tier": ""}"#).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["tier", "phone"]);
        // A value that no member can have is refused at once.
        let refusal = parsed(r#"{"ref": "a", "phone": "+012345"}"#).unwrap_err();
        assert_eq!(refusal.reason, Reason::PhoneInvalid);
    }
}
