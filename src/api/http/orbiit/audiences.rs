//! `POST` and `GET /audiences`; `GET`, `PATCH` and `DELETE /audiences/{audienceId}`

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audience::{self, Audience, AudienceId, Listed, render};
use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::filter::{Sent, named};
use super::page::PageInfo;
use super::query::AudiencePaging;
use crate::api::http::about::About;
use crate::api::http::openapi::Document;
use crate::directory::{AudienceChange, AudienceList, NewAudience};
use crate::model::AudienceName;

/// `POST /audiences`
pub struct Create;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct New {
    #[schemars(with = "AudienceName")]
    name: String,
}

/// An audience that was created.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreatedAudience")]
pub struct Created {
    #[schemars(with = "AudienceId")]
    id: String,
}

impl Call for Create {
    const ABOUT: About = About::write(
        Method::POST,
        "/v0/workspaces/{workspaceId}/audiences",
        "audiences create",
        "Creates an audience with an empty filter and no members.",
    )
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<New>);
    type Query = ();
    type Reply = Created;

    async fn run(mut request: CallRequest<()>) -> Result<Created, Failure> {
        let New { name } = request.object().await?;
        let CallRequest { directory, base, .. } = request;
        let new = NewAudience { name, ..NewAudience::default() };
        let made = directory.create_audience(base, new).await?;
        Ok(Created { id: directory.sealer().audience_id(base, made.audience.number) })
    }
}

/// `GET /audiences`
pub struct List;

/// A page of audiences.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AudiencePage")]
pub struct Page {
    /// How many audiences the list has in all.
    total_count: u64,
    results: Vec<Listed>,
    page_info: PageInfo,
}

impl Call for List {
    const ABOUT: About = About::read(
        "/v0/workspaces/{workspaceId}/audiences",
        "audiences list",
        "Lists the audiences of a workspace.",
    );
    type Query = AudiencePaging;
    type Reply = Page;

    async fn run(request: CallRequest<AudiencePaging>) -> Result<Page, Failure> {
        let CallRequest { directory, base, query: AudiencePaging { paging, include_archived }, .. } = request;
        let list = AudienceList { include_archived, page: paging.raw() };
        let found = directory.list_audiences(base, list).await;
        let found = found.map_err(|error| Failure::of(&error, |field| paging.named(field)))?;
        let results = found.audiences.iter().map(|shown| audience::listed(&directory, base, shown)).collect();
        Ok(Page {
            total_count: found.total,
            results,
            page_info: PageInfo::of(found.cursor, Some(found.ends)),
        })
    }
}

/// `GET /audiences/{audienceId}`
pub struct Get;

impl Call for Get {
    const ABOUT: About = About::read(
        "/v0/workspaces/{workspaceId}/audiences/{audienceId}",
        "audiences get",
        "Shows an audience, archived or not.",
    );
    type Query = ();
    type Reply = Audience;

    async fn run(request: CallRequest<()>) -> Result<Audience, Failure> {
        let shown = request.directory.get_audience(request.base, request.audience()?).await?;
        Ok(render(&request.directory, request.base, &shown))
    }
}

/// `PATCH /audiences/{audienceId}`
pub struct Update;

/// Changes of an audience. Absent fields stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Changes {
    #[schemars(with = "Option<AudienceName>")]
    name: Option<String>,
    filter: Option<Sent>,
}

impl Call for Update {
    const ABOUT: About = About::write(
        Method::PATCH,
        "/v0/workspaces/{workspaceId}/audiences/{audienceId}",
        "audiences update",
        "Changes the name or the filter of an audience.",
    )
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<Changes>);
    type Query = ();
    type Reply = Audience;

    async fn run(mut request: CallRequest<()>) -> Result<Audience, Failure> {
        let Changes { name, filter } = request.object().await?;
        let audience = request.audience()?;
        let CallRequest { directory, base, .. } = request;
        let change = AudienceChange { name, filters: filter.map(Sent::raw), deadline: None };
        let changed = directory.update_audience(base, audience, change).await;
        let changed = changed.map_err(|error| Failure::of(&error, named))?;
        Ok(render(&directory, base, &changed))
    }
}

/// `DELETE /audiences/{audienceId}`
pub struct Archive;

/// An audience that was archived.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ArchivedAudience")]
pub struct Archived {
    #[schemars(with = "AudienceId")]
    id: String,
    is_archived: bool,
}

impl Call for Archive {
    const ABOUT: About = About::write(
        Method::DELETE,
        "/v0/workspaces/{workspaceId}/audiences/{audienceId}",
        "audiences archive",
        "Archives an audience. Its name may be used again.",
    )
    .refusing(&[StatusCode::CONFLICT]);
    type Query = ();
    type Reply = Archived;

    async fn run(request: CallRequest<()>) -> Result<Archived, Failure> {
        let audience = request.audience()?;
        let CallRequest { directory, base, .. } = request;
        let shown = directory.archive_audience(base, audience, None).await?;
        let id = directory.sealer().audience_id(base, audience);
        Ok(Archived { id, is_archived: shown.audience.is_archived() })
    }
}
