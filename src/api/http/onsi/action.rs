//! An action of a batch: how it is read, documented and refused.
//!
//! The fields of its member are those of the call about one member, and are read by the same code.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::fields::{Fields, Presence};
use super::input::{Shape, row_of};
use super::issue::{Code, Issue};
use super::issues::Issues;
use super::member::MemberId;
use super::shape::{MemberChange, NewMember};
use super::write::issues_of;
use crate::api::http::json::parse_with;
use crate::api::http::tree::Entries;
use crate::directory::{self, ActionFault, Error};
use crate::model::{BaseNumber, Change, Date, Email, IdError, Reason, Row, Sealer, Status};

/// What the words of an action mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Add,
    Replace,
    Update,
    Offboard,
}

/// An action, as documented.
pub struct Action;

/// What is needed to read actions.
pub struct Reading<'a> {
    pub sealer: &'a Sealer,
    pub base: BaseNumber,
    pub today: Date,
}

/// An action that cannot be read.
pub struct Unread {
    /// Its issues.
    pub issues: Vec<Issue>,
    /// Whether it is not even JSON. Then nothing is known about what follows it.
    pub is_broken: bool,
}

impl Reading<'_> {
    /// Reads an action.
    pub fn read(&self, bytes: &[u8]) -> Result<directory::Action, Unread> {
        let fields = parse_with(bytes, std::marker::PhantomData::<Entries>).map_err(|refusal| {
            let is_broken = refusal.reason == Reason::MessageMalformed;
            let fault = refusal.violations.into_iter().next().map(|fault| fault.description);
            let issue = Issue::at(Code::BodyValidation, String::new(), &fault.unwrap_or_default());
            Unread { issues: vec![issue], is_broken }
        })?;
        let mut issues = Issues::default();
        let (action, missing) = self.action(fields, &mut issues);
        let mut issues = issues.into_list();
        issues.extend(missing);
        match action {
            Some(action) if issues.is_empty() => Ok(action),
            _ => Err(Unread { issues, is_broken: false }),
        }
    }

    /// The action, unless it has a fault. A member that cannot exist is a fault of its own.
    fn action(&self, fields: Entries, issues: &mut Issues) -> (Option<directory::Action>, Option<Issue>) {
        let mut head = Fields::new("", fields, issues);
        let kind = match head.text("type", Presence::Required) {
            Change::Set(word) => kind_of(&word),
            Change::Keep | Change::Clear => {
                // What other fields it may have is not known.
                return (None, None);
            }
        };
        let Some(kind) = kind else {
            let rule = "must be Add, Replace, Update or Offboard";
            head.issues().add(Code::BodyValidation, "type".to_owned(), rule);
            return (None, None);
        };
        let id = match kind {
            Kind::Add => Change::Keep,
            Kind::Replace | Kind::Update | Kind::Offboard => head.text("memberId", Presence::Required),
        };
        let (row, missing) = match id.as_set().map(|id| (id, self.sealer.open_member(id))) {
            None => (None, None),
            Some((_, Ok((base, row)))) if base == self.base => (Some(row), None),
            Some((id, Ok(_) | Err(IdError::Unknown))) => (None, Some(missing(self.shown(id)))),
            Some((_, Err(fault))) => {
                head.issues().add(Code::BodyValidation, "memberId".to_owned(), &fault.to_string());
                (None, None)
            }
        };
        let rest = head.rest();
        let shape = match kind {
            Kind::Add => Shape::Add,
            Kind::Replace => Shape::Replace,
            Kind::Update => Shape::Update,
            Kind::Offboard => {
                Fields::new("", rest, issues).finish();
                return (row.map(directory::Action::Offboard), missing);
            }
        };
        let values = row_of(rest, shape, self.today, issues).map(Box::new);
        let action = values.and_then(|values| match (kind, row) {
            (Kind::Add, _) => Some(directory::Action::Add(values)),
            (Kind::Replace, Some(row)) => Some(directory::Action::Replace(row, values)),
            (Kind::Update, Some(row)) => Some(directory::Action::Update(row, values)),
            (Kind::Replace | Kind::Update | Kind::Offboard, _) => None,
        });
        (action, missing)
    }

    /// An id as this door writes ids, or as it was sent if this store cannot open it.
    fn shown(&self, id: &str) -> String {
        let known = self.sealer.open_member(id);
        known.map_or_else(|_| id.to_owned(), |(base, row)| self.sealer.member_id_onsi(base, row))
    }

    /// The issues of an action that cannot be applied.
    pub fn refused(&self, fault: &ActionFault) -> Vec<Issue> {
        let id = |row: &Row| self.sealer.member_id_onsi(self.base, *row);
        let about = |code, row: &Row| Issue { member_id: Some(id(row)), ..Issue::new(code, String::new()) };
        let (row, issue) = match &fault.action {
            directory::Action::Add(values) => {
                let email = values.patch.email.as_set().cloned().map(Email::into_string);
                let issue = Issue::new(Code::InvalidAddMemberPayload, String::new());
                (None, Issue { email, ..issue })
            }
            directory::Action::Replace(row, _) | directory::Action::Update(row, _) => {
                (Some(row), about(Code::InvalidUpdateMemberPayload, row))
            }
            directory::Action::Offboard(row) => (Some(row), about(Code::InvalidRemoveMemberPayload, row)),
        };
        if let (Reason::MemberNotFound, Some(row)) = (fault.refusal.reason, row) {
            return vec![missing(id(row))];
        }
        let is_invited = fault.refusal.reason == Reason::EmailTaken
            && fault.holder.is_some_and(|status| status != Status::Inactive);
        // A member that the batch itself adds has no id yet.
        let holder = fault.refusal.taken_by.as_ref().map(id);
        issues_of(&fault.refusal, &issue, is_invited, holder.as_ref())
    }
}

fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "Add" => Some(Kind::Add),
        "Replace" => Some(Kind::Replace),
        "Update" => Some(Kind::Update),
        "Offboard" => Some(Kind::Offboard),
        _ => None,
    }
}

/// The issue of a member that does not exist.
fn missing(id: String) -> Issue {
    let issue = Issue::new(Code::MemberNotFound, Error::MemberNotFound.to_string());
    Issue { member_id: Some(id), path: Some("memberId".to_owned()), ..issue }
}

impl JsonSchema for Action {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = MemberId::json_schema(generator).to_value();
        let alternatives = [
            variant("Add", NewMember::json_schema(generator), None),
            variant("Replace", NewMember::json_schema(generator), Some(id.clone())),
            variant("Update", MemberChange::json_schema(generator), Some(id.clone())),
            variant("Offboard", json_schema!({ "type": "object", "additionalProperties": false }), Some(id)),
        ];
        json_schema!({ "oneOf": alternatives })
    }
}

/// The schema of an action: that of the fields of its member, with the fields of every action.
fn variant(word: &str, fields: Schema, id: Option<Value>) -> Value {
    let mut fields = fields.to_value();
    let mut more = vec![("type", json!({ "type": "string", "enum": [word] }))];
    more.extend(id.map(|id| ("memberId", id)));
    for (name, schema) in more {
        let Some(object) = fields.as_object_mut() else { break };
        if let Some(properties) = object.entry("properties").or_insert_with(|| json!({})).as_object_mut() {
            properties.insert(name.to_owned(), schema);
        }
        if let Some(required) = object.entry("required").or_insert_with(|| json!([])).as_array_mut() {
            required.push(name.into());
        }
    }
    fields
}

#[cfg(test)]
mod tests;
