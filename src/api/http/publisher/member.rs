//! `member/get`, `member/list` and `member/bulk-delete`

use std::collections::BTreeMap;

use http::StatusCode;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::account;
use super::list::{Listed, Pagination, Sort, page};
use crate::api::http::attributes::attributes;
use crate::api::http::expected::{Expects, REMOVALS};
use crate::api::http::filter::{Filter, raw};
use crate::api::http::json::Object;
use crate::api::http::openapi::{self, values};
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::deleted::Deleted;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::receive::Received;
use crate::api::untaken;
use crate::directory::{Directory, Key, MemberList, RawKeys, Selector};
use crate::model::limits::SORTS_MAX;
use crate::model::token::AccessLevel;
use crate::model::{self, AttributeValue, Attributes, BaseNumber, Reason, Refusal, Row};

/// A member. Fields without a value are omitted, except `ref`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Member {
    #[schemars(with = "ids::MemberId")]
    id: String,
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    #[schemars(with = "Option<model::Ref>")]
    r#ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Email>")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Name>")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Name>")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Phone>")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::WorkerId>")]
    worker_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Tier>")]
    tier: Option<String>,
    #[schemars(with = "model::Status")]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Date>")]
    dob: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Gender>")]
    gender: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Name>")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<model::Name>")]
    company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_payroll: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_details: Option<account::Shown>,
    #[serde(serialize_with = "attributes")]
    #[schemars(with = "BTreeMap<values::AttributeKey, AttributeValue>")]
    attributes: Attributes,
    #[schemars(with = "model::Timestamp")]
    created_at: String,
    #[schemars(with = "model::Timestamp")]
    updated_at: String,
    revision: u64,
}

/// The member that was found at `row` of `base`.
pub fn render(directory: &Directory, base: BaseNumber, row: Row, member: model::Member) -> Member {
    let sealer = directory.sealer();
    let profile = member.profile;
    Member {
        id: sealer.member_id(base, row),
        member_base_id: sealer.base_id(base),
        r#ref: profile.ref_.map(model::Ref::into_string),
        email: profile.email.map(model::Email::into_string),
        first_name: profile.first_name.map(model::Name::into_string),
        last_name: profile.last_name.map(model::Name::into_string),
        phone: profile.phone.map(model::Phone::into_string),
        worker_id: profile.worker_id.map(model::WorkerId::into_string),
        tier: profile.tier.map(model::Tier::into_string),
        status: member.status.as_str(),
        dob: profile.dob.map(|dob| dob.to_string()),
        gender: profile.gender.map(model::Gender::as_str),
        role: profile.role.map(model::Name::into_string),
        company: profile.company.map(model::Name::into_string),
        enable_payroll: profile.enable_payroll,
        account_details: profile.account_details.map(account::Shown::from),
        attributes: member.attributes,
        created_at: member.created_at.to_string(),
        updated_at: member.updated_at.to_string(),
        revision: member.revision,
    }
}

/// `member/get`
pub struct Get;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = one_key)]
pub struct GetRequest {
    #[schemars(with = "Option<ids::MemberId>")]
    id: Option<String>,
    #[schemars(with = "Option<values::MemberBaseId>")]
    member_base_id: Option<String>,
    #[schemars(with = "Option<model::Ref>")]
    r#ref: Option<String>,
    #[schemars(with = "Option<model::Email>")]
    email: Option<String>,
    #[schemars(with = "Option<model::WorkerId>")]
    worker_id: Option<String>,
}

/// Requires exactly one key, and the memberbase unless the key is the id.
pub fn one_key(schema: &mut Schema) {
    openapi::one_of(schema, &["id", "ref", "email", "worker_id"]);
    openapi::any_of(schema, &["id", "member_base_id"]);
}

impl Call for Get {
    const PATH: &'static str = "member/get";
    const SUMMARY: &'static str = "Shows a member.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = GetRequest;
    type Reply = Member;

    async fn run(directory: Directory, body: Received) -> Result<Member, Failure> {
        let GetRequest { id, member_base_id, r#ref, email, worker_id } = body.parse::<Self>().await?;
        let selector = selector(&directory, RawKeys { id, ref_: r#ref, email, worker_id }, member_base_id)?;
        let (base, row, member, _) = directory.get_member(selector, None).await?;
        Ok(render(&directory, base, row, member))
    }
}

/// The member with the one key that is given, in this memberbase if one is given.
pub fn selector(
    directory: &Directory,
    keys: RawKeys,
    member_base_id: Option<String>,
) -> Result<Selector, Failure> {
    let base = member_base_id.map(|id| directory.base_number(&id, "member_base_id")).transpose()?;
    let key = Key::only(keys)
        .ok_or_else(|| required("id", "is required, or exactly one of ref, email and worker_id"))?;
    Ok(Selector::new(key, base)?)
}

/// The refusal of a call that lacks a field.
pub fn required(field: &str, description: &str) -> Failure {
    Refusal::field(Reason::FieldRequired, field, description).into()
}

/// `member/list`
pub struct List;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ListRequest {
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    pagination: Option<Object<Pagination>>,
    filters: Option<Vec<Object<Filter>>>,
    #[schemars(length(max = SORTS_MAX))]
    sorts: Option<Vec<Object<Sort>>>,
    include_total: Option<bool>,
}

impl Call for List {
    const PATH: &'static str = "member/list";
    const SUMMARY: &'static str = "Lists the members of a memberbase.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = ListRequest;
    type Reply = Listed<Member>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<Member>, Failure> {
        let request: ListRequest = body.parse::<Self>().await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let list = MemberList {
            base,
            filters: raw(request.filters),
            page: page(request.pagination, request.sorts),
            search: None,
            total: request.include_total.unwrap_or(false),
            ends: false,
            min_revision: None,
        };
        let found = directory.list_members(list).await?;
        untaken::keep(found.room);
        let members = found.members.into_iter().map(|(row, member)| render(&directory, base, row, member));
        Ok(Listed::new(members.collect(), found.cursor, found.total))
    }
}

/// `member/bulk-delete`
pub struct BulkDelete;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = |schema: &mut Schema| openapi::any_of(schema, &["member_ids", "refs"]))]
pub struct BulkDeleteRequest {
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    #[schemars(with = "Option<Vec<ids::MemberId>>")]
    member_ids: Option<Vec<String>>,
    #[schemars(with = "Option<Vec<model::Ref>>")]
    refs: Option<Vec<String>>,
}

impl Call for BulkDelete {
    const PATH: &'static str = "member/bulk-delete";
    const SUMMARY: &'static str = "Deletes members and their records.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const EXPECTS: &'static [Expects] = REMOVALS;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = BulkDeleteRequest;
    type Reply = Deleted;

    async fn run(directory: Directory, body: Received) -> Result<Deleted, Failure> {
        let request: BulkDeleteRequest = body.parse::<Self>().await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        if request.member_ids.is_none() && request.refs.is_none() {
            return Err(required("member_ids", "or refs is required"));
        }
        let (ids, refs) = (request.member_ids.unwrap_or_default(), request.refs.unwrap_or_default());
        let deleted = directory.bulk_delete(base, &ids, refs, None).await?;
        Ok(Deleted { deleted: deleted.deleted })
    }
}
