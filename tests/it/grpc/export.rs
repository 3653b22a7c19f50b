//! `ExportMembers`.

use memberbase::api::grpc::v1::{ExportMembersRequest, ExportMembersResponse, Filter, MemberInput};
use tonic::{Code, Status};

use crate::harness::{Base, Server, eq, refused, row, rows};

async fn export(base: &mut Base, filters: Vec<Filter>) -> Result<Vec<ExportMembersResponse>, Status> {
    let request = ExportMembersRequest { member_base_id: base.id.clone(), filters, ..Default::default() };
    let mut stream = base.client.export_members(request).await?.into_inner();
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await? {
        messages.push(message);
    }
    Ok(messages)
}

fn refs(messages: &[ExportMembersResponse]) -> Vec<&str> {
    messages
        .iter()
        .flat_map(|message| &message.members)
        .filter_map(|member| member.r#ref.as_deref())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_members_come_in_order_of_creation() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let members: Vec<_> = (0..12_345)
        .map(|i| MemberInput { tier: (i % 100 == 0).then(|| "gold".into()), ..row(&format!("a{i}")) })
        .collect();
    base.fill(members).await;
    let revision = base.upsert(Vec::new()).await.revision;
    let messages = export(&mut base, Vec::new()).await.unwrap();
    assert_eq!(refs(&messages), (0..12_345).map(|i| format!("a{i}")).collect::<Vec<_>>());
    assert!(messages.len() > 1 && messages.iter().all(|message| message.start_revision == revision));
    assert_eq!(messages[0].total, Some(12_345));
    assert!(messages[1..].iter().all(|message| message.total.is_none()));
    let messages = export(&mut base, vec![eq("tier", "gold")]).await.unwrap();
    assert_eq!((refs(&messages).len(), messages[0].total), (124, Some(124)));
    let messages = export(&mut base, vec![eq("company", "none")]).await.unwrap();
    assert_eq!((messages.len(), refs(&messages).len(), messages[0].total), (1, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_memberbase_sends_one_message() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let messages = export(&mut base, Vec::new()).await.unwrap();
    assert_eq!((messages.len(), messages[0].members.len(), messages[0].total), (1, 0, Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_created_meanwhile_do_not_prolong_an_export() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(rows("a", 20_000)).await;
    let request = ExportMembersRequest { member_base_id: base.id.clone(), ..Default::default() };
    let mut stream = base.client.export_members(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let mut seen = first.members.len();
    base.fill(rows("late", 5_000)).await;
    base.delete(Vec::new(), vec!["a19999".into()]).await;
    while let Some(message) = stream.message().await.unwrap() {
        assert!(message.members.iter().all(|member| member.r#ref.as_deref().unwrap().starts_with('a')));
        seen += message.members.len();
    }
    assert!((19_999..=20_000).contains(&seen), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_before_anything_is_sent() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let status = export(&mut base, vec![eq("shoe_size", "42")]).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "FILTER_INVALID");
    let request = ExportMembersRequest {
        member_base_id: base.id.clone(),
        min_revision: Some(1_000),
        ..Default::default()
    };
    let status = base.client.export_members(request).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "REVISION_AHEAD");
}
