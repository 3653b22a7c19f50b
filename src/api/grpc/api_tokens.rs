//! `ApiTokenService`.

use tonic::{Request, Response, Status};

use super::auth::enter;
use super::convert::{instant, list, timestamp};
use super::named::{begin, respond};
use super::v1::api_token_service_server::ApiTokenService;
use super::{reply, v1};
use crate::api::error;
use crate::directory::{Gate, NewToken, TokenSeed};
use crate::model::token::{Token, TokenDescription};
use crate::model::{Refusal, Sealer};

/// The service.
pub struct ApiTokens(pub Gate);

#[tonic::async_trait]
impl ApiTokenService for ApiTokens {
    async fn create_api_token(
        &self,
        request: Request<v1::CreateApiTokenRequest>,
    ) -> Result<Response<v1::CreateApiTokenResponse>, Status> {
        let (directory, request, _) = begin(&self.0, request).await?;
        let expires_at = request.expires_at.map(instant).transpose();
        let expires_at = expires_at.map_err(|rule| error::refused(&Refusal::rule("expires_at", &rule)))?;
        let new = NewToken {
            access: request.access,
            description: Some(request.description),
            expires_at,
            member_base_id: request.member_base_id,
            pii: request.pii,
            requests_per_second: request.requests_per_second,
            rows_per_second: request.rows_per_second,
        };
        let created = directory.create_token(new, TokenSeed::draw()?).await?;
        Ok(respond(
            &directory,
            v1::CreateApiTokenResponse {
                api_token: Some(to_wire(created.token, directory.sealer())),
                token: created.secret.reveal().to_owned(),
            },
        ))
    }

    async fn list_api_tokens(
        &self,
        request: Request<v1::ListApiTokensRequest>,
    ) -> Result<Response<v1::ListApiTokensResponse>, Status> {
        let directory = enter(&self.0, &request).await?;
        let request = request.into_inner();
        let page = directory.list_tokens(list::page(request.pagination, request.sorts)).await?;
        let info = list::page_info(page.tokens.len(), page.cursor);
        let api_tokens = page.tokens.into_iter().map(|token| to_wire(token, directory.sealer())).collect();
        Ok(reply(v1::ListApiTokensResponse { api_tokens, page: Some(info) }))
    }

    async fn revoke_api_token(
        &self,
        request: Request<v1::RevokeApiTokenRequest>,
    ) -> Result<Response<v1::RevokeApiTokenResponse>, Status> {
        let (directory, request, _) = begin(&self.0, request).await?;
        let revoked = directory.revoke_token(&request.id).await?;
        Ok(respond(
            &directory,
            v1::RevokeApiTokenResponse { api_token: Some(to_wire(revoked, directory.sealer())) },
        ))
    }
}

/// A token as this door shows it.
#[must_use]
pub fn to_wire(token: Token, sealer: &Sealer) -> v1::ApiToken {
    v1::ApiToken {
        id: token.id.to_string(),
        access: token.access.as_str().to_owned(),
        description: token.description.map(TokenDescription::into_string).unwrap_or_default(),
        member_base_id: token.base.map(|base| sealer.base_id(base)),
        pii: token.pii,
        created_at: Some(timestamp(token.created_at)),
        expires_at: token.expires_at.map(timestamp),
        revoked_at: token.revoked_at.map(timestamp),
        last_used_at: token.last_used_at.map(timestamp),
        requests_per_second: token.limits.requests_per_second,
        rows_per_second: token.limits.rows_per_second,
        damaged: token.is_damaged,
    }
}
