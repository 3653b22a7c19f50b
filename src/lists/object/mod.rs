//! Makes a row of the model from a line of NDJSON: one JSON object, with the field names of the contract.

mod faults;
mod fields;

use std::marker::PhantomData;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::attributes::RowAttributes;
use super::columns::Earlier;
use super::field::Field;
use super::row_fault::{RowFault, RowRule};
use crate::model::faulty_json::{self, Faulty};
use crate::model::{Change, RawAccount, RawEuAccount, RawRow, RawUkAccount};

pub(super) use self::faults::fault;
pub use self::fields::{FAILED, fields};

/// The fields of a line. Those that an export adds and only the server sets are ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<String>,
    #[serde(default, deserialize_with = "change")]
    r#ref: Change<String>,
    #[serde(default, deserialize_with = "change")]
    email: Change<String>,
    #[serde(default, deserialize_with = "change")]
    first_name: Change<String>,
    #[serde(default, deserialize_with = "change")]
    last_name: Change<String>,
    #[serde(default, deserialize_with = "change")]
    phone: Change<String>,
    #[serde(default, deserialize_with = "change")]
    worker_id: Change<String>,
    #[serde(default, deserialize_with = "change")]
    tier: Change<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "change")]
    dob: Change<String>,
    #[serde(default, deserialize_with = "change")]
    gender: Change<String>,
    #[serde(default, deserialize_with = "change")]
    role: Change<String>,
    #[serde(default, deserialize_with = "change")]
    company: Change<String>,
    #[serde(default, deserialize_with = "change")]
    enable_payroll: Change<bool>,
    #[serde(default, deserialize_with = "change")]
    account_details: Change<Account>,
    #[serde(default, deserialize_with = "change")]
    attributes: Change<Map<String, Value>>,
    #[serde(default)]
    clear_fields: Vec<String>,
    if_revision: Option<u64>,
    #[serde(rename = "member_base_id")]
    _member_base_id: Option<IgnoredAny>,
    #[serde(rename = "created_at")]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "updated_at")]
    _updated_at: Option<IgnoredAny>,
    #[serde(rename = "revision")]
    _revision: Option<IgnoredAny>,
    /// Set in a file of failed rows.
    #[serde(rename = "failed")]
    _failed: Option<Value>,
}

/// A key that is there: null clears its field.
fn change<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Change<T>, D::Error> {
    Ok(Option::deserialize(json)?.map_or(Change::Clear, Change::Set))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    uk: Option<Uk>,
    eu: Option<Eu>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Uk {
    account_holder: String,
    sort_code: String,
    account_number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Eu {
    account_holder: String,
    iban: String,
}

/// A row as its line says it. A key that is not there keeps its field, and null clears it.
pub fn row(text: &str) -> Result<RawRow<RowAttributes>, RowFault> {
    if !text.starts_with('{') {
        let message = "the line is not a JSON object such as {\"ref\": \"a\"}";
        return Err(RowFault::new(RowRule::InvalidJson, "", message));
    }
    let line: Line = json_of(text).map_err(|faulty| faults::refused(&faulty))?;
    let attributes = match line.attributes {
        Change::Keep => RowAttributes::default(),
        Change::Clear => RowAttributes { is_whole: true, values: Vec::new() },
        Change::Set(all) => {
            let values = all.into_iter().map(|(key, value)| (key, Some(value)));
            RowAttributes { is_whole: true, values: values.collect() }
        }
    };
    Ok(RawRow {
        id: line.id,
        ref_: line.r#ref,
        email: line.email,
        first_name: line.first_name,
        last_name: line.last_name,
        phone: line.phone,
        worker_id: line.worker_id,
        tier: line.tier,
        dob: line.dob,
        gender: line.gender,
        role: line.role,
        company: line.company,
        enable_payroll: line.enable_payroll,
        account_details: match line.account_details {
            Change::Set(sent) => Change::Set(account(sent)),
            Change::Clear => Change::Clear,
            Change::Keep => Change::Keep,
        },
        attributes,
        status: line.status,
        clear_fields: line.clear_fields,
        if_revision: line.if_revision,
    })
}

/// Why the line failed in an earlier import, if it says so.
pub(super) fn earlier(text: &str) -> Option<Earlier> {
    // Most lines do not.
    if !text.contains(FAILED) {
        return None;
    }
    let (_, failed) = fields(text)?.into_iter().find(|(name, _)| name == FAILED)?;
    let failed: Value = serde_json::from_str(failed.get()).ok()?;
    let said = |name: &str| Some(failed.get(name)?.as_str()?.to_owned());
    Some(Earlier { reason: said("reason")?, message: said("message")? })
}

/// The value of a key, even if the line has faults; `None` if it has none.
pub(super) fn key(text: &str, field: Field) -> Option<String> {
    let all = fields(text)?;
    let (_, value) = all.iter().rev().find(|(name, _)| name == field.name())?;
    serde_json::from_str(value.get()).ok()
}

fn account(account: Account) -> RawAccount {
    let Account { uk, eu } = account;
    RawAccount {
        uk: uk.map(|Uk { account_holder, sort_code, account_number }| RawUkAccount {
            account_holder,
            sort_code,
            account_number,
        }),
        eu: eu.map(|Eu { account_holder, iban }| RawEuAccount { account_holder, iban }),
    }
}

/// Parses `text` as JSON.
pub(super) fn json_of<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Box<Faulty>> {
    faulty_json::read(|| serde_json::Deserializer::from_str(text), PhantomData::<T>)
}

#[cfg(test)]
mod tests;
