//! `api-token/…`

use serde::{Deserialize, Serialize};

use super::list::{Listed, Pagination, Sort, page};
use crate::api::http::body::Received;
use crate::api::http::call::{Call, Failure};
use crate::api::http::json::Object;
use crate::directory::{Directory, NewToken, TokenSeed};
use crate::model::token::{AccessLevel, Token, TokenDescription};
use crate::model::{Refusal, Sealer, Timestamp};

/// A token; its secret only in the reply that creates it.
#[derive(Debug, Serialize)]
pub struct ApiToken {
    id: String,
    access: &'static str,
    description: Option<String>,
    member_base_id: Option<String>,
    pii: bool,
    requests_per_second: Option<u32>,
    rows_per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
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
    }
}

/// `api-token/create`
pub struct Create;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    access: String,
    description: Option<String>,
    expires_at: Option<String>,
    member_base_id: Option<String>,
    pii: Option<bool>,
    requests_per_second: Option<u32>,
    rows_per_second: Option<u32>,
}

impl Call for Create {
    const PATH: &'static str = "api-token/create";
    const NEEDS: AccessLevel = AccessLevel::Admin;
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
        } = body.parse()?;
        let expires_at = expires_at.map(|text| Timestamp::parse(&text)).transpose();
        let expires_at = expires_at.map_err(|rule| Refusal::rule("expires_at", &rule))?;
        let new = NewToken {
            access,
            description,
            expires_at,
            member_base_id,
            pii,
            requests_per_second,
            rows_per_second,
        };
        let created = directory.create_token(new, TokenSeed::draw()?).await?;
        let token = Some(created.secret.reveal().to_owned());
        Ok(ApiToken { token, ..render(created.token, directory.sealer()) })
    }
}

/// `api-token/list`
pub struct List;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListRequest {
    pagination: Option<Object<Pagination>>,
    sorts: Option<Vec<Object<Sort>>>,
}

impl Call for List {
    const PATH: &'static str = "api-token/list";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Reply = Listed<ApiToken>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<ApiToken>, Failure> {
        let request: ListRequest = body.parse()?;
        let found = directory.list_tokens(page(request.pagination, request.sorts))?;
        let tokens = found.tokens.into_iter().map(|token| render(token, directory.sealer()));
        Ok(Listed::new(tokens.collect(), found.cursor, None))
    }
}

/// `api-token/revoke`
pub struct Revoke;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {
    id: String,
}

impl Call for Revoke {
    const PATH: &'static str = "api-token/revoke";
    const NEEDS: AccessLevel = AccessLevel::Admin;
    type Reply = ApiToken;

    async fn run(directory: Directory, body: Received) -> Result<ApiToken, Failure> {
        let RevokeRequest { id } = body.parse()?;
        Ok(render(directory.revoke_token(&id).await?, directory.sealer()))
    }
}
