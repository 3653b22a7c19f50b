//! A request with a request id is carried out once, for every call, whatever happens before its repeat.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use tempfile::tempdir;
use tokio::task::JoinSet;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::harness::{
    Base, Bearer, Members, Process, Server, connect, members, refused, row, row_reason, rows,
};

/// Whether a reply is a repeat of an earlier one.
pub(super) fn is_replay<T>(response: &Response<T>) -> bool {
    response.metadata().get("idempotency-replayed").is_some_and(|value| value == "true")
}

fn create(base: &str, id: &str, member: v1::MemberInput) -> v1::CreateMemberRequest {
    v1::CreateMemberRequest {
        member_base_id: base.into(),
        member: Some(member),
        request_id: id.into(),
        ..Default::default()
    }
}

pub(super) async fn total(base: &mut Base) -> u64 {
    let request = v1::ListMembersRequest { include_total: true, ..base.list_request(Vec::new()) };
    base.list(request).await.unwrap().total.unwrap()
}

fn with<T>(request: &mut T, change: impl FnOnce(&mut T)) {
    change(request);
}

/// Sends a request with a request id, repeats it, and sends a different request with the same id. Returns the
/// reply to the first two.
macro_rules! once {
    ($client:expr, $call:ident, $request:expr, $other:expr) => {{
        let mut request = $request;
        request.request_id = concat!("once-", stringify!($call)).to_owned();
        let first = $client.$call(request.clone()).await.unwrap();
        assert!(!is_replay(&first), stringify!($call));
        let again = $client.$call(request.clone()).await.unwrap();
        assert!(is_replay(&again), stringify!($call));
        assert_eq!(first.get_ref(), again.get_ref(), stringify!($call));
        with(&mut request, $other);
        let status = $client.$call(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED"), ["request_id"]);
        first.into_inner()
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_about_members_with_a_request_id_is_done_once() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.id.clone();
    // This member has no unique value, so only the request id prevents a repeat from creating another one.
    let made = once!(base.client, create_member, create(&id, "", v1::MemberInput::default()), |r| r
        .reactivate =
        true);
    assert_eq!(total(&mut base).await, 1);
    let member_id = made.member.unwrap().id;
    let key = Some(v1::MemberKey { id: Some(member_id.clone()), ..Default::default() });
    let request = v1::BulkUpsertMembersRequest {
        members: vec![row("a"), row("b"), row("a")],
        ..base.request(Vec::new())
    };
    let upserted = once!(base.client, bulk_upsert_members, request, |r| r.members.truncate(1));
    assert_eq!(upserted.counts.unwrap().created, 2);

    let input = |name: &str| Some(v1::MemberInput { first_name: Some(name.into()), ..Default::default() });
    let request = v1::UpdateMemberRequest {
        member_base_id: id.clone(),
        key: key.clone(),
        member: input("Ana"),
        ..Default::default()
    };
    once!(base.client, update_member, request, |r| r.key = None);
    let request = v1::ReplaceMemberRequest {
        member_base_id: id.clone(),
        key: key.clone(),
        member: input("Bea"),
        ..Default::default()
    };
    once!(base.client, replace_member, request, |r| r.member = None);
    let request = v1::RenameMemberRequest {
        member_base_id: id.clone(),
        key: key.clone(),
        r#ref: "renamed".into(),
        ..Default::default()
    };
    once!(base.client, rename_member, request, |r| r.r#ref.push('x'));
    let request =
        v1::OffboardMemberRequest { member_base_id: id.clone(), key: key.clone(), ..Default::default() };
    once!(base.client, offboard_member, request, |r| r.if_revision = Some(3));
    let invited = v1::MemberInput { status: Some("invited".into()), ..row("invited") };
    base.client.create_member(create(&id, "", invited)).await.unwrap();
    let key = Some(v1::MemberKey { r#ref: Some("invited".into()), ..Default::default() });
    let request = v1::ActivateMemberRequest { member_base_id: id.clone(), key, ..Default::default() };
    once!(base.client, activate_member, request, |r| r.if_revision = Some(3));
    let request = v1::BulkDeleteMembersRequest {
        member_base_id: id.clone(),
        refs: vec!["a".into(), "b".into(), "x".into()],
        ..Default::default()
    };
    let deleted = once!(base.client, bulk_delete_members, request, |r| r.refs.clear());
    assert_eq!(deleted.deleted, 2);
    let (member_base_id, refs) = (id.clone(), vec!["x".into(), "b".into()]);
    let request = v1::UndeleteMembersRequest { member_base_id, refs, ..Default::default() };
    let undeleted = once!(base.client, undelete_members, request, |r| r.refs.clear());
    assert_eq!(undeleted.results[1].outcome(), v1::UndeleteOutcome::Restored);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_about_memberbases_and_attributes_with_a_request_id_is_done_once() {
    let server = Server::start().await;
    let mut bases = server.bases();
    let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let made = once!(bases, create_member_base, request, |r| r.name = "Other".into());
    let list = bases.list_member_bases(v1::ListMemberBasesRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.member_bases.len(), 1);
    let id = made.member_base.unwrap().id;
    let request =
        v1::UpdateMemberBaseRequest { id: id.clone(), name: Some("New".into()), ..Default::default() };
    once!(bases, update_member_base, request, |r| r.name = None);
    let tiers = vec!["Gold".into(), "Silver".into()];
    let request = v1::SetTiersRequest { member_base_id: id.clone(), tiers, ..Default::default() };
    once!(bases, set_tiers, request, |r| r.tiers.clear());

    let mut attributes = AttributeServiceClient::new(server.channel());
    let definition = |kind: &str| v1::AttributeDefinition { r#type: kind.into(), indexed: false };
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let schema = keys.iter().map(|key| ((*key).to_owned(), definition("number"))).collect();
    let request = v1::SetAttributeSchemaRequest { member_base_id: id.clone(), schema, ..Default::default() };
    once!(attributes, set_attribute_schema, request, |r| r.schema.clear());
    let mut base = Base { id: id.clone(), client: server.members() };
    let ids = base.fill(rows("m", 3)).await;
    let entry = |member_id: &String| v1::MemberAttribute {
        member_id: member_id.clone(),
        attribute_key: "a".into(),
        value: Some(crate::harness::number(1.0)),
    };
    let request = v1::SetMemberAttributesRequest {
        member_base_id: id.clone(),
        attributes: ids.iter().map(entry).collect(),
        ..Default::default()
    };
    let set = once!(attributes, set_member_attributes, request.clone(), |r| r.attributes.clear());
    assert_eq!(set.updated, 3);
    let delete = v1::DeleteMemberAttributesRequest {
        member_base_id: id.clone(),
        member_ids: ids,
        ..Default::default()
    };
    let deleted = once!(attributes, delete_member_attributes, delete.clone(), |r| r.member_ids.clear());
    assert_eq!(deleted.deleted, 3);
    attributes.set_member_attributes(request).await.unwrap();
    let all = v1::DeleteMemberAttributesRequest {
        delete_all: true,
        member_ids: Vec::new(),
        request_id: "all".into(),
        ..delete
    };
    for replay in [false, true] {
        let reply = attributes.delete_member_attributes(all.clone()).await.unwrap();
        assert_eq!((is_replay(&reply), reply.get_ref().deleted), (replay, 3));
    }

    let request = v1::DeleteMemberBaseRequest { id: id.clone(), ..Default::default() };
    once!(bases, delete_member_base, request, |r| r.id.push(' '));
    let request = v1::UndeleteMemberBaseRequest { id: id.clone(), ..Default::default() };
    once!(bases, undelete_member_base, request, |r| r.id.push(' '));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_about_records_with_a_request_id_is_done_once() {
    let server = Server::start().await;
    let (mut base, mut second) = (server.base().await, server.base().await);
    let member_id = base.fill(rows("m", 1)).await.remove(0);
    let elsewhere = second.fill(rows("m", 1)).await.remove(0);
    let mut records = RecordServiceClient::new(server.channel());
    let request = v1::SaveClipRequest {
        member_id: member_id.clone(),
        creative_id: "creative".into(),
        ..Default::default()
    };
    let saved = once!(records, save_clip, request, |r| r.creative_id.push('x'));
    assert!(saved.created);
    let request = v1::DeleteClipRequest {
        member_id: member_id.clone(),
        creative_id: Some("creative".into()),
        ..Default::default()
    };
    once!(records, delete_clip, request, |r| r.creative_id = None);
    let request = v1::CreateStampCollectionRequest {
        member_id: member_id.clone(),
        loyalty_program_id: "program".into(),
        external_id: "own".into(),
        ..Default::default()
    };
    once!(records, create_stamp_collection, request, |r| r.external_id.push('x'));
    let request = v1::AddStampsRequest {
        member_id: member_id.clone(),
        external_id: Some("own".into()),
        stamps: 3,
        ..Default::default()
    };
    let added = once!(records, add_stamps, request, |r| r.stamps = 4);
    assert_eq!(added.stamp_collection.unwrap().stamps, 3);
    let event = |member_id: &str, id: &str| v1::TransactionEvent {
        member_id: member_id.into(),
        external_id: id.into(),
        auth_code: "1".into(),
        network: "visa".into(),
        bin: "123456".into(),
        merchant_id: "m".into(),
        authed_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..Default::default()
    };
    let request =
        v1::IngestTransactionsRequest { events: vec![event(&member_id, "a")], ..Default::default() };
    let taken = once!(records, ingest_transactions, request, |r| r.events.clear());
    assert_eq!((taken.created, taken.revision.is_some()), (1, true));
    // Transactions of two memberbases in one call.
    let events = vec![event(&member_id, "b"), event(&elsewhere, "b")];
    let request = v1::IngestTransactionsRequest { events, request_id: "both".into() };
    for replay in [false, true] {
        let reply = records.ingest_transactions(request.clone()).await.unwrap();
        assert_eq!((is_replay(&reply), reply.get_ref().created), (replay, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_requests_with_one_request_id_create_one_member() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (mut client, id) = (server.members(), base.id.clone());
        tasks.spawn(
            async move { client.create_member(create(&id, "same", v1::MemberInput::default())).await },
        );
    }
    let replies: Vec<_> = tasks.join_all().await.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies.iter().filter(|reply| !is_replay(reply)).count(), 1);
    assert!(replies.iter().all(|reply| reply.get_ref() == replies[0].get_ref()));
    assert_eq!(total(&mut base).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_calls_are_not_stored_and_a_repeat_about_a_deleted_member_is_not_found() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.id.clone();
    base.upsert(vec![row("a")]).await;
    let request = create(&id, "a", row("a"));
    for _ in 0..2 {
        let status = base.client.create_member(request.clone()).await.unwrap_err();
        assert_eq!(refused(&status, Code::AlreadyExists, "REF_TAKEN"), ["member.ref"]);
    }
    base.delete(Vec::new(), vec!["a".into()]).await;
    let made = base.client.create_member(request.clone()).await.unwrap();
    assert!(!is_replay(&made));
    // The repeat returns the current state of the member.
    let key = Some(v1::MemberKey { r#ref: Some("a".into()), ..Default::default() });
    let member_base_id = id.clone();
    base.client
        .offboard_member(v1::OffboardMemberRequest { member_base_id, key, ..Default::default() })
        .await
        .unwrap();
    let again = base.client.create_member(request.clone()).await.unwrap().into_inner();
    assert_eq!(again.member.unwrap().status, "inactive");
    assert_eq!((again.revision, again.outcome), (made.get_ref().revision, made.get_ref().outcome));
    base.delete(Vec::new(), vec!["a".into()]).await;
    let gone = base.client.create_member(request).await.unwrap_err();
    refused(&gone, Code::NotFound, "MEMBER_NOT_FOUND");

    // Bad rows are part of a bulk call's stored result, unless all its rows are bad.
    let mut call = v1::BulkUpsertMembersRequest { request_id: "rows".into(), ..base.request(vec![row("")]) };
    for _ in 0..2 {
        let reply = base.client.bulk_upsert_members(call.clone()).await.unwrap();
        assert!(!is_replay(&reply) && row_reason(&reply.get_ref().results[0]) == "REF_INVALID");
    }
    call.members.push(row("b"));
    let first = base.client.bulk_upsert_members(call.clone()).await.unwrap();
    let again = base.client.bulk_upsert_members(call.clone()).await.unwrap();
    assert!(is_replay(&again));
    assert_eq!(first.get_ref(), again.get_ref());
    call = v1::BulkUpsertMembersRequest {
        request_id: "validate".into(),
        mode: v1::BulkMode::ValidateOnly.into(),
        ..call
    };
    for _ in 0..2 {
        assert!(!is_replay(&base.client.bulk_upsert_members(call.clone()).await.unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_large_upsert_gets_the_result_of_every_row() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut members = rows("m", 12_000);
    members.iter_mut().skip(5).step_by(100).for_each(|member| member.email = Some("no address".into()));
    let request = v1::BulkUpsertMembersRequest { request_id: "large".into(), ..base.request(members) };
    let first = base.client.bulk_upsert_members(request.clone()).await.unwrap();
    let again = base.client.bulk_upsert_members(request).await.unwrap();
    assert!(is_replay(&again) && first.get_ref() == again.get_ref());
    assert_eq!(first.get_ref().counts.unwrap().created, 11_880);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_stored_as_long_as_the_setting_says() {
    let server = Server::start_with(|config| config.request_retention = std::time::Duration::ZERO).await;
    let mut base = server.base().await;
    for members in 1..=2 {
        let request = create(&base.id, "same", v1::MemberInput::default());
        assert!(!is_replay(&base.client.create_member(request).await.unwrap()));
        assert_eq!(total(&mut base).await, members);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_belongs_to_a_token_and_no_secret_is_stored() {
    let (server, secret) = Server::start_with_token().await;
    let mut tokens = ApiTokenServiceClient::with_interceptor(server.channel(), Bearer(secret.clone()));
    let request = v1::CreateApiTokenRequest {
        access: "write".into(),
        request_id: "token".into(),
        ..Default::default()
    };
    let made = tokens.create_api_token(request.clone()).await.unwrap().into_inner();
    let status: Status = tokens.create_api_token(request).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "SECRET_NOT_KEPT");
    let token_id = made.api_token.unwrap().id;
    assert_eq!(status.get_details_error_info().unwrap().metadata["api_token_id"], token_id);
    let list = tokens.list_api_tokens(v1::ListApiTokensRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.api_tokens.len(), 2);

    let bearer = |secret: &str| Bearer(secret.to_owned());
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::with_interceptor(
        server.channel(),
        bearer(&secret),
    );
    let base = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let base = bases.create_member_base(base).await.unwrap().into_inner().member_base.unwrap().id;
    let mut ids = Vec::new();
    for secret in [&secret, &made.token, &secret] {
        let mut client = MemberServiceClient::with_interceptor(server.channel(), bearer(secret));
        let reply = client.create_member(create(&base, "same", v1::MemberInput::default())).await.unwrap();
        ids.push((is_replay(&reply), reply.into_inner().member.unwrap().id));
    }
    assert_eq!(ids.iter().map(|(replay, _)| *replay).collect::<Vec<_>>(), [false, false, true]);
    assert!(ids[0].1 != ids[1].1 && ids[0].1 == ids[2].1);
    let revoke = v1::RevokeApiTokenRequest { id: token_id, ..Default::default() };
    once!(tokens, revoke_api_token, revoke, |r| r.id.push(' '));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_repeated_after_a_kill_are_done_once() {
    const AT_ONCE: usize = 64;
    let data = tempdir().unwrap();
    let mut server = Process::serve(data.path());
    let channel = connect(&server.address).await;
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::new(channel.clone());
    let base = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let base = bases.create_member_base(base).await.unwrap().into_inner().member_base.unwrap().id;
    let mut client = members(&channel);
    for round in 1..=5 {
        let send = |client: &Members, number: usize| {
            let (mut client, base) = (client.clone(), base.clone());
            let id = format!("{round}-{number}");
            async move { client.create_member(create(&base, &id, v1::MemberInput::default())).await }
        };
        let mut tasks = JoinSet::new();
        (0..AT_ONCE).for_each(|number| drop(tasks.spawn(send(&client, number))));
        // At the kill some requests have a reply, some are done without a reply, and some are not done.
        for _ in 0..round * 8 {
            tasks.join_next().await.unwrap().unwrap().unwrap();
        }
        drop(server);
        while tasks.join_next().await.is_some() {}
        server = Process::serve(data.path());
        client = members(&connect(&server.address).await);
        let mut tasks = JoinSet::new();
        (0..AT_ONCE).for_each(|number| drop(tasks.spawn(send(&client, number))));
        let replays =
            tasks.join_all().await.into_iter().filter(|reply| is_replay(reply.as_ref().unwrap())).count();
        assert!(replays >= round * 8, "{replays} of {} that were answered", round * 8);
        let mut base = Base { id: base.clone(), client: client.clone() };
        assert_eq!(total(&mut base).await, (round * AT_ONCE) as u64);
    }
}
