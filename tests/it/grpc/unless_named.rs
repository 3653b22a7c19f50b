//! `CreateMemberBase` with `unless_named`.

use futures_util::future::join_all;
use memberbase::api::grpc::v1::{
    self, CreateMemberBaseRequest, CreateMemberBaseResponse, DeleteMemberBaseRequest, UpdateMemberBaseRequest,
};
use tonic::{Code, Status};

use super::caller::{caller, wanted};
use crate::harness::{Server, refused};

fn unless(name: &str) -> CreateMemberBaseRequest {
    CreateMemberBaseRequest { name: name.into(), unless_named: true, ..Default::default() }
}

async fn create(server: &Server, request: CreateMemberBaseRequest) -> Result<(String, bool), Status> {
    let answer = server.bases().create_member_base(request).await?.into_inner();
    Ok(told(answer))
}

/// The id of the memberbase, and whether the call created it.
fn told(answer: CreateMemberBaseResponse) -> (String, bool) {
    (
        answer.member_base.unwrap().id,
        answer.created.expect("the server always reports whether it created one"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_create_one_memberbase_of_a_name() {
    let server = Server::start().await;
    for name in ["Staff", "Guests"] {
        let calls: Vec<_> = (0..32)
            .map(|_| {
                let mut bases = server.bases();
                tokio::spawn(async move { bases.create_member_base(unless(name)).await.unwrap() })
            })
            .collect();
        let answers: Vec<_> =
            join_all(calls).await.into_iter().map(|answer| told(answer.unwrap().into_inner())).collect();
        assert_eq!(answers.iter().filter(|(_, created)| *created).count(), 1);
        assert!(answers.iter().all(|(id, _)| *id == answers[0].0));
    }
    let all = v1::ListMemberBasesRequest::default();
    let listed = server.bases().list_member_bases(all).await.unwrap().into_inner().member_bases;
    assert_eq!(listed.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_memberbase_stays_unchanged_and_an_ambiguous_name_is_refused() {
    let server = Server::start().await;
    let first = CreateMemberBaseRequest {
        new_members: Some("invited".into()),
        tiers: vec!["Gold".into()],
        ..unless("Staff")
    };
    let (id, created) = create(&server, first).await.unwrap();
    assert!(created);
    let other = CreateMemberBaseRequest { share_accounts: Some(true), ..unless("\u{feff}Staff\u{200b}") };
    let answer = server.bases().create_member_base(other).await.unwrap().into_inner();
    let base = answer.member_base.unwrap();
    assert_eq!((answer.created, &base.id), (Some(false), &id));
    assert_eq!((base.new_members.as_str(), base.share_accounts), ("invited", false));
    assert_eq!(base.tiers, ["Gold"]);

    let (another, created) =
        create(&server, CreateMemberBaseRequest { unless_named: false, ..unless("Staff") }).await.unwrap();
    assert!(created && another != id);
    let status = create(&server, unless("Staff")).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "NAME_AMBIGUOUS"), ["name"]);
    assert!(status.message().contains(&id) && status.message().contains(&another), "{status:?}");
    let delete = DeleteMemberBaseRequest { id, ..Default::default() };
    server.bases().delete_member_base(delete).await.unwrap();
    assert_eq!(create(&server, unless("Staff")).await.unwrap(), (another, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_reply_even_after_a_rename() {
    let server = Server::start().await;
    let named = |id: &str| CreateMemberBaseRequest { request_id: id.into(), ..unless("Staff") };
    let (id, _) = create(&server, named("makes")).await.unwrap();
    assert_eq!(create(&server, named("finds")).await.unwrap(), (id.clone(), false));
    let rename = UpdateMemberBaseRequest { id: id.clone(), name: Some("Old".into()), ..Default::default() };
    server.bases().update_member_base(rename).await.unwrap();
    let (other, created) = create(&server, unless("Staff")).await.unwrap();
    assert!(created && other != id);
    for (request, created) in [("makes", true), ("finds", false)] {
        let answer = server.bases().create_member_base(named(request)).await.unwrap();
        assert!(answer.metadata().get("idempotency-replayed").is_some());
        assert_eq!(told(answer.into_inner()), (id.clone(), created), "{request}");
    }
    let changed = CreateMemberBaseRequest { unless_named: false, ..named("finds") };
    let status = create(&server, changed).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED"), ["request_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_create_memberbases_does_not_learn_of_them() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let own = admin.base().await;
    admin.bases.create_member_base(unless("Secret")).await.unwrap();
    let bound = v1::CreateApiTokenRequest { member_base_id: Some(own), ..wanted("admin") };
    for token in [wanted("write"), bound] {
        let made = admin.token(token).await;
        let mut holder = caller(&server, &made.token);
        let mut answers = Vec::new();
        for name in ["Secret", "Unknown", "Test"] {
            let status = holder.bases.create_member_base(unless(name)).await.unwrap_err();
            refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
            answers.push(status.message().to_owned());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}
