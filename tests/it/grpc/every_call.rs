//! Who may make which call: every call there is, by the descriptors that reflection shows, with every kind of token.

use std::collections::BTreeSet;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use prost::Message;
use prost_types::{FileDescriptorSet, Timestamp};
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use super::bytes::Bytes;
use crate::harness::{Bearer, Known, Server, refused, row};

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum About {
    /// A memberbase that it names.
    Base,
    /// A member that it names, and no memberbase.
    Member,
    /// The store.
    Store,
    /// What its caller may see.
    Own,
}

/// A call: its path, the level that it needs, what it is about, and its request.
struct Call(&'static str, &'static str, About, Vec<u8>);

/// Ids that are real, or not.
struct Place {
    base: String,
    member: String,
}

impl Place {
    /// Ids that have the right form, and that no store ever gave out.
    fn nowhere() -> Self {
        Self { base: format!("mb_{}", "0".repeat(26)), member: format!("m_{}", "0".repeat(26)) }
    }

    /// Every call, about this memberbase and this member of it.
    fn calls(&self) -> Vec<Call> {
        let (id, member_base_id, member_id) = (self.base.clone(), self.base.clone(), self.member.clone());
        let key = Some(v1::MemberKey { r#ref: Some("a".into()), ..Default::default() });
        let (member, members) = (Some(row("b")), vec![row("b")]);
        let event = v1::TransactionEvent {
            member_id: member_id.clone(),
            external_id: "t1".into(),
            auth_code: "A1".into(),
            network: "visa".into(),
            bin: "411111".into(),
            merchant_id: "m".into(),
            authed_at: Some(Timestamp::default()),
            ..Default::default()
        };
        let mut calls = Vec::new();
        macro_rules! call {
            ($path:literal, $needs:literal, $about:ident, $request:ident { $($field:ident $(: $value:expr)?),* }) => {
                #[allow(clippy::needless_update, reason = "some requests have no other field")]
                let request = v1::$request { $($field: call!(@ $field $($value)?),)* ..Default::default() };
                calls.push(Call($path, $needs, About::$about, request.encode_to_vec()));
            };
            (@ $field:ident $value:expr) => { $value };
            (@ $field:ident) => { $field.clone() };
        }
        call!("MemberBaseService/GetMemberBase", "read", Base, GetMemberBaseRequest { id });
        call!(
            "MemberBaseService/UpdateMemberBase",
            "admin",
            Base,
            UpdateMemberBaseRequest { id, name: Some("X".into()) }
        );
        call!("MemberBaseService/ListTiers", "read", Base, ListTiersRequest { member_base_id });
        call!("MemberBaseService/SetTiers", "admin", Base, SetTiersRequest { member_base_id });
        call!("MemberBaseService/DeleteMemberBase", "admin", Base, DeleteMemberBaseRequest { id });
        call!("MemberBaseService/UndeleteMemberBase", "admin", Base, UndeleteMemberBaseRequest { id });
        call!(
            "MemberService/BulkUpsertMembers",
            "write",
            Base,
            BulkUpsertMembersRequest { member_base_id, members }
        );
        let options =
            Some(v1::ImportOptions { member_base_id: member_base_id.clone(), ..Default::default() });
        call!(
            "MemberService/ImportMembers",
            "write",
            Base,
            ImportMembersRequest { options, members, chunk: 1 }
        );
        call!("MemberService/ExportMembers", "read", Base, ExportMembersRequest { member_base_id });
        let (by_ref, in_base) = (Some("a".to_owned()), Some(member_base_id.clone()));
        call!(
            "MemberService/GetMember",
            "read",
            Base,
            GetMemberRequest { member_base_id: in_base, r#ref: by_ref }
        );
        call!("MemberService/GetMember", "read", Member, GetMemberRequest { id: Some(member_id.clone()) });
        call!("MemberService/BatchGetMembers", "read", Base, BatchGetMembersRequest { member_base_id });
        call!("MemberService/ListMembers", "read", Base, ListMembersRequest { member_base_id });
        call!("MemberService/CreateMember", "write", Base, CreateMemberRequest { member_base_id, member });
        call!(
            "MemberService/UpdateMember",
            "write",
            Base,
            UpdateMemberRequest { member_base_id, key, member }
        );
        call!(
            "MemberService/ReplaceMember",
            "write",
            Base,
            ReplaceMemberRequest { member_base_id, key, member }
        );
        call!("MemberService/ActivateMember", "write", Base, ActivateMemberRequest { member_base_id, key });
        call!(
            "MemberService/RenameMember",
            "write",
            Base,
            RenameMemberRequest { member_base_id, key, r#ref: "z".into() }
        );
        call!("MemberService/OffboardMember", "write", Base, OffboardMemberRequest { member_base_id, key });
        call!("MemberService/BulkDeleteMembers", "write", Base, BulkDeleteMembersRequest { member_base_id });
        call!(
            "AttributeService/SetAttributeSchema",
            "write",
            Base,
            SetAttributeSchemaRequest { member_base_id }
        );
        call!(
            "AttributeService/GetAttributeSchema",
            "read",
            Base,
            GetAttributeSchemaRequest { member_base_id }
        );
        call!(
            "AttributeService/SetMemberAttributes",
            "write",
            Base,
            SetMemberAttributesRequest { member_base_id }
        );
        call!(
            "AttributeService/DeleteMemberAttributes",
            "write",
            Base,
            DeleteMemberAttributesRequest { member_base_id, delete_all: true }
        );
        call!(
            "AttributeService/ListMemberAttributes",
            "read",
            Member,
            ListMemberAttributesRequest { member_id }
        );
        let own = Some("own".to_owned());
        call!(
            "RecordService/SaveClip",
            "write",
            Member,
            SaveClipRequest { member_id, creative_id: "own".into() }
        );
        call!("RecordService/ListClips", "read", Member, ListClipsRequest { member_id });
        call!(
            "RecordService/DeleteClip",
            "write",
            Member,
            DeleteClipRequest { member_id, creative_id: own.clone() }
        );
        call!(
            "RecordService/CreateStampCollection",
            "write",
            Member,
            CreateStampCollectionRequest {
                member_id,
                loyalty_program_id: "lp".into(),
                external_id: "own".into()
            }
        );
        call!(
            "RecordService/ListStampCollections",
            "read",
            Member,
            ListStampCollectionsRequest { member_id }
        );
        call!(
            "RecordService/AddStamps",
            "write",
            Member,
            AddStampsRequest { member_id, external_id: own.clone(), stamps: 1 }
        );
        call!(
            "RecordService/IngestTransactions",
            "write",
            Member,
            IngestTransactionsRequest { events: vec![event] }
        );
        call!("RecordService/ListTransactions", "read", Member, ListTransactionsRequest { member_id });
        call!("RecordService/ExportRecords", "read", Base, ExportRecordsRequest { member_base_id });
        call!(
            "MemberBaseService/CreateMemberBase",
            "admin",
            Store,
            CreateMemberBaseRequest { name: "X".into() }
        );
        call!("MemberBaseService/ListMemberBases", "read", Own, ListMemberBasesRequest {});
        call!(
            "ApiTokenService/CreateApiToken",
            "admin",
            Store,
            CreateApiTokenRequest { access: "read".into() }
        );
        call!("ApiTokenService/ListApiTokens", "admin", Store, ListApiTokensRequest {});
        call!(
            "ApiTokenService/RevokeApiToken",
            "admin",
            Store,
            RevokeApiTokenRequest { id: "atok_00000000000000000000000000".into() }
        );
        call!("BackupService/StreamBackup", "admin", Store, StreamBackupRequest {});
        calls
    }
}

/// Makes a call, of whatever kind, and says how it was refused.
async fn make(server: &Server, secret: Option<&str>, call: &Call) -> Option<Status> {
    let mut client = tonic::client::Grpc::new(server.channel());
    client.ready().await.unwrap();
    let mut request = Request::new(tokio_stream::once(call.3.clone()));
    if let Some(secret) = secret {
        let mut bearer = Bearer(secret.to_owned());
        *request.metadata_mut() = bearer.call(Request::new(())).unwrap().into_parts().0;
    }
    let path = format!("/publisher.v1.{}", call.0).parse().unwrap();
    match client.streaming(request, path, Bytes).await {
        Err(status) => Some(status),
        Ok(reply) => reply.into_inner().message().await.err(),
    }
}

/// A server with one admin, who can make places and tokens.
struct Admin {
    bases: MemberBaseServiceClient<Known>,
    members: MemberServiceClient<Known>,
    tokens: ApiTokenServiceClient<Known>,
}

impl Admin {
    fn new(server: &Server, secret: &str) -> Self {
        let bearer = Bearer(secret.to_owned());
        Self {
            bases: MemberBaseServiceClient::with_interceptor(server.channel(), bearer.clone()),
            members: MemberServiceClient::with_interceptor(server.channel(), bearer.clone()),
            tokens: ApiTokenServiceClient::with_interceptor(server.channel(), bearer),
        }
    }

    async fn place(&mut self) -> Place {
        let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
        let base = self.bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
        let (member_base_id, members) = (base.clone(), vec![row("a")]);
        let request = v1::BulkUpsertMembersRequest { member_base_id, members, ..Default::default() };
        let reply = self.members.bulk_upsert_members(request).await.unwrap().into_inner();
        Place { base, member: reply.results[0].id.clone() }
    }

    async fn token(&mut self, request: v1::CreateApiTokenRequest) -> v1::CreateApiTokenResponse {
        self.tokens.create_api_token(request).await.unwrap().into_inner()
    }
}

fn wanted(access: &str) -> v1::CreateApiTokenRequest {
    v1::CreateApiTokenRequest { access: access.into(), ..Default::default() }
}

/// A call that was let through may fail for another reason.
#[track_caller]
fn let_through(call: &Call, status: Option<&Status>) {
    let code = status.map(Status::code);
    let is_denied = matches!(code, Some(Code::Unauthenticated | Code::PermissionDenied));
    assert!(!is_denied, "{}: {status:?}", call.0);
}

#[track_caller]
fn denied(call: &Call, status: Option<Status>) {
    let status = status.unwrap_or_else(|| panic!("{} was not refused", call.0));
    refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[test]
fn the_table_has_every_call_of_every_service() {
    let described = FileDescriptorSet::decode(v1::DESCRIPTORS).unwrap();
    let services = described.file.iter().flat_map(|file| &file.service);
    let described: BTreeSet<String> = services
        .flat_map(|service| {
            service.method.iter().map(move |method| format!("{}/{}", service.name(), method.name()))
        })
        .collect();
    let listed: BTreeSet<String> = Place::nowhere().calls().iter().map(|call| call.0.to_owned()).collect();
    assert_eq!(listed, described);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_opens_its_calls_and_no_others_whether_or_not_the_base_exists() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let place = admin.place().await;
    for (access, allowed) in
        [("read", &["read"][..]), ("write", &["read", "write"]), ("admin", &["read", "write", "admin"])]
    {
        let created = admin.token(wanted(access)).await;
        assert_eq!(created.api_token.unwrap().access, access);
        for call in place.calls().into_iter().chain(Place::nowhere().calls()) {
            let status = make(&server, Some(&created.token), &call).await;
            if allowed.contains(&call.1) {
                let_through(&call, status.as_ref());
            } else {
                denied(&call, status);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_a_call_is_refused_before_its_message_is_read() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let (read, write) = (admin.token(wanted("read")).await.token, admin.token(wanted("write")).await.token);
    for call in Place::nowhere().calls() {
        // No message at all.
        let broken = Call(call.0, call.1, call.2, vec![0xff; 100]);
        for (token, allowed) in [(&read, &["read"][..]), (&write, &["read", "write"])] {
            let status = make(&server, Some(token), &broken).await;
            if allowed.contains(&call.1) {
                refused(&status.unwrap(), Code::InvalidArgument, "MESSAGE_MALFORMED");
            } else {
                denied(&call, status);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_good_for_its_base_alone() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let (own, other) = (admin.place().await, admin.place().await);
    let request = v1::CreateApiTokenRequest { member_base_id: Some(own.base.clone()), ..wanted("admin") };
    let bound = admin.token(request).await.token;
    for call in own.calls() {
        let status = make(&server, Some(&bound), &call).await;
        match call.2 {
            About::Base | About::Member | About::Own => let_through(&call, status.as_ref()),
            About::Store => denied(&call, status),
        }
    }
    for call in other.calls().into_iter().filter(|call| matches!(call.2, About::Base | About::Member)) {
        denied(&call, make(&server, Some(&bound), &call).await);
    }
    for call in Place::nowhere().calls() {
        let status = make(&server, Some(&bound), &call).await;
        match call.2 {
            About::Base => denied(&call, status),
            // An id that is nobody's does not say which memberbase it would be of.
            About::Member => assert_eq!(status.unwrap().code(), Code::NotFound, "{}", call.0),
            About::Store | About::Own => {}
        }
    }
    let bearer = Bearer(bound);
    let mut bases = MemberBaseServiceClient::with_interceptor(server.channel(), bearer);
    let listed = bases.list_member_bases(v1::ListMemberBasesRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.member_bases.into_iter().map(|base| base.id).collect::<Vec<_>>(), [own.base]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_every_call_is_unauthenticated() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let place = admin.place().await;
    let soon = Timestamp::from(std::time::SystemTime::now() + std::time::Duration::from_millis(300));
    let expired =
        admin.token(v1::CreateApiTokenRequest { expires_at: Some(soon), ..wanted("admin") }).await.token;
    let revoked = admin.token(wanted("admin")).await;
    let id = revoked.api_token.unwrap().id;
    let revoke = v1::RevokeApiTokenRequest { id: id.clone(), ..Default::default() };
    let answer = admin.tokens.revoke_api_token(revoke.clone()).await.unwrap().into_inner().api_token.unwrap();
    assert!(answer.revoked_at.is_some());
    // Revoked again it stays as it was.
    let again = admin.tokens.revoke_api_token(revoke).await.unwrap().into_inner().api_token.unwrap();
    assert_eq!(answer, again);
    // Until its time has come, the expiring one is good; each try is a call of its own.
    let mut early = Admin::new(&server, &expired);
    while early.tokens.list_api_tokens(v1::ListApiTokensRequest::default()).await.is_ok() {}
    let head = &secret[..secret.len() - 1];
    let altered = format!("{head}{}", if secret.ends_with('A') { 'B' } else { 'A' });
    let bad = [&expired, &revoked.token, &altered, "", "sk_", &id, &secret.to_uppercase()];
    for secret in bad.into_iter().map(Some).chain([None]) {
        for call in place.calls() {
            let status = make(&server, secret, &call).await.unwrap_or_else(|| panic!("{}", call.0));
            refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
        }
    }
}
