//! `POST`, `GET` and `DELETE /audiences/{audienceId}/members`

use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::member::MemberId;
use super::members::{self, Page};
use super::query::Searching;
use super::row::Row;
use super::save::{Saved, save};
use super::sent::{IDS, ROWS, Sent};
use crate::api::http::about::About;
use crate::api::http::expected::FIELDS;
use crate::api::http::idempotency::with_identity;
use crate::api::http::openapi::{self, Document};
use crate::api::http::rows::ROW_BYTES;
use crate::model::limits::{ATOMIC_MAX_ROWS, AUDIENCE_HAND_MAX_MEMBERS};
use crate::model::{Reason, Refusal};

const PATH: &str = "/v0/workspaces/{workspaceId}/audiences/{audienceId}/members";

/// `POST /audiences/{audienceId}/members`
pub struct Add;

// Only for the document: the body is read row by row, and never exists in this form.
/// Members to add to an audience: as rows, which are saved first, or by their ids.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields, transform = |schema: &mut Schema| openapi::one_of(schema, &[ROWS, IDS]))]
pub struct NewMembers {
    #[schemars(rename = "members", length(max = ATOMIC_MAX_ROWS))]
    _members: Option<Vec<Row>>,
    #[schemars(rename = "memberIds", with = "Option<Vec<MemberId>>", length(max = AUDIENCE_HAND_MAX_MEMBERS))]
    _member_ids: Option<Vec<String>>,
}

/// What an addition did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AddedMembers")]
pub struct Added {
    /// What happened to the rows, in their order; absent if members were named by their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<Saved>>,
    /// How many entries changed something. A member that the filter matches is in the audience already.
    added_count: u64,
}

impl Call for Add {
    const ABOUT: About = About::write(
        Method::POST,
        PATH,
        "audiences add",
        "Adds members to an audience. Rows are saved first, as by `POST /members`.",
    )
    .expecting(FIELDS)
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<NewMembers>);
    const OBJECT_BYTES: usize = ROW_BYTES;
    type Query = ();
    type Reply = Added;

    async fn run(request: CallRequest<()>) -> Result<Added, Failure> {
        let audience = request.audience()?;
        let CallRequest { directory, base, mut body, identity, .. } = request;
        let today = directory.now().date();
        let arrival = body.take_arrival();
        let sent = Sent::read::<NewMembers>(body, &[ROWS, IDS], today).await?;
        let (rows, ids) = match (sent.rows, sent.ids) {
            (Some(rows), None) => (rows, Vec::new()),
            (None, Some(ids)) => {
                let counts = directory.add_audience_members(base, audience, &ids, None).await?;
                return Ok(Added { results: None, added_count: counts.changed });
            }
            (Some(_), Some(_)) => return Err(one_of("must not be given together with members", IDS).into()),
            (None, None) => return Err(one_of("or memberIds is required", ROWS).into()),
        };
        // Nothing is saved for an audience that takes no members.
        directory.may_add_members(base, audience).await?;
        let saved = save(&directory, base, rows, arrival).await?;
        // Two operations under one request id: each has its own part of it.
        let adding = match &identity {
            Some(identity) => with_identity(directory, &identity.part("members")).await?,
            None => directory,
        };
        let ids: Vec<String> = saved.iter().map(|saved| saved.id.clone()).chain(ids).collect();
        let counts = adding.add_audience_members(base, audience, &ids, None).await?;
        Ok(Added { results: Some(saved), added_count: counts.changed })
    }
}

fn one_of(description: &str, field: &str) -> Refusal {
    Refusal::field(Reason::FieldConflict, field, description)
}

/// `GET /audiences/{audienceId}/members`
pub struct List;

impl Call for List {
    const ABOUT: About = About::read(PATH, "audiences members", "Lists the members of an audience.")
        .refusing(&[StatusCode::CONFLICT]);
    type Query = Searching;
    type Reply = Page;

    async fn run(request: CallRequest<Searching>) -> Result<Page, Failure> {
        let audience = request.audience()?;
        let CallRequest { directory, base, query, .. } = request;
        members::page(directory, base, Some(audience), query).await
    }
}

/// `DELETE /audiences/{audienceId}/members`
pub struct Remove;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub struct Leaving {
    /// Ids that are not of members of the workspace are ignored.
    #[schemars(with = "Vec<MemberId>", length(max = AUDIENCE_HAND_MAX_MEMBERS))]
    member_ids: Vec<String>,
}

/// What a removal did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RemovedMembers")]
pub struct Removed {
    /// How many entries changed something.
    removed_count: u64,
}

impl Call for Remove {
    const ABOUT: About = About::write(
        Method::DELETE,
        PATH,
        "audiences remove",
        "Removes members from an audience. They stay members of the workspace.",
    )
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<Leaving>);
    type Query = ();
    type Reply = Removed;

    async fn run(mut request: CallRequest<()>) -> Result<Removed, Failure> {
        let Leaving { member_ids } = request.object().await?;
        let audience = request.audience()?;
        let CallRequest { directory, base, .. } = request;
        let counts = directory.remove_audience_members(base, audience, &member_ids, None).await?;
        Ok(Removed { removed_count: counts.changed })
    }
}
