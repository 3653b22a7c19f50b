//! Which token may make which call: every call in the descriptors that reflection publishes, with every kind
//! of token; and which data no call may reveal.

mod calls;
mod commits;
mod matrix;
mod plain;
mod unseen;

use std::collections::BTreeSet;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use prost::Message;
use prost_types::{FileDescriptorSet, Timestamp};
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use self::calls::{About, Call, Place};
use super::bytes::Bytes;
use super::caller::wanted;
use crate::harness::{Bearer, Known, Server, guard_off, refused, row};

/// Makes a unary or streaming call; returns the messages of its reply, and the status if it was refused.
async fn answers(server: &Server, secret: Option<&str>, call: &Call) -> (Vec<Vec<u8>>, Option<Status>) {
    let mut client = tonic::client::Grpc::new(server.channel()).max_decoding_message_size(64 << 20);
    client.ready().await.unwrap();
    let mut request = Request::new(tokio_stream::once(call.3.clone()));
    if let Some(secret) = secret {
        let mut bearer = Bearer(secret.to_owned());
        *request.metadata_mut() = bearer.call(Request::new(())).unwrap().into_parts().0;
    }
    let path = format!("/publisher.v1.{}", call.0).parse().unwrap();
    let mut messages = Vec::new();
    let mut stream = match client.streaming(request, path, Bytes).await {
        Err(status) => return (messages, Some(status)),
        Ok(reply) => reply.into_inner(),
    };
    loop {
        match stream.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(status) => return (messages, Some(status)),
        }
    }
}

/// Makes a unary or streaming call and returns the status if it was refused.
async fn make(server: &Server, secret: Option<&str>, call: &Call) -> Option<Status> {
    answers(server, secret, call).await.1
}

/// An admin, who can create memberbases and tokens.
struct Admin {
    bases: MemberBaseServiceClient<Known>,
    members: MemberServiceClient<Known>,
    jobs: JobServiceClient<Known>,
    tokens: ApiTokenServiceClient<Known>,
    audiences: AudienceServiceClient<Known>,
}

impl Admin {
    fn new(server: &Server, secret: &str) -> Self {
        let bearer = Bearer(secret.to_owned());
        Self {
            bases: MemberBaseServiceClient::with_interceptor(server.channel(), bearer.clone()),
            members: MemberServiceClient::with_interceptor(server.channel(), bearer.clone()),
            jobs: JobServiceClient::with_interceptor(server.channel(), bearer.clone()),
            tokens: ApiTokenServiceClient::with_interceptor(server.channel(), bearer.clone()),
            audiences: AudienceServiceClient::with_interceptor(server.channel(), bearer),
        }
    }

    async fn place(&mut self) -> Place {
        let (name, guard_limits) = ("Test".into(), guard_off());
        let request = v1::CreateMemberBaseRequest { name, guard_limits, ..Default::default() };
        let base = self.bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
        let (member_base_id, members) = (base.clone(), vec![row("a")]);
        let request = v1::BulkUpsertMembersRequest { member_base_id, members, ..Default::default() };
        let reply = self.members.bulk_upsert_members(request).await.unwrap().into_inner();
        let nobody = v1::Filter { key: "ref".into(), exists: Some(false), ..Default::default() };
        let (member_base_id, filters) = (base.clone(), vec![nobody]);
        let request = v1::DeleteMembersByFilterRequest { member_base_id, filters, ..Default::default() };
        let job = self.jobs.delete_members_by_filter(request).await.unwrap().into_inner().job.unwrap().id;
        let watch = v1::WatchJobRequest { id: job.clone() };
        let mut watch = self.jobs.watch_job(watch).await.unwrap().into_inner();
        while watch.message().await.unwrap().is_some() {}
        let (member_base_id, name) = (base.clone(), "All".to_owned());
        let request = v1::CreateAudienceRequest { member_base_id, name, ..Default::default() };
        let made = self.audiences.create_audience(request).await.unwrap().into_inner().audience;
        Place { base, member: reply.results[0].id.clone(), job, audience: made.unwrap().id }
    }

    async fn token(&mut self, request: v1::CreateApiTokenRequest) -> v1::CreateApiTokenResponse {
        self.tokens.create_api_token(request).await.unwrap().into_inner()
    }
}

/// Asserts that a call passed the access check. It may fail for another reason.
#[track_caller]
fn passed(call: &Call, status: Option<&Status>) {
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
async fn each_level_allows_its_calls_and_no_others_even_for_unknown_bases() {
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
                passed(&call, status.as_ref());
            } else {
                denied(&call, status);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_call_is_refused_before_its_message_is_read() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let (read, write) = (admin.token(wanted("read")).await.token, admin.token(wanted("write")).await.token);
    for call in Place::nowhere().calls() {
        // The call without a message.
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
async fn a_bound_token_works_for_its_memberbase_only() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let (own, other) = (admin.place().await, admin.place().await);
    let request = v1::CreateApiTokenRequest { member_base_id: Some(own.base.clone()), ..wanted("admin") };
    let bound = admin.token(request).await.token;
    for call in own.calls() {
        let status = make(&server, Some(&bound), &call).await;
        match call.2 {
            About::Base | About::Member | About::Own => passed(&call, status.as_ref()),
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
            // An unknown id does not show to which memberbase it would belong.
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
    // A second revocation changes nothing.
    let again = admin.tokens.revoke_api_token(revoke).await.unwrap().into_inner().api_token.unwrap();
    assert_eq!(answer, again);
    // Repeats the call until the token has expired.
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
