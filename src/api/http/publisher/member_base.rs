//! `member-base/…`

use serde::{Deserialize, Serialize};

use super::filter::{Filter, raw};
use super::list::{Listed, Pagination, Sort, page};
use crate::api::http::body::Received;
use crate::api::http::call::{Call, Failure};
use crate::api::http::json::Object;
use crate::directory::{BaseChange, BaseList, BaseSummary, Directory};
use crate::model::Sealer;
use crate::model::token::AccessLevel;

/// A memberbase.
#[derive(Debug, Serialize)]
pub struct MemberBase {
    id: String,
    name: String,
    new_members: &'static str,
    share_accounts: bool,
    counts: Counts,
    created_at: String,
    updated_at: String,
    deleted_at: Option<String>,
    revision: u64,
}

#[derive(Debug, Serialize)]
struct Counts {
    active: u64,
    invited: u64,
    inactive: u64,
    total: u64,
}

fn render(base: BaseSummary, sealer: &Sealer) -> MemberBase {
    MemberBase {
        id: sealer.base_id(base.number),
        name: base.settings.name.into_string(),
        new_members: base.settings.new_members.as_str(),
        share_accounts: base.settings.share_accounts,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    name: String,
    new_members: Option<String>,
    share_accounts: Option<bool>,
}

impl Call for Create {
    const PATH: &'static str = "member-base/create";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let CreateRequest { name, new_members, share_accounts } = body.parse()?;
        let change = BaseChange { name: Some(name), new_members, share_accounts, tiers: None };
        Ok(render(directory.create_base(change).await?, directory.sealer()))
    }
}

/// `member-base/get`
pub struct Get;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdRequest {
    id: String,
}

impl Call for Get {
    const PATH: &'static str = "member-base/get";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let IdRequest { id } = body.parse()?;
        let number = directory.base_number(&id, "id")?;
        Ok(render(directory.get_base(number).await?, directory.sealer()))
    }
}

/// `member-base/list`
pub struct List;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListRequest {
    pagination: Option<Object<Pagination>>,
    filters: Option<Vec<Object<Filter>>>,
    sorts: Option<Vec<Object<Sort>>>,
    include_deleted: Option<bool>,
}

impl Call for List {
    const PATH: &'static str = "member-base/list";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Reply = Listed<MemberBase>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<MemberBase>, Failure> {
        let request: ListRequest = body.parse()?;
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateRequest {
    id: String,
    name: Option<String>,
    new_members: Option<String>,
    share_accounts: Option<bool>,
}

impl Call for Update {
    const PATH: &'static str = "member-base/update";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let UpdateRequest { id, name, new_members, share_accounts } = body.parse()?;
        let number = directory.base_number(&id, "id")?;
        let change = BaseChange { name, new_members, share_accounts, tiers: None };
        Ok(render(directory.update_base(number, change, None).await?, directory.sealer()))
    }
}

/// `member-base/delete`
pub struct Delete;

impl Call for Delete {
    const PATH: &'static str = "member-base/delete";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let IdRequest { id } = body.parse()?;
        let number = directory.base_number(&id, "id")?;
        Ok(render(directory.delete_base(number, None).await?, directory.sealer()))
    }
}

/// `member-base/undelete`
pub struct Undelete;

impl Call for Undelete {
    const PATH: &'static str = "member-base/undelete";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Reply = MemberBase;

    async fn run(directory: Directory, body: Received) -> Result<MemberBase, Failure> {
        let IdRequest { id } = body.parse()?;
        let number = directory.base_number(&id, "id")?;
        Ok(render(directory.undelete_base(number, None).await?, directory.sealer()))
    }
}
