//! `member-base/…`

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::guard_limits::{Limits, LimitsChange, limits, number};
use super::list::{Listed, Pagination, Sort, page};
use crate::api::http::expected::{Expects, MEMBERS};
use crate::api::http::filter::{Filter, raw};
use crate::api::http::integer::Integer;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::receive::Received;
use crate::directory::{BaseChange, BaseList, BaseSummary, Directory};
use crate::model::limits::SORTS_MAX;
use crate::model::token::AccessLevel;
use crate::model::{self, Sealer};

/// A memberbase.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberBase {
    #[schemars(with = "values::MemberBaseId")]
    id: String,
    #[schemars(with = "model::BaseName")]
    name: String,
    #[schemars(with = "Option<values::NewMembers>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    new_members: Option<&'static str>,
    share_accounts: bool,
    #[schemars(range(max = 100))]
    removal_limit_percent: u8,
    guard_limits: Limits,
    counts: Counts,
    #[schemars(with = "model::Timestamp")]
    created_at: String,
    #[schemars(with = "model::Timestamp")]
    updated_at: String,
    #[schemars(with = "Option<model::Timestamp>")]
    deleted_at: Option<String>,
    revision: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Counts {
    active: u64,
    invited: u64,
    inactive: u64,
    total: u64,
}

fn render(base: BaseSummary, sealer: &Sealer) -> MemberBase {
    MemberBase {
        id: sealer.base_id(base.number),
        new_members: base.settings.new_members.map(|status| status.as_str()),
        name: base.settings.name.into_string(),
        share_accounts: base.settings.share_accounts,
        removal_limit_percent: base.settings.guard_limits.removals.percent(),
        guard_limits: Limits::of(&base.settings.guard_limits, &base.settings.tier_limits),
        counts: Counts {
            active: base.counts.active,
            invited: base.counts.invited,
            inactive: base.counts.inactive,
            total: base.counts.total(),
        },
        created_at: base.created_at.to_string(),
        updated_at: base.updated_at.to_string(),
        deleted_at: base.deleted_at.map(|at| at.to_string()),
        revision: base.revision,
    }
}

/// `member-base/create`
pub struct Create;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct CreateRequest {
    #[schemars(with = "model::BaseName")]
    name: String,
    #[schemars(with = "Option<values::NewMembers>")]
    new_members: Option<String>,
    share_accounts: Option<bool>,
    #[schemars(with = "Option<values::Percent>")]
    removal_limit_percent: Option<Integer>,
    guard_limits: Option<Object<LimitsChange>>,
}

impl Call for Create {
    const PATH: &'static str = "member-base/create";
    const SUMMARY: &'static str = "Creates a memberbase.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    const REFUSALS: &'static [StatusCode] = &[];
    type Request = CreateRequest;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let CreateRequest { name, new_members, share_accounts, removal_limit_percent, guard_limits } =
            body.parse::<Self>().await?;
        let (guard_limits, tier_limits) = limits(guard_limits);
        let removal_limit = removal_limit_percent.map(number);
        let name = Some(name);
        let change = BaseChange {
            name,
            new_members,
            share_accounts,
            tiers: None,
            removal_limit,
            guard_limits,
            tier_limits,
        };
        Ok(render(directory.create_base(change).await?, directory.sealer()))
    }
}

/// `member-base/get`
pub struct Get;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct IdRequest {
    #[schemars(with = "values::MemberBaseId")]
    id: String,
}

impl Call for Get {
    const PATH: &'static str = "member-base/get";
    const SUMMARY: &'static str = "Shows a memberbase.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = IdRequest;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let IdRequest { id } = body.parse::<Self>().await?;
        let number = directory.base_number(&id, "id")?;
        Ok(render(directory.get_base(number).await?, directory.sealer()))
    }
}

/// `member-base/list`
pub struct List;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ListRequest {
    pagination: Option<Object<Pagination>>,
    filters: Option<Vec<Object<Filter>>>,
    #[schemars(length(max = SORTS_MAX))]
    sorts: Option<Vec<Object<Sort>>>,
    include_deleted: Option<bool>,
}

impl Call for List {
    const PATH: &'static str = "member-base/list";
    const SUMMARY: &'static str = "Lists memberbases.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    const REFUSALS: &'static [StatusCode] = &[];
    type Request = ListRequest;
    type Reply = Listed<MemberBase>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<MemberBase>, Failure> {
        let request: ListRequest = body.parse::<Self>().await?;
        let list = BaseList {
            filters: raw(request.filters),
            page: page(request.pagination, request.sorts),
            include_deleted: request.include_deleted.unwrap_or(false),
        };
        let found = directory.list_bases(list).await?;
        let bases = found.bases.into_iter().map(|base| render(base, directory.sealer()));
        Ok(Listed::new(bases.collect(), found.cursor, None))
    }
}

/// `member-base/update`
pub struct Update;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct UpdateRequest {
    #[schemars(with = "values::MemberBaseId")]
    id: String,
    #[schemars(with = "Option<model::BaseName>")]
    name: Option<String>,
    #[schemars(with = "Option<values::NewMembers>")]
    new_members: Option<String>,
    share_accounts: Option<bool>,
    #[schemars(with = "Option<values::Percent>")]
    removal_limit_percent: Option<Integer>,
    guard_limits: Option<Object<LimitsChange>>,
}

impl Call for Update {
    const PATH: &'static str = "member-base/update";
    const SUMMARY: &'static str = "Renames a memberbase, or changes the status of its new members.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Request = UpdateRequest;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let UpdateRequest { id, name, new_members, share_accounts, removal_limit_percent, guard_limits } =
            body.parse::<Self>().await?;
        let (guard_limits, tier_limits) = limits(guard_limits);
        let base = directory.base_number(&id, "id")?;
        let removal_limit = removal_limit_percent.map(number);
        let change = BaseChange {
            name,
            new_members,
            share_accounts,
            tiers: None,
            removal_limit,
            guard_limits,
            tier_limits,
        };
        Ok(render(directory.update_base(base, change, None).await?, directory.sealer()))
    }
}

/// `member-base/delete`
pub struct Delete;

impl Call for Delete {
    const PATH: &'static str = "member-base/delete";
    const SUMMARY: &'static str =
        "Hides a memberbase and its members at once. It can be restored for a limited time.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    const EXPECTS: &'static [Expects] = MEMBERS;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = IdRequest;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let IdRequest { id } = body.parse::<Self>().await?;
        let number = directory.base_number(&id, "id")?;
        Ok(render(directory.delete_base(number, None).await?, directory.sealer()))
    }
}

/// `member-base/undelete`
pub struct Undelete;

impl Call for Undelete {
    const PATH: &'static str = "member-base/undelete";
    const SUMMARY: &'static str = "Restores a deleted memberbase.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = IdRequest;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let IdRequest { id } = body.parse::<Self>().await?;
        let number = directory.base_number(&id, "id")?;
        Ok(render(directory.undelete_base(number, None).await?, directory.sealer()))
    }
}
