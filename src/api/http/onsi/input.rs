//! The body of a call about one member, as a row of the model, with every fault and its path.
//!
//! Absent, `null` and empty differ: what is absent stays (or, in a replacement, goes, but for bank details), `null` clears
//! where the documentation allows it, and the empty string is a value that no field takes.

use serde_json::Value;

use super::body::{Body, Presence};
use super::call::{Asked, Input};
use super::failure::{Code, Issues, camel};
use super::query::no_parameters;
use super::shape::{MemberChange, NewMember};
use crate::api::http::json::parse_with;
use crate::api::http::openapi::Document;
use crate::api::http::tree::Entries;
use crate::model::{
    AccountDetails, Change, Date, Dob, Email, Gender, MemberRow, Name, Phone, Tier, WorkerId,
};

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A new member.
    Add,
    /// All that this door knows of a member.
    Replace,
    /// What changes.
    Update,
}

/// A new member.
pub struct Added(pub Box<MemberRow>);
/// All that this door knows of a member, as it is to be.
pub struct Replaced(pub Box<MemberRow>);
/// What changes of a member.
pub struct Changed(pub Box<MemberRow>);

impl Input for Added {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<NewMember>);

    fn read(asked: &Asked, issues: &mut Issues) -> Option<Self> {
        read(asked, Shape::Add, issues).map(Self)
    }
}

impl Input for Replaced {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<NewMember>);

    fn read(asked: &Asked, issues: &mut Issues) -> Option<Self> {
        read(asked, Shape::Replace, issues).map(Self)
    }
}

impl Input for Changed {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<MemberChange>);

    fn read(asked: &Asked, issues: &mut Issues) -> Option<Self> {
        read(asked, Shape::Update, issues).map(Self)
    }
}

fn read(asked: &Asked, shape: Shape, issues: &mut Issues) -> Option<Box<MemberRow>> {
    no_parameters(&asked.query, issues);
    let bytes = asked.body.as_ref().map(|body| body.bytes.as_slice()).unwrap_or_default();
    row(bytes, shape, asked.directory.now().date(), issues).map(Box::new)
}

/// The row that the body is; nothing, if it is no object.
pub fn row(bytes: &[u8], shape: Shape, today: Date, issues: &mut Issues) -> Option<MemberRow> {
    let fields = match parse_with(bytes, std::marker::PhantomData::<Entries>) {
        Ok(entries) => entries,
        Err(refusal) => {
            // Its text has the place; of a body that is no JSON there are no fields to name.
            let fault = refusal.violations.into_iter().next().map(|fault| fault.description);
            let description = fault.unwrap_or_default();
            issues.add(Code::BodyValidation, String::new(), &description);
            return None;
        }
    };
    let mut row = MemberRow::default();
    let patch = &mut row.patch;
    let (needed, nullable) = match shape {
        Shape::Add | Shape::Replace => (Presence::Required, Presence::Optional),
        Shape::Update => (Presence::Optional, Presence::Nullable),
    };
    let mut body = Body::new("", fields, issues);
    patch.email = body.text("email", needed, Email::parse);
    patch.first_name = body.text("firstName", needed, Name::parse);
    patch.last_name = body.text("lastName", needed, Name::parse);
    patch.tier = body.text("tier", needed, Tier::parse);
    patch.phone = body.text("phone", Presence::Optional, Phone::parse);
    patch.worker_id = body.text("workerId", nullable, WorkerId::parse);
    patch.account_details = match body.object("accountDetails", Presence::Nullable) {
        Change::Set(fields) => account(fields, body.issues()).into(),
        Change::Clear => Change::Clear,
        Change::Keep => Change::Keep,
    };
    patch.enable_payroll = body.flag("enablePayroll", Presence::Optional);
    patch.dob = body.text("dob", Presence::Optional, |text| Dob::parse(&text, today));
    patch.gender = body.text("gender", Presence::Nullable, |text| Gender::parse(&text));
    body.finish();
    if shape == Shape::Replace {
        clear_if_absent(&mut patch.phone);
        clear_if_absent(&mut patch.worker_id);
        clear_if_absent(&mut patch.enable_payroll);
        clear_if_absent(&mut patch.dob);
        clear_if_absent(&mut patch.gender);
    }
    Some(row)
}

fn clear_if_absent<T>(change: &mut Change<T>) {
    if change.is_keep() {
        *change = Change::Clear;
    }
}

/// Bank details, UK or EU by the fields that are there.
fn account(fields: Entries, issues: &mut Issues) -> Option<AccountDetails> {
    const AT: &str = "accountDetails";
    let mut body = Body::new("accountDetails.", fields, issues);
    let (is_uk, is_eu) = (body.has("sortCode") || body.has("accountNumber"), body.has("iban"));
    if is_uk == is_eu {
        let description = "must have either sortCode and accountNumber, or iban";
        body.issues().add(Code::BodyValidation, AT.to_owned(), description);
        return None;
    }
    let mut part = |name| match body.text(name, Presence::Required, Ok) {
        Change::Set(text) => Some(text),
        Change::Keep | Change::Clear => None,
    };
    let holder = part("accountHolder");
    // A part that is missing was noted; the others are judged all the same.
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let (parsed, missing) = if is_uk {
        let (sort_code, account_number) = (part("sortCode"), part("accountNumber"));
        let parsed = AccountDetails::parse_uk(text(&holder), &text(&sort_code), &text(&account_number));
        let missing =
            [("account_holder", holder), ("sort_code", sort_code), ("account_number", account_number)];
        (parsed, missing.to_vec())
    } else {
        let iban = part("iban");
        let parsed = AccountDetails::parse_eu(text(&holder), &text(&iban));
        (parsed, vec![("account_holder", holder), ("iban", iban)])
    };
    for (field, rule) in parsed.as_ref().err().into_iter().flatten() {
        if !missing.iter().any(|(name, sent)| name == field && sent.is_none()) {
            body.issues().break_rule(format!("{AT}.{}", camel(field)), rule);
        }
    }
    body.finish();
    parsed.ok()
}
