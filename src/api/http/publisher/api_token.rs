//! `api-token/…`

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{Listed, Pagination, Sort, page};
use crate::api::http::integer::Integer;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::receive::Received;
use crate::directory::{Directory, NewToken, TokenSeed};
use crate::model::limits::SORTS_MAX;
use crate::model::token::{AccessLevel, Token, TokenDescription};
use crate::model::{self, Refusal, Sealer, Timestamp};

/// A token; its secret only in the reply that creates it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ApiToken {
    #[schemars(with = "model::token::TokenId")]
    id: String,
    #[schemars(with = "model::token::AccessLevel")]
    access: &'static str,
    #[schemars(with = "Option<model::token::TokenDescription>")]
    description: Option<String>,
    #[schemars(with = "Option<values::MemberBaseId>")]
    member_base_id: Option<String>,
    pii: bool,
    #[schemars(with = "Option<values::Rate>")]
    requests_per_second: Option<u32>,
    #[schemars(with = "Option<values::Rate>")]
    rows_per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[schemars(with = "model::Timestamp")]
    created_at: String,
    #[schemars(with = "Option<model::Timestamp>")]
    expires_at: Option<String>,
    #[schemars(with = "Option<model::Timestamp>")]
    revoked_at: Option<String>,
    #[schemars(with = "Option<model::Timestamp>")]
    last_used_at: Option<String>,
    /// Present, and true, if its stored form is damaged. The token is refused then, and only its id is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<bool>,
}

fn render(token: Token, sealer: &Sealer) -> ApiToken {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    ApiToken {
        id: token.id.to_string(),
        access: token.access.as_str(),
        description: token.description.map(TokenDescription::into_string),
        member_base_id: token.base.map(|base| sealer.base_id(base)),
        pii: token.pii,
        requests_per_second: token.limits.requests_per_second,
        rows_per_second: token.limits.rows_per_second,
        token: None,
        created_at: token.created_at.to_string(),
        expires_at: text(token.expires_at),
        revoked_at: text(token.revoked_at),
        last_used_at: text(token.last_used_at),
        damaged: token.is_damaged.then_some(true),
    }
}

/// `api-token/create`
pub struct Create;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct CreateRequest {
    #[schemars(with = "model::token::AccessLevel")]
    access: String,
    #[schemars(with = "Option<model::token::TokenDescription>")]
    description: Option<String>,
    #[schemars(with = "Option<model::Timestamp>")]
    expires_at: Option<String>,
    #[schemars(with = "Option<values::MemberBaseId>")]
    member_base_id: Option<String>,
    pii: Option<bool>,
    #[schemars(with = "Option<values::Rate>")]
    requests_per_second: Option<Integer>,
    #[schemars(with = "Option<values::Rate>")]
    rows_per_second: Option<Integer>,
}

impl Call for Create {
    const PATH: &'static str = "api-token/create";
    const SUMMARY: &'static str = "Creates a token. Only this reply contains its secret.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = CreateRequest;
    type Reply = ApiToken;

    async fn run(directory: Directory, body: Received) -> Result<ApiToken, Failure> {
        let CreateRequest {
            access,
            description,
            expires_at,
            member_base_id,
            pii,
            requests_per_second,
            rows_per_second,
        } = body.parse::<Self>().await?;
        let expires_at = expires_at.map(|text| Timestamp::parse(&text)).transpose();
        let expires_at = expires_at.map_err(|rule| Refusal::rule("expires_at", &rule))?;
        let new = NewToken {
            access,
            description,
            expires_at,
            member_base_id,
            pii,
            requests_per_second: rate(requests_per_second),
            rows_per_second: rate(rows_per_second),
        };
        let created = directory.create_token(new, TokenSeed::draw()?).await?;
        let token = Some(created.secret.reveal().to_owned());
        Ok(ApiToken { token, ..render(created.token, directory.sealer()) })
    }
}

/// A limit of a token; the directory refuses one that is out of range.
fn rate(sent: Option<Integer>) -> Option<u32> {
    sent.map(|sent| u32::try_from(sent.0).unwrap_or(if sent.0 < 0 { 0 } else { u32::MAX }))
}

/// `api-token/list`
pub struct List;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ListRequest {
    pagination: Option<Object<Pagination>>,
    #[schemars(length(max = SORTS_MAX))]
    sorts: Option<Vec<Object<Sort>>>,
}

impl Call for List {
    const PATH: &'static str = "api-token/list";
    const SUMMARY: &'static str = "Lists tokens, including revoked ones, without their secrets.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    const REFUSALS: &'static [StatusCode] = &[];
    type Request = ListRequest;
    type Reply = Listed<ApiToken>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<ApiToken>, Failure> {
        let request: ListRequest = body.parse::<Self>().await?;
        let found = directory.list_tokens(page(request.pagination, request.sorts)).await?;
        let tokens = found.tokens.into_iter().map(|token| render(token, directory.sealer()));
        Ok(Listed::new(tokens.collect(), found.cursor, None))
    }
}

/// `api-token/revoke`
pub struct Revoke;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct RevokeRequest {
    #[schemars(with = "model::token::TokenId")]
    id: String,
}

impl Call for Revoke {
    const PATH: &'static str = "api-token/revoke";
    const SUMMARY: &'static str = "Revokes a token at once.";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Request = RevokeRequest;
    type Reply = ApiToken;

    async fn run(directory: Directory, body: Received) -> Result<ApiToken, Failure> {
        let RevokeRequest { id } = body.parse::<Self>().await?;
        Ok(render(directory.revoke_token(&id).await?, directory.sealer()))
    }
}
