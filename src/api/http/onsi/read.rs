//! `GET /v1/members`, `GET /v1/members/{id}` and `GET /v1/tiers`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::issue::{Code, Issue};
use super::member::{Member, render};
use super::query::Query;
use crate::api::http::about::About;
use crate::directory::{self, Error};
use crate::model;

/// The failure for an unknown id in the path.
pub fn not_found(request: &CallRequest, status: StatusCode) -> Failure {
    let issue = Issue::new(Code::MemberNotFound, Error::MemberNotFound.to_string());
    Failure::new(status, vec![Issue { member_id: Some(shown_id(request)), ..issue }])
}

/// The id in the path as this door writes ids, or as it was sent if this store cannot open it.
pub fn shown_id(request: &CallRequest) -> String {
    let sealer = request.directory.sealer();
    let known = sealer.open_member(&request.id);
    known.map_or_else(|_| request.id.clone(), |(base, row)| sealer.member_id_onsi(base, row))
}

/// `GET /v1/members/{id}`
pub struct Get;

impl Call for Get {
    const ABOUT: About = About::read("/v1/members/{id}", "members get", "Shows a member.");
    type Input = ();
    type Reply = Member;

    async fn run(request: CallRequest, (): ()) -> Result<Member, Failure> {
        match request.directory.get_member(request.selector(), None).await {
            Ok((_, row, member, _)) => Ok(render(&request, row, member)),
            Err(Error::MemberNotFound) => Err(not_found(&request, StatusCode::NOT_FOUND)),
            Err(error) => Err(error.into()),
        }
    }
}

/// `GET /v1/members`
pub struct Search;

/// A page of a search.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MemberPage")]
pub struct Page {
    members: Vec<Member>,
    total: u64,
    skip: u64,
    take: usize,
}

impl Call for Search {
    const ABOUT: About = About::read(
        "/v1/members",
        "members search",
        "Searches members. A member must match every list that is given, and one value of each.",
    );
    type Input = Query;
    type Reply = Page;

    async fn run(request: CallRequest, query: Query) -> Result<Page, Failure> {
        let (skip, take) = (query.skip, query.take);
        let search = directory::Search { base: request.base, filters: query.filters(), skip, take };
        let found = match request.directory.search_members(search).await {
            Ok(found) => found,
            Err(Error::Refused(refusal)) => return Err(query.refuse(&refusal)),
            Err(error) => return Err(error.into()),
        };
        let members = found.members.into_iter().map(|(row, member)| render(&request, row, member));
        Ok(Page { members: members.collect(), total: found.total, skip, take })
    }
}

/// `GET /v1/tiers`
pub struct Tiers;

/// A tier.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tier {
    #[schemars(with = "model::Tier")]
    name: String,
}

impl Call for Tiers {
    const ABOUT: About = About::read("/v1/tiers", "tiers list", "Lists the tiers of the memberbase.")
        .refusing(&[StatusCode::CONFLICT]);
    type Input = ();
    type Reply = Vec<Tier>;

    async fn run(request: CallRequest, (): ()) -> Result<Vec<Tier>, Failure> {
        let tiers = request.directory.tiers(request.base).await?.tiers;
        Ok(tiers.into_iter().map(|(name, _)| Tier { name }).collect())
    }
}
