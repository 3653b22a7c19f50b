//! `POST /audiences/preview`: whom a filter matches.

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::filter::{Sent, named};
use super::member::{Member, render};
use crate::api::http::about::About;
use crate::api::http::openapi::Document;

/// Members that a preview shows.
const SHOWN: u32 = 10;

/// `POST /audiences/preview`
pub struct Preview;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Asked {
    filter: Sent,
}

/// Whom a filter matches.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AudiencePreview")]
pub struct Matched {
    /// How many members match.
    total_count: u64,
    /// The first of them, in the order of their creation.
    nodes: Vec<Member>,
}

impl Call for Preview {
    const ABOUT: About = About::write(
        Method::POST,
        "/v0/workspaces/{workspaceId}/audiences/preview",
        "audiences preview",
        "Counts the members that a filter matches, and shows the first ten. Saves nothing.",
    )
    .reading()
    .refusing(&[StatusCode::CONFLICT]);
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<Asked>);
    type Query = ();
    type Reply = Matched;

    async fn run(mut request: CallRequest<()>) -> Result<Matched, Failure> {
        let Asked { filter } = request.object().await?;
        let CallRequest { directory, base, .. } = request;
        let found = directory.preview_audience(base, filter.raw(), Some(SHOWN)).await;
        let found = found.map_err(|error| Failure::of(&error, named))?;
        let members = found.members.into_iter();
        let nodes = members.map(|(row, member)| render(directory.sealer(), base, row, member)).collect();
        Ok(Matched { total_count: found.total, nodes })
    }
}
