//! `GET /v1/members`, `GET /v1/members/{id}` and `GET /v1/tiers`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{About, Asked, Call};
use super::failure::{Code, Failure, Issue};
use super::member::{Member, render};
use super::query::Query;
use crate::directory::{self, Error};
use crate::model;

/// The failure for an unknown id in the path.
pub fn not_found(asked: &Asked, status: StatusCode) -> Failure {
    let issue = Issue::new(Code::MemberNotFound, Error::MemberNotFound.to_string());
    Failure::new(status, vec![Issue { member_id: Some(shown_id(asked)), ..issue }])
}

/// The id in the path as this door writes ids, or as it was sent if this store cannot open it.
pub fn shown_id(asked: &Asked) -> String {
    let sealer = asked.directory.sealer();
    let known = sealer.open_member(&asked.id);
    known.map_or_else(|_| asked.id.clone(), |(base, row)| sealer.member_id_onsi(base, row))
}

/// `GET /v1/members/{id}`
pub struct Get;

impl Call for Get {
    const ABOUT: About = About::read("/v1/members/{id}", "members get", "Shows a member.");
    type Input = ();
    type Reply = Member;

    async fn run(asked: Asked, (): ()) -> Result<Member, Failure> {
        match asked.directory.get_member(asked.selector(), None).await {
            Ok((_, row, member, _)) => Ok(render(&asked, row, member)),
            Err(Error::MemberNotFound) => Err(not_found(&asked, StatusCode::NOT_FOUND)),
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

    async fn run(asked: Asked, query: Query) -> Result<Page, Failure> {
        let (skip, take) = (query.skip, query.take);
        let search = directory::Search { base: asked.base, filters: query.filters(), skip, take };
        let found = match asked.directory.search_members(search).await {
            Ok(found) => found,
            Err(Error::Refused(refusal)) => return Err(query.refuse(&refusal)),
            Err(error) => return Err(error.into()),
        };
        let members = found.members.into_iter().map(|(row, member)| render(&asked, row, member));
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

    async fn run(asked: Asked, (): ()) -> Result<Vec<Tier>, Failure> {
        let tiers = asked.directory.tiers(asked.base).await?.tiers;
        Ok(tiers.into_iter().map(|(name, _)| Tier { name }).collect())
    }
}
