//! Reads the body of a call about one member as a row of the model, and reports every fault with its path.
//!
//! Absent, `null` and empty differ. An absent field keeps its value; in a replacement it is cleared, except
//! bank details. `null` clears a field where the documentation allows it. The empty string is a value that no
//! field accepts.

use serde_json::Value;

use super::call::{CallRequest, Input};
use super::fields::{Fields, Presence};
use super::issue::Code;
use super::issues::Issues;
use super::query::no_parameters;
use super::shape::{MemberChange, NewMember};
use crate::api::http::json::parse_with;
use crate::api::http::openapi::Document;
use crate::api::http::tree::Entries;
use crate::model::{Change, Date, MemberRow, RawAccount, RawEuAccount, RawRow, RawUkAccount};

/// What the body contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A new member.
    Add,
    /// All fields of a member that this door knows.
    Replace,
    /// Changes of a member.
    Update,
}

/// A new member.
pub struct Added(pub Box<MemberRow>);
/// All fields of a member that this door knows, to replace its values.
pub struct Replaced(pub Box<MemberRow>);
/// Changes of a member.
pub struct Changed(pub Box<MemberRow>);

impl Input for Added {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<NewMember>);

    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        read(request, Shape::Add, issues).map(Self)
    }
}

impl Input for Replaced {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<NewMember>);

    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        read(request, Shape::Replace, issues).map(Self)
    }
}

impl Input for Changed {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<MemberChange>);

    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        read(request, Shape::Update, issues).map(Self)
    }
}

fn read(request: &CallRequest, shape: Shape, issues: &mut Issues) -> Option<Box<MemberRow>> {
    no_parameters(&request.query, issues);
    row(&request.body.bytes, shape, request.directory.now().date(), issues).map(Box::new)
}

/// The fields of the object in the body; none if the body is not an object.
pub fn entries(bytes: &[u8], issues: &mut Issues) -> Option<Entries> {
    match parse_with(bytes, std::marker::PhantomData::<Entries>) {
        Ok(entries) => Some(entries),
        Err(refusal) => {
            // The text has the position of the fault; a body that is not JSON has no fields.
            let fault = refusal.violations.into_iter().next().map(|fault| fault.description);
            issues.add(Code::BodyValidation, String::new(), &fault.unwrap_or_default());
            None
        }
    }
}

/// The row in the body; none if the body is not an object.
pub fn row(bytes: &[u8], shape: Shape, today: Date, issues: &mut Issues) -> Option<MemberRow> {
    row_of(entries(bytes, issues)?, shape, today, issues)
}

/// The row that these fields are; none if a field has a fault.
pub fn row_of(fields: Entries, shape: Shape, today: Date, issues: &mut Issues) -> Option<MemberRow> {
    let (needed, nullable) = match shape {
        Shape::Add | Shape::Replace => (Presence::Required, Presence::Optional),
        Shape::Update => (Presence::Optional, Presence::Nullable),
    };
    let others = issues.len();
    let mut body = Fields::new("", fields, issues);
    let mut raw = RawRow {
        email: body.text("email", needed),
        first_name: body.text("firstName", needed),
        last_name: body.text("lastName", needed),
        tier: body.text("tier", needed),
        phone: body.text("phone", Presence::Optional),
        worker_id: body.text("workerId", nullable),
        account_details: match body.object("accountDetails", Presence::Nullable) {
            Change::Set(fields) => account(fields, body.issues()).into(),
            Change::Clear => Change::Clear,
            Change::Keep => Change::Keep,
        },
        enable_payroll: body.flag("enablePayroll", Presence::Optional),
        dob: body.text("dob", Presence::Optional),
        gender: body.text("gender", Presence::Nullable),
        attributes: std::iter::empty(),
        ..RawRow::default()
    };
    if shape == Shape::Replace {
        clear_if_absent(&mut raw.phone);
        clear_if_absent(&mut raw.worker_id);
        clear_if_absent(&mut raw.enable_payroll);
        clear_if_absent(&mut raw.dob);
        clear_if_absent(&mut raw.gender);
    }
    let parsed = raw.parse(today, None);
    if let Err(refusal) = &parsed {
        body.issues().break_rules(others, refusal, place);
    }
    body.finish();
    parsed.ok()
}

/// The place of a field's issues among those of a body: in the order of the documentation, and within bank
/// details unknown fields last.
fn place(path: &str) -> (usize, bool) {
    const FIELDS: [&str; 10] = [
        "email",
        "firstName",
        "lastName",
        "tier",
        "phone",
        "workerId",
        "accountDetails",
        "enablePayroll",
        "dob",
        "gender",
    ];
    const PARTS: [&str; 4] = ["accountHolder", "sortCode", "accountNumber", "iban"];
    let (field, part) = path.split_once('.').unwrap_or((path, ""));
    let place = FIELDS.iter().position(|name| *name == field).unwrap_or(FIELDS.len());
    (place, !part.is_empty() && !PARTS.contains(&part))
}

fn clear_if_absent<T>(change: &mut Change<T>) {
    if change.is_keep() {
        *change = Change::Clear;
    }
}

/// Bank details, UK or EU by the fields that are there.
fn account(fields: Entries, issues: &mut Issues) -> Option<RawAccount> {
    let mut body = Fields::new("accountDetails.", fields, issues);
    let (is_uk, is_eu) = (body.has("sortCode") || body.has("accountNumber"), body.has("iban"));
    if is_uk == is_eu {
        let description = "must have either sortCode and accountNumber, or iban";
        body.issues().add(Code::BodyValidation, "accountDetails".to_owned(), description);
        return None;
    }
    // A missing part has an issue already; the other parts are still parsed.
    let mut part = |name| match body.text(name, Presence::Required) {
        Change::Set(text) => text,
        Change::Keep | Change::Clear => String::new(),
    };
    let account_holder = part("accountHolder");
    let account = if is_uk {
        let (sort_code, account_number) = (part("sortCode"), part("accountNumber"));
        let uk = RawUkAccount { account_holder, sort_code, account_number };
        RawAccount { uk: Some(uk), eu: None }
    } else {
        RawAccount { uk: None, eu: Some(RawEuAccount { account_holder, iban: part("iban") }) }
    };
    body.finish();
    Some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_of_form_and_of_rules_stand_in_the_order_of_the_fields() {
        let body = br#"{
            "colour": 1, "gender": "other than known", "dob": 5, "enablePayroll": "yes", "workerId": null, "tier": "",
            "accountDetails": {"colour": 1, "sortCode": "1", "accountHolder": ""}, "firstName": 5, "email": "nobody"
        }"#;
        let mut issues = Issues::default();
        issues.add(Code::QueryValidation, "dob".to_owned(), "is not a parameter of this call");
        let row = row(body, Shape::Add, Date::parse("2026-01-01").unwrap(), &mut issues);
        assert_eq!(row, None);
        let issues = issues.finish(row).unwrap_err().into_issues();
        let issues = issues.iter().map(|issue| (issue.code, issue.path.as_deref().unwrap()));
        let body = |path| (Code::BodyValidation, path);
        let expected = [
            (Code::QueryValidation, "dob"),
            body("email"),
            body("firstName"),
            body("lastName"),
            body("tier"),
            body("workerId"),
            body("accountDetails.accountNumber"),
            (Code::BankAccountInvalid, "accountDetails.accountHolder"),
            (Code::BankAccountInvalid, "accountDetails.sortCode"),
            body("accountDetails.colour"),
            body("enablePayroll"),
            body("dob"),
            body("gender"),
            body("colour"),
        ];
        assert_eq!(issues.collect::<Vec<_>>(), expected);
    }
}
