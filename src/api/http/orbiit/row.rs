//! A member as callers send it: its JSON becomes a [`RawRow`].
//!
//! Absent fields keep their values; `null` clears a field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::member::NAMED;
use crate::api::http::attributes::Sent;
use crate::api::http::json::Given;
use crate::api::http::openapi::values;
use crate::api::http::rows::JsonRow;
use crate::model::{
    self, AttributeValue, Date, Finder, MatchBy, MemberRow, RawRow, Reason, RowError, Violations,
};

/// A member as callers send it. Absent fields keep their values; `null` clears a field.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[schemars(rename = "MemberRow", extend("required" = ["email"]))]
pub struct Row {
    /// The key of the member. Case does not matter.
    #[schemars(with = "model::Email")]
    email: Option<String>,
    /// Required if no member has the e-mail address yet.
    #[schemars(with = "Option<model::Name>")]
    first_name: Given<String>,
    #[schemars(with = "Option<model::Name>")]
    last_name: Given<String>,
    /// The job title.
    #[schemars(with = "Option<model::Name>")]
    role: Given<String>,
    #[schemars(with = "Option<model::Name>")]
    company: Given<String>,
    /// Custom attributes, as the schema of the workspace defines them.
    #[schemars(with = "Option<BTreeMap<values::AttributeKey, Option<AttributeValue>>>")]
    fields: Option<Sent>,
}

/// Rows find their members by the e-mail address alone.
const FINDER: Finder<'static> = Finder { match_by: MatchBy::Email, ids: None, missing: "is required" };

impl JsonRow for Row {
    fn name(&self) -> Option<String> {
        self.email.clone()
    }

    fn parse(self, today: Date) -> Result<MemberRow, RowError> {
        let fields = self.fields.unwrap_or_default();
        let mut faults = Violations::default();
        for (name, of_row) in NAMED.iter().filter(|(name, _)| fields.has(name)) {
            let rule = format!("is not a custom field; send {of_row} beside fields");
            faults.add(Reason::AttributeInvalid, format!("attributes.{name}"), rule);
        }
        let raw = RawRow {
            email: self.email.map_or(Given::Absent, Given::Value).into(),
            first_name: self.first_name.into(),
            last_name: self.last_name.into(),
            role: self.role.into(),
            company: self.company.into(),
            attributes: fields.raw().collect::<Vec<_>>(),
            ..RawRow::default()
        };
        match raw.parse(today, Some(FINDER)) {
            Ok(row) => faults.finish(row),
            Err(mut refusal) => {
                let more = faults.finish(()).err();
                refusal.violations.extend(more.into_iter().flat_map(|more| more.violations));
                Err(refusal)
            }
        }
    }
}
