//! Tokens: how they are created, listed and revoked, and what they give access to.

use std::fs;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;

use super::caller::{caller, wanted};
use crate::harness::{Bearer, Server, eq, refused, row};

/// Asserts that a call passed the access check, or was refused with `code`. A call that passed may fail for
/// another reason.
#[track_caller]
fn judge(name: &str, status: Option<&Status>, expected: Option<(Code, &str)>) {
    match expected {
        Some((code, reason)) => {
            let status = status.unwrap_or_else(|| panic!("{name} was not refused"));
            refused(status, code, reason);
        }
        None => {
            let code = status.map(Status::code);
            assert!(
                !matches!(code, Some(Code::Unauthenticated | Code::PermissionDenied)),
                "{name}: {status:?}"
            );
        }
    }
}

const DENIED: Option<(Code, &str)> = Some((Code::PermissionDenied, "PERMISSION_DENIED"));
/// A well-formed id that no store ever assigned.
const NO_BASE: &str = "mb_00000000000000000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_error_says_how_to_send_one_and_health_needs_none() {
    let (server, _) = Server::start_with_token().await;
    let missing = server.members().get_member(v1::GetMemberRequest::default()).await.unwrap_err();
    refused(&missing, Code::Unauthenticated, "UNAUTHENTICATED");
    assert!(missing.message().contains("Bearer"), "{}", missing.message());
    HealthClient::new(server.channel()).check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_first_token_every_call_needs_one() {
    let server = Server::start().await;
    let base = server.base().await;
    let mut anyone = ApiTokenServiceClient::new(server.channel());
    let created = anyone.create_api_token(wanted("admin")).await.unwrap().into_inner();
    let refusal = anyone.list_api_tokens(v1::ListApiTokensRequest::default()).await.unwrap_err();
    refused(&refusal, Code::Unauthenticated, "UNAUTHENTICATED");
    let mut admin = caller(&server, &created.token);
    admin.upsert(&base.id, vec![row("a")]).await.unwrap();
    // Calls need a token even after the last one is revoked.
    let id = created.api_token.unwrap().id;
    admin.tokens.revoke_api_token(v1::RevokeApiTokenRequest { id, ..Default::default() }).await.unwrap();
    let refusal = anyone.list_api_tokens(v1::ListApiTokensRequest::default()).await.unwrap_err();
    refused(&refusal, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_creates_of_the_first_token_one_succeeds() {
    let server = Server::start().await;
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let mut anyone = ApiTokenServiceClient::new(server.channel());
        tasks.spawn(async move { anyone.create_api_token(wanted("admin")).await });
    }
    let (made, refusals): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refusal in refusals {
        refused(&refusal.unwrap_err(), Code::Unauthenticated, "UNAUTHENTICATED");
    }
    let secret = made.into_iter().next().unwrap().unwrap().into_inner().token;
    let listed = caller(&server, &secret).tokens.list_api_tokens(v1::ListApiTokensRequest::default()).await;
    assert_eq!(listed.unwrap().into_inner().api_tokens.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_fields_are_omitted_for_a_token_without_the_right() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let base = admin.base().await;
    let eu = v1::EuAccount { account_holder: "Ada".into(), iban: "DE89370400440532013000".into() };
    let member = v1::MemberInput {
        dob: Some("1990-02-03".into()),
        account_details: Some(v1::AccountDetails { uk: None, eu: Some(eu) }),
        company: Some("Acme".into()),
        ..row("a")
    };
    admin.upsert(&base, vec![member]).await.unwrap();
    for (access, pii, sees) in [
        ("read", None, false),
        ("read", Some(true), true),
        ("write", None, true),
        ("write", Some(false), false),
    ] {
        let created = admin.token(v1::CreateApiTokenRequest { pii, ..wanted(access) }).await;
        assert_eq!(created.api_token.unwrap().pii, sees);
        let mut caller = caller(&server, &created.token);
        let key = v1::MemberKey { r#ref: Some("a".into()), ..Default::default() };
        let batch = v1::BatchGetMembersRequest {
            member_base_id: base.clone(),
            keys: vec![key],
            ..Default::default()
        };
        let list = v1::ListMembersRequest { member_base_id: base.clone(), ..Default::default() };
        let export = v1::ExportMembersRequest { member_base_id: base.clone(), ..Default::default() };
        let seen = [
            caller.get(&base, "a").await.unwrap(),
            caller.members.batch_get_members(batch).await.unwrap().into_inner().results[0]
                .member
                .as_deref()
                .cloned()
                .unwrap(),
            caller.members.list_members(list.clone()).await.unwrap().into_inner().members[0].clone(),
            caller
                .members
                .export_members(export)
                .await
                .unwrap()
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
                .members[0]
                .clone(),
        ];
        for member in seen {
            assert_eq!((member.dob.is_some(), member.account_details.is_some()), (sees, sees));
            assert_eq!(member.company.as_deref(), Some("Acme"));
        }
        let filtered = v1::ListMembersRequest { filters: vec![eq("dob", "1990-02-03")], ..list };
        let status = caller.members.list_members(filtered).await.err();
        judge("filter on dob", status.as_ref(), if sees { None } else { DENIED });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_bad_token_requests_name_the_field() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let past = Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 });
    let no_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let cases = [
        (wanted(""), "FIELD_REQUIRED", "access"),
        (wanted("root"), "FIELD_INVALID", "access"),
        (v1::CreateApiTokenRequest { expires_at: past, ..wanted("read") }, "FIELD_INVALID", "expires_at"),
        (v1::CreateApiTokenRequest { expires_at: no_time, ..wanted("read") }, "FIELD_INVALID", "expires_at"),
        (
            v1::CreateApiTokenRequest { description: "x".repeat(257), ..wanted("read") },
            "FIELD_INVALID",
            "description",
        ),
        (
            v1::CreateApiTokenRequest { member_base_id: Some("mb_1".into()), ..wanted("read") },
            "ID_MALFORMED",
            "member_base_id",
        ),
    ];
    for (request, reason, field) in cases {
        let status = admin.tokens.create_api_token(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, reason), [field]);
    }
    let unknown = v1::CreateApiTokenRequest { member_base_id: Some(NO_BASE.into()), ..wanted("read") };
    let status = admin.tokens.create_api_token(unknown).await.unwrap_err();
    refused(&status, Code::NotFound, "MEMBER_BASE_NOT_FOUND");
    for (id, code, reason) in [
        ("", Code::InvalidArgument, "FIELD_REQUIRED"),
        ("atok_1", Code::InvalidArgument, "ID_MALFORMED"),
        ("atok_00000000000000000000000000", Code::NotFound, "API_TOKEN_NOT_FOUND"),
    ] {
        let request = v1::RevokeApiTokenRequest { id: id.into(), ..Default::default() };
        refused(&admin.tokens.revoke_api_token(request).await.unwrap_err(), code, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_page_by_page_with_their_last_use_and_without_their_secrets() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let mut made = Vec::new();
    for i in 0..4 {
        let request = v1::CreateApiTokenRequest { description: format!("token {i}"), ..wanted("read") };
        made.push(admin.token(request).await);
    }
    for (direction, expected) in [
        ("asc", ["", "token 0", "token 1", "token 2", "token 3"]),
        ("desc", ["token 3", "token 2", "token 1", "token 0", ""]),
    ] {
        let sorts = vec![v1::Sort { key: "created_at".into(), direction: direction.into() }];
        let mut request = v1::ListApiTokensRequest {
            sorts,
            pagination: Some(v1::Pagination { limit: Some(2), ..Default::default() }),
        };
        let mut seen = Vec::new();
        loop {
            let page = admin.tokens.list_api_tokens(request.clone()).await.unwrap().into_inner();
            assert!(page.api_tokens.len() <= 2);
            seen.extend(page.api_tokens);
            request.pagination.as_mut().unwrap().cursor = page.page.unwrap().cursor;
            if request.pagination.as_ref().unwrap().cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.iter().map(|token| token.description.as_str()).collect::<Vec<_>>(), expected);
        let used = |token: &v1::ApiToken| token.last_used_at.is_some();
        assert!(seen.iter().all(|token| used(token) == token.description.is_empty()), "{seen:?}");
        let shown = format!("{seen:?}");
        assert!(made.iter().all(|token| !shown.contains(&token.token)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_and_its_last_use_survive_a_restart_and_its_secret_is_nowhere_in_the_data() {
    if !crate::harness::is_in_folders() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let wanted = memberbase::server::WantedToken { access: "admin".into(), ..Default::default() };
    let config = crate::harness::config(data.path());
    let created = memberbase::server::create_token(&config, wanted).await.unwrap().0;
    let secret = created.secret.reveal();
    for used in [false, true] {
        let running = memberbase::server::start(config.clone()).await.unwrap();
        let channel = crate::harness::connect(&format!("http://{}", running.address())).await;
        let mut tokens = ApiTokenServiceClient::with_interceptor(channel, Bearer(secret.to_owned()));
        if used {
            let listed =
                tokens.list_api_tokens(v1::ListApiTokensRequest::default()).await.unwrap().into_inner();
            assert!(listed.api_tokens[0].last_used_at.is_some());
        } else {
            tokens.list_api_tokens(v1::ListApiTokensRequest::default()).await.unwrap();
        }
        running.stop().await.unwrap();
    }
    let mut folders = vec![data.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "the secret is in {}", path.display());
        }
    }
    assert!(files > 0);
}
