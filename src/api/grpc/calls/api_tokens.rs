//! `ApiTokenService`.

use tonic::{Request, Response, Status};

use super::idempotency::{begin, marked_reply};
use crate::api::error;
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::token::to_wire;
use crate::api::grpc::convert::{instant, list};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::grpc::v1::api_token_service_server::ApiTokenService;
use crate::directory::{Gate, NewToken, TokenSeed};
use crate::model::Refusal;

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
        Ok(marked_reply(
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
        let directory = enter(&self.0).await?;
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
        Ok(marked_reply(
            &directory,
            v1::RevokeApiTokenResponse { api_token: Some(to_wire(revoked, directory.sealer())) },
        ))
    }
}
