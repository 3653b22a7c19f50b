//! `POST /members`: creates and changes members, all or none.

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::row::Row;
use super::save::{Saved, save};
use super::sent::{ROWS, Sent};
use crate::api::http::about::About;
use crate::api::http::expected::FIELDS;
use crate::api::http::openapi::Document;
use crate::api::http::rows::ROW_BYTES;
use crate::model::limits::ATOMIC_MAX_ROWS;

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
        let CallRequest { directory, base, mut body, .. } = request;
        let today = directory.now().date();
        let arrival = body.take_arrival();
        let sent = Sent::read::<NewMembers>(body, &[ROWS], today).await?;
        Ok(Results { results: save(&directory, base, sent.rows.unwrap_or_default(), arrival).await? })
    }
}
