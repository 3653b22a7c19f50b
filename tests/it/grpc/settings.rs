//! How settings of a memberbase affect its members: fixed tiers and shared accounts.

use memberbase::api::grpc::v1::{self, Outcome};
use tonic::Code;

use crate::harness::{Base, Server, outcomes, refused, row, row_reason};

fn in_tier(r#ref: &str, tier: &str) -> v1::MemberInput {
    v1::MemberInput { tier: Some(tier.into()), ..row(r#ref) }
}

fn tiers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).into()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_fixed_tiers_are_accepted_and_a_tier_in_use_cannot_be_removed() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut bases = server.bases();
    let id = base.id.clone();
    let set = |names: &[&str]| v1::SetTiersRequest {
        member_base_id: id.clone(),
        tiers: tiers(names),
        ..Default::default()
    };
    base.clone()
        .fill(vec![in_tier("a", "Gold"), in_tier("b", "Gold"), in_tier("c", "Silver"), row("d")])
        .await;

    let list = v1::ListTiersRequest { member_base_id: base.id.clone() };
    let listed = bases.list_tiers(list.clone()).await.unwrap().into_inner();
    let counted = |list: &v1::ListTiersResponse| {
        list.tiers.iter().map(|tier| (tier.name.clone(), tier.members.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!((counted(&listed), listed.fixed), (vec![("Gold".into(), 2), ("Silver".into(), 1)], false));

    let status = bases.set_tiers(set(&["Bronze"])).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "TIER_IN_USE"), ["tiers", "tiers"]);
    assert!(status.message().contains("2 members"), "{status:?}");
    let status = bases.set_tiers(set(&["Gold", "", "Gold"])).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "TIER_INVALID"), ["tiers[1]", "tiers[2]"]);

    let changed = bases.set_tiers(set(&["Silver", "Gold", "Bronze"])).await.unwrap().into_inner();
    assert_eq!(changed.member_base.unwrap().tiers, tiers(&["Silver", "Gold", "Bronze"]));
    let listed = bases.list_tiers(list).await.unwrap().into_inner();
    let expected = vec![("Silver".into(), 1), ("Gold".into(), 2), ("Bronze".into(), 0)];
    assert_eq!((counted(&listed), listed.fixed), (expected, true));

    let reply =
        base.upsert(vec![in_tier("e", "Platinum"), in_tier("f", "Bronze"), in_tier("a", "Iron")]).await;
    assert_eq!(outcomes(&reply), [Outcome::Failed, Outcome::Created, Outcome::Failed]);
    assert_eq!(row_reason(&reply.results[0]), "TIER_INVALID");

    base.delete(Vec::new(), vec!["c".into()]).await;
    bases.set_tiers(set(&["Gold", "Bronze"])).await.unwrap();
    bases.set_tiers(set(&[])).await.unwrap();
    let reply = base.upsert(vec![in_tier("e", "Platinum")]).await;
    assert_eq!(outcomes(&reply), [Outcome::Created]);
}

async fn share(server: &Server, base: &Base, share: bool) {
    let request = v1::UpdateMemberBaseRequest {
        id: base.id.clone(),
        share_accounts: Some(share),
        ..Default::default()
    };
    server.bases().update_member_base(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_active_elsewhere_starts_active_if_both_memberbases_share_accounts() {
    let server = Server::start().await;
    let sharing = |share_accounts| v1::CreateMemberBaseRequest {
        name: "Shared".into(),
        new_members: Some("invited".into()),
        share_accounts: Some(share_accounts),
        ..Default::default()
    };
    let mut there = server.base_with(sharing(true)).await;
    let mut here = server.base_with(sharing(true)).await;
    let person = |n: &str, email: &str| v1::MemberInput { email: Some(email.into()), ..row(n) };
    let active = v1::MemberInput { status: Some("active".into()), ..person("1", "Active@example.com") };
    there.fill(vec![active, person("2", "invited@example.com")]).await;

    here.fill(vec![
        person("1", "active@example.com"),
        person("2", "invited@example.com"),
        person("3", "nobody@example.com"),
        row("4"),
    ])
    .await;
    let mut statuses = Vec::new();
    for r#ref in ["1", "2", "3", "4"] {
        statuses.push(here.get(r#ref).await.unwrap().status);
    }
    assert_eq!(statuses, ["active", "invited", "invited", "invited"]);

    let named = v1::MemberInput { status: Some("invited".into()), ..person("5", "active@example.com") };
    let mut third = server.base_with(sharing(true)).await;
    third.fill(vec![named]).await;
    assert_eq!(third.get("5").await.unwrap().status, "invited");

    let create = |base: &Base| v1::CreateMemberRequest {
        member_base_id: base.id.clone(),
        member: Some(person("6", "active@example.com")),
        ..Default::default()
    };
    // From now on only `here` has an active member. A memberbase that stops sharing has no influence on
    // others, and they have none on it.
    share(&server, &there, false).await;
    let mut fourth = server.base_with(sharing(true)).await;
    let made = fourth.client.create_member(create(&fourth)).await.unwrap().into_inner();
    assert_eq!(made.member.unwrap().status, "active");
    share(&server, &here, false).await;
    share(&server, &fourth, false).await;
    let mut fifth = server.base_with(sharing(true)).await;
    let made = fifth.client.create_member(create(&fifth)).await.unwrap().into_inner();
    assert_eq!(made.member.unwrap().status, "invited");
    let mut private = server.base_with(sharing(false)).await;
    share(&server, &here, true).await;
    let made = private.client.create_member(create(&private)).await.unwrap().into_inner();
    assert_eq!(made.member.unwrap().status, "invited");
}
