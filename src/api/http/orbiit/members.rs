//! `GET /members` and `DELETE /members`

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{AUDIENCE, Call, CallRequest};
use super::failure::Failure;
use super::member::{Member, MemberId, render};
use super::page::PageInfo;
use super::query::{MemberPaging, Searching};
use crate::api::http::about::About;
use crate::api::http::expected::REMOVALS;
use crate::api::http::openapi::Document;
use crate::api::untaken;
use crate::directory::{Directory, MemberList};
use crate::model::limits::BULK_DELETE_MAX_MEMBERS;
use crate::model::{AudienceNumber, BaseNumber, RawFilter, RawValue};

/// `GET /members`
pub struct List;

/// A page of members.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MemberPage")]
pub struct Page {
    /// How many members the list has in all. With a search it is exact up to 10,000; beyond that it is 10,000,
    /// and `totalIsMinimum` is set.
    total_count: u64,
    nodes: Vec<Member>,
    page_info: PageInfo,
}

impl Call for List {
    const ABOUT: About = About::read(
        "/v0/workspaces/{workspaceId}/members",
        "members list",
        "Lists the members of a workspace, or of one of its audiences.",
    );
    type Query = MemberPaging;
    type Reply = Page;

    async fn run(request: CallRequest<MemberPaging>) -> Result<Page, Failure> {
        let CallRequest { directory, base, query: MemberPaging { searching, audience }, .. } = request;
        let audience = audience.map(|id| directory.audience_in(base, &id, AUDIENCE)).transpose()?;
        page(directory, base, audience, searching).await
    }
}

/// A page of the members of a workspace, or of an audience.
pub async fn page(
    directory: Directory,
    base: BaseNumber,
    audience: Option<AudienceNumber>,
    Searching { paging, search }: Searching,
) -> Result<Page, Failure> {
    let of_audience = |audience| RawFilter {
        key: Some("audience".to_owned()),
        eq: Some(RawValue::Text(directory.sealer().audience_id(base, audience))),
        ..RawFilter::default()
    };
    let list = MemberList {
        base,
        filters: audience.map(of_audience).into_iter().collect(),
        page: paging.raw(),
        search,
        total: true,
        ends: true,
        min_revision: None,
    };
    let found = directory.list_members(list).await;
    let named = |field: &str| match field.starts_with("filters") {
        true => AUDIENCE.to_owned(),
        false => paging.named(field),
    };
    let found = found.map_err(|error| Failure::of(&error, named))?;
    untaken::keep(found.room);
    let members = found.members.into_iter();
    let nodes = members.map(|(row, member)| render(directory.sealer(), base, row, member)).collect();
    let page_info = PageInfo::of(found.cursor, found.ends).with_minimum(found.total_is_minimum);
    Ok(Page { total_count: found.total.unwrap_or_default(), nodes, page_info })
}

/// `DELETE /members`
pub struct Delete;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub struct Doomed {
    /// Ids that are not of members of the workspace are ignored.
    #[schemars(with = "Vec<MemberId>", length(max = BULK_DELETE_MAX_MEMBERS))]
    member_ids: Vec<String>,
}

/// How many members were deleted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeletedMembers")]
pub struct Deleted {
    deleted_count: u64,
}

impl Call for Delete {
    const ABOUT: About = About::write(
        Method::DELETE,
        "/v0/workspaces/{workspaceId}/members",
        "members delete",
        "Deletes members and their records.",
    )
    .expecting(REMOVALS)
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<Doomed>);
    type Query = ();
    type Reply = Deleted;

    async fn run(mut request: CallRequest<()>) -> Result<Deleted, Failure> {
        let Doomed { member_ids } = request.object().await?;
        let deleted = request.directory.bulk_delete(request.base, &member_ids, Vec::new(), None).await?;
        Ok(Deleted { deleted_count: deleted.deleted })
    }
}
