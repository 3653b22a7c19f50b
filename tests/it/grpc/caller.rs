//! Clients of the services that call with one token.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use memberbase::api::grpc::v1::backup_service_client::BackupServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use tonic::Status;

use crate::harness::{Bearer, Known, Server, guard_off};

/// Clients that call with one token.
pub struct Caller {
    pub tokens: ApiTokenServiceClient<Known>,
    pub bases: MemberBaseServiceClient<Known>,
    pub members: MemberServiceClient<Known>,
    pub attributes: AttributeServiceClient<Known>,
    pub audiences: AudienceServiceClient<Known>,
    pub records: RecordServiceClient<Known>,
    pub backups: BackupServiceClient<Known>,
}

/// Clients that send this secret.
pub fn caller(server: &Server, secret: &str) -> Caller {
    let bearer = Bearer(secret.to_owned());
    Caller {
        tokens: ApiTokenServiceClient::with_interceptor(server.channel(), bearer.clone()),
        bases: MemberBaseServiceClient::with_interceptor(server.channel(), bearer.clone()),
        members: MemberServiceClient::with_interceptor(server.channel(), bearer.clone()),
        attributes: AttributeServiceClient::with_interceptor(server.channel(), bearer.clone()),
        audiences: AudienceServiceClient::with_interceptor(server.channel(), bearer.clone()),
        records: RecordServiceClient::with_interceptor(server.channel(), bearer.clone()),
        backups: BackupServiceClient::with_interceptor(server.channel(), bearer),
    }
}

impl Caller {
    pub async fn token(&mut self, request: v1::CreateApiTokenRequest) -> v1::CreateApiTokenResponse {
        self.tokens.create_api_token(request).await.unwrap().into_inner()
    }

    pub async fn revoke(&mut self, token: &v1::CreateApiTokenResponse) {
        let id = token.api_token.as_ref().unwrap().id.clone();
        self.tokens.revoke_api_token(v1::RevokeApiTokenRequest { id, ..Default::default() }).await.unwrap();
    }

    pub async fn base(&mut self) -> String {
        let (name, guard_limits) = ("Test".into(), guard_off());
        let request = v1::CreateMemberBaseRequest { name, guard_limits, ..Default::default() };
        self.bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id
    }

    pub async fn get(&mut self, base: &str, r#ref: &str) -> Result<v1::Member, Status> {
        let request = v1::GetMemberRequest {
            member_base_id: Some(base.into()),
            r#ref: Some(r#ref.into()),
            ..Default::default()
        };
        Ok(self.members.get_member(request).await?.into_inner().member.unwrap())
    }

    pub async fn upsert(
        &mut self,
        base: &str,
        members: Vec<v1::MemberInput>,
    ) -> Result<v1::BulkUpsertMembersResponse, Status> {
        let request =
            v1::BulkUpsertMembersRequest { member_base_id: base.into(), members, ..Default::default() };
        Ok(self.members.bulk_upsert_members(request).await?.into_inner())
    }
}

/// A request for a token of this access level.
pub fn wanted(access: &str) -> v1::CreateApiTokenRequest {
    v1::CreateApiTokenRequest { access: access.into(), ..Default::default() }
}
