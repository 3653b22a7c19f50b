//! `GET /members` and `DELETE /members`

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::member::{Member, MemberId, render};
use super::query::Paging;
use crate::api::http::about::About;
use crate::api::http::expected::REMOVALS;
use crate::api::http::openapi::Document;
use crate::api::untaken;
use crate::directory::{MemberList, PageEnds};
use crate::model::limits::BULK_DELETE_MAX_MEMBERS;

/// `GET /members`
pub struct List;

/// A page of members.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MemberPage")]
pub struct Page {
    /// How many members the list has in all.
    total_count: u64,
    nodes: Vec<Member>,
    page_info: PageInfo,
}

/// Where a page lies in its list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    /// The cursor of the first member; empty if the page has no members.
    start_cursor: String,
    /// The cursor of the last member, after which the next page begins; empty if the page has no members.
    end_cursor: String,
}

impl Call for List {
    const ABOUT: About = About::read(
        "/v0/workspaces/{workspaceId}/members",
        "members list",
        "Lists the members of a workspace.",
    );
    type Query = Paging;
    type Reply = Page;

    async fn run(request: CallRequest<Paging>) -> Result<Page, Failure> {
        let CallRequest { directory, base, query, .. } = request;
        let list = MemberList {
            base,
            filters: Vec::new(),
            page: query.raw(),
            total: true,
            ends: true,
            min_revision: None,
        };
        let found = directory.list_members(list).await;
        let found = found.map_err(|error| Failure::of(&error, |field| query.named(field)))?;
        untaken::keep(found.room);
        let PageEnds { cursors, has_earlier } = found.ends.unwrap_or_default();
        let (start_cursor, end_cursor) = cursors.unwrap_or_default();
        let page_info = PageInfo {
            has_next_page: found.cursor.is_some(),
            has_previous_page: has_earlier,
            start_cursor,
            // A page that was cut short may have looked further than its last member.
            end_cursor: found.cursor.unwrap_or(end_cursor),
        };
        let members = found.members.into_iter();
        let nodes = members.map(|(row, member)| render(directory.sealer(), base, row, member)).collect();
        Ok(Page { total_count: found.total.unwrap_or_default(), nodes, page_info })
    }
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
