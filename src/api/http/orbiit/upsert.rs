//! `POST /members`: creates and changes members, all or none.

use std::fmt;

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::call::{Call, CallRequest};
use super::failure::{Failure, Fault, named};
use super::member::MemberId;
use super::row::Row;
use crate::api::http::about::About;
use crate::api::http::expected::FIELDS;
use crate::api::http::json::{Name, parse_with};
use crate::api::http::openapi::Document;
use crate::api::http::rows::{BadRow, NoneApplied, ROW_BYTES, Reader, Rows, none_applied};
use crate::api::http::structure;
use crate::api::untaken;
use crate::compute::{self, Size};
use crate::directory::{self, Error, RowOutcome, WriteMode};
use crate::model::limits::ATOMIC_MAX_ROWS;
use crate::model::{Date, Email, MatchBy, MemberRow, Outcome, Reason, RowError, UpsertOptions, Violation};

/// The memory of a result, in bytes: as texts, and as it is sent.
const RESULT_BYTES: usize = size_of::<Saved>() + 512;
/// The field of the request.
const FIELD: &str = "members";

/// `POST /members`
pub struct Upsert;

// Only for the document: the body is read row by row, and never exists in this form.
/// Rows, all of which are applied or none.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct NewMembers {
    #[schemars(rename = "members", length(max = ATOMIC_MAX_ROWS))]
    _members: Vec<Row>,
}

/// What happened to the members of a request, in its order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SavedMembers")]
pub struct Results {
    results: Vec<Saved>,
}

/// What happened to a member.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SavedMember")]
struct Saved {
    #[schemars(with = "MemberId")]
    id: String,
    #[schemars(with = "Email")]
    email: String,
    #[schemars(extend("enum" = ["created", "updated", "unchanged"]))]
    outcome: &'static str,
}

impl Call for Upsert {
    const ABOUT: About = About::write(
        Method::POST,
        "/v0/workspaces/{workspaceId}/members",
        "members save",
        "Creates members, or changes those that have the e-mail addresses already. All rows are applied or none.",
    )
    .expecting(FIELDS)
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<NewMembers>);
    const OBJECT_BYTES: usize = ROW_BYTES;
    type Query = ();
    type Reply = Results;

    async fn run(request: CallRequest<()>) -> Result<Results, Failure> {
        let CallRequest { directory, base, query: (), mut body } = request;
        let today = directory.now().date();
        let arrival = body.take_arrival();
        let read = body.read(move |bytes| {
            let explain = |refusal| structure::explain::<NewMembers>(bytes, refusal);
            parse_with(bytes, Seed { today }).map_err(explain)
        });
        let Rows { rows, names } = read.await?;
        untaken::reserve(rows.len().saturating_mul(RESULT_BYTES), arrival.is_some()).await?;
        // The table counts the rows from here on.
        drop(arrival);
        let emails: Vec<String> = rows.iter().zip(names).map(|(row, sent)| address(row, sent)).collect();
        let options =
            UpsertOptions { match_by: MatchBy::Email, needs_name: true, ..UpsertOptions::default() };
        let rows = directory::Upsert { rows, options, mode: WriteMode::Atomic, deadline: None };
        let reply = directory.bulk_upsert(base, rows).await?;
        let id = |row| directory.sealer().member_id(base, row);
        if let Some(refused) = none_applied(&reply.outcomes, id) {
            return Err(refuse(refused));
        }
        let saved = |(outcome, email): (&RowOutcome, String)| {
            let row = outcome
                .row
                .ok_or_else(|| Error::Internal { private: "a saved member has no row".to_owned() })?;
            Ok(Saved { id: id(row), email, outcome: word(outcome.outcome) })
        };
        let size = Size::of_items(reply.outcomes.len());
        let all = || reply.outcomes.iter().zip(emails).map(saved).collect::<Result<_, Error>>();
        Ok(Results { results: compute::here(size, all).await? })
    }
}

/// The e-mail address of a row as it was parsed, or as it was sent.
fn address(row: &Result<MemberRow, RowError>, sent: Option<String>) -> String {
    let parsed = row.as_ref().ok().and_then(|row| row.patch.email.as_set());
    parsed.cloned().map(Email::into_string).or(sent).unwrap_or_default()
}

/// The word for the outcome of a row that was applied. No row of this call brings an inactive member back.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Updated | Outcome::Reactivated | Outcome::Failed => "updated",
        Outcome::Unchanged => "unchanged",
    }
}

/// The failure that lists the faults of the first rows that cannot be applied.
fn refuse(refused: NoneApplied<'_>) -> Failure {
    let reason = refused.rows.first().map_or(Reason::FieldInvalid, |bad| bad.error.reason);
    let faults = refused.rows.iter().flat_map(faults).collect();
    Failure::faulty(reason, refused.message, faults)
}

/// The faults of a row that cannot be applied.
fn faults(bad: &BadRow<'_>) -> Vec<Fault> {
    let path = |field: &str| {
        let separator = if field.is_empty() { "" } else { "." };
        format!("{FIELD}[{}]{separator}{}", bad.index, named(field))
    };
    let fault = |fault: &Violation| Fault { path: path(&fault.field), message: fault.description.clone() };
    match bad.error.violations.as_slice() {
        [] => vec![Fault { path: path(""), message: bad.message.clone() }],
        violations => violations.iter().map(fault).collect(),
    }
}

#[derive(Clone, Copy)]
struct Seed {
    today: Date,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Rows;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Rows, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let mut rows = None;
        while let Some(key) = map.next_key::<Name<'de>>()? {
            match key.as_ref() {
                FIELD if rows.is_none() => rows = Some(map.next_value_seed(Reader::<Row>::new(self.today))?),
                FIELD => return Err(A::Error::duplicate_field(FIELD)),
                other => return Err(A::Error::unknown_field(other, &[FIELD])),
            }
        }
        rows.ok_or_else(|| A::Error::missing_field(FIELD))
    }
}
