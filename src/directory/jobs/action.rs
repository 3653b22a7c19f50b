//! Actions of a batch, and the lines in which a job keeps them.
//!
//! The lines are written from parsed values and read by the code that reads lists of members. So an action
//! that was accepted can be read again. `docs/formats.md` describes the form.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::lists::member_of_object;
use crate::model::{
    AccountDetails, BaseNumber, Change, Date, Edit, MemberPatch, MemberRow, Reason, Refusal, Row, Sealer,
};
use crate::table::{EditWhat, MemberKey, TableError};

/// An action on one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Adds a member. An inactive member with the same e-mail address comes back instead.
    Add(Box<MemberRow>),
    /// Replaces the fields of a member that the row names. An inactive member comes back.
    Replace(Row, Box<MemberRow>),
    /// Changes the fields of a member that the row names.
    Update(Row, Box<MemberRow>),
    /// Makes a member inactive.
    Offboard(Row),
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Add,
    Replace,
    Update,
    Offboard,
}

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    action: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    member: Option<&'a RawValue>,
}

/// What results show of an action as it was received.
pub struct ShownAction {
    /// The e-mail address, or else the worker id, that it has.
    pub key: Option<String>,
    /// The member that its id names.
    pub row: Option<Row>,
    /// Whether it offboards its member.
    pub is_offboard: bool,
}

impl Action {
    /// What a request about one member would do.
    #[must_use]
    pub fn edit(self) -> EditWhat {
        let change = |row, edit| EditWhat::Change { key: MemberKey::Row(row), edit, if_revision: None };
        match self {
            Self::Add(row) => EditWhat::Create { row, revive: true },
            Self::Replace(row, values) => change(row, Edit::Rewrite(values)),
            Self::Update(row, values) => change(row, Edit::Update(values)),
            Self::Offboard(row) => change(row, Edit::Offboard),
        }
    }

    /// Its line, with the line end.
    pub fn line(&self, sealer: &Sealer, base: BaseNumber) -> Result<Vec<u8>, TableError> {
        let (action, row, values) = match self {
            Self::Add(values) => (Word::Add, None, Some(values)),
            Self::Replace(row, values) => (Word::Replace, Some(*row), Some(values)),
            Self::Update(row, values) => (Word::Update, Some(*row), Some(values)),
            Self::Offboard(row) => (Word::Offboard, Some(*row), None),
        };
        let written = || -> serde_json::Result<Vec<u8>> {
            let member = values.map(|values| serde_json::value::to_raw_value(&object(&values.patch)));
            let member = member.transpose()?;
            let id = row.map(|row| sealer.member_id(base, row));
            let mut line = serde_json::to_vec(&Line { action, id, member: member.as_deref() })?;
            line.push(b'\n');
            Ok(line)
        };
        written().map_err(|fault| TableError::Damaged(format!("an action cannot be written: {fault}")))
    }

    /// Reads a line. `today` is the day on which the action was accepted.
    pub fn read(line: &str, sealer: &Sealer, base: BaseNumber, today: Date) -> Result<Self, Refusal> {
        let damaged = || Refusal::field(Reason::FieldInvalid, "", "is not an action");
        let Line { action, id, member } = serde_json::from_str(line).map_err(|_| damaged())?;
        let row = || id.and_then(|id| sealer.open_member_of(base, &id).ok().flatten()).ok_or_else(damaged);
        let values = || {
            let raw = member_of_object(member.ok_or_else(damaged)?.get());
            let raw =
                raw.map_err(|fault| Refusal::field(Reason::FieldInvalid, fault.column, fault.message))?;
            raw.parse(today, None).map(Box::new)
        };
        Ok(match action {
            Word::Add => Self::Add(values()?),
            Word::Replace => Self::Replace(row()?, values()?),
            Word::Update => Self::Update(row()?, values()?),
            Word::Offboard => Self::Offboard(row()?),
        })
    }

    /// What results show of the action in a line.
    pub fn shown(line: &str, sealer: &Sealer, base: BaseNumber) -> ShownAction {
        #[derive(Deserialize, Default)]
        struct Keys {
            email: Option<String>,
            worker_id: Option<String>,
        }
        let Ok(Line { action, id, member }) = serde_json::from_str(line) else {
            return ShownAction { key: None, row: None, is_offboard: false };
        };
        let keys = member.and_then(|member| serde_json::from_str::<Keys>(member.get()).ok());
        let Keys { email, worker_id } = keys.unwrap_or_default();
        let row = id.and_then(|id| sealer.open_member_of(base, &id).ok().flatten());
        ShownAction { key: email.or(worker_id), row, is_offboard: action == Word::Offboard }
    }
}

/// The fields of a member that a patch names, as lists write them. Attributes are not among them.
fn object(patch: &MemberPatch) -> Value {
    let mut fields = Map::new();
    let mut add = |name: &str, change: Change<Value>| match change {
        Change::Keep => {}
        Change::Clear => drop(fields.insert(name.to_owned(), Value::Null)),
        Change::Set(value) => drop(fields.insert(name.to_owned(), value)),
    };
    add("ref", value(&patch.ref_, |text| text.as_str().into()));
    add("email", value(&patch.email, |text| text.as_str().into()));
    add("first_name", value(&patch.first_name, |text| text.as_str().into()));
    add("last_name", value(&patch.last_name, |text| text.as_str().into()));
    add("phone", value(&patch.phone, |text| text.as_str().into()));
    add("worker_id", value(&patch.worker_id, |text| text.as_str().into()));
    add("tier", value(&patch.tier, |text| text.as_str().into()));
    add("dob", value(&patch.dob, |date| date.to_string().into()));
    add("gender", value(&patch.gender, |gender| gender.as_str().into()));
    add("role", value(&patch.role, |text| text.as_str().into()));
    add("company", value(&patch.company, |text| text.as_str().into()));
    add("enable_payroll", value(&patch.enable_payroll, |flag| (*flag).into()));
    add("account_details", value(&patch.account_details, account));
    fields.into()
}

fn value<T>(change: &Change<T>, json: impl FnOnce(&T) -> Value) -> Change<Value> {
    match change {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(value) => Change::Set(json(value)),
    }
}

fn account(details: &AccountDetails) -> Value {
    match details {
        AccountDetails::Uk { account_holder, sort_code, account_number } => json!({ "uk": {
            "account_holder": account_holder, "sort_code": sort_code, "account_number": account_number,
        } }),
        AccountDetails::Eu { account_holder, iban } => {
            json!({ "eu": { "account_holder": account_holder, "iban": iban } })
        }
    }
}

#[cfg(test)]
mod tests;
