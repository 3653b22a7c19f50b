//! `ExplainMembership`.

use memberbase::api::grpc::v1::{self, Hand};
use prost_types::value::Kind;
use tonic::Code;

use super::{World, tier, tiered};
use crate::harness::{Server, condition, eq, list, refused, row, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_tells_who_decided_and_what_each_condition_saw() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), tiered("b", "iron")]).await;
    let gold = world.create("Gold", tier("gold")).await.id;
    let or = v1::Filter {
        or: vec![
            eq("audience", &gold),
            condition("first_name", |filter| filter.exists = Some(true)),
            condition("tier", |filter| filter.r#in = Some(list(&["silver", "platinum"]))),
        ],
        ..Default::default()
    };
    let audience = world.create("A", vec![eq("status", "active"), or]).await.id;
    let explained = world.explain(&audience, "a").await.unwrap();
    assert_eq!((explained.member, explained.matched, explained.hand()), (true, true, Hand::Unspecified));
    assert_eq!(explained.member_id, ids[0]);
    let condition = |path: &str, key: &str, operator: &str, outcome: (bool, bool), value| {
        let (path, key, operator) = (path.to_owned(), key.to_owned(), operator.to_owned());
        let (holds, decided) = outcome;
        v1::ExplainedCondition { path, key, operator, holds, decided, value }
    };
    let audiences = |ids: &[&str]| Some(prost_types::Value { kind: Some(Kind::ListValue(list(ids))) });
    let (yes, kept, no) = ((true, true), (true, false), (false, false));
    assert_eq!(
        explained.conditions,
        [
            condition("filters[0]", "status", "eq", yes, Some(text("active"))),
            condition("filters[1].or[0]", "audience", "eq", yes, audiences(&[&gold])),
            condition("filters[1].or[1]", "first_name", "exists", no, None),
            condition("filters[1].or[2]", "tier", "in", no, Some(text("gold"))),
        ]
    );
    let explained = world.explain(&audience, "b").await.unwrap();
    assert!(!explained.member && !explained.matched);
    let failed = (false, true);
    assert_eq!(
        explained.conditions,
        [
            condition("filters[0]", "status", "eq", kept, Some(text("active"))),
            condition("filters[1].or[0]", "audience", "eq", failed, audiences(&[])),
            condition("filters[1].or[1]", "first_name", "exists", failed, None),
            condition("filters[1].or[2]", "tier", "in", failed, Some(text("iron"))),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_by_hand_comes_first() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), row("b")]).await;
    let audience = world.create("Gold", tier("gold")).await.id;
    world.remove(&audience, &ids[..1]).await.unwrap();
    world.add(&audience, &ids[1..]).await.unwrap();
    let removed = world.explain(&audience, "a").await.unwrap();
    assert_eq!((removed.member, removed.matched, removed.hand()), (false, true, Hand::Removed));
    let picked = world.explain(&audience, "b").await.unwrap();
    assert_eq!((picked.member, picked.matched, picked.hand()), (true, false, Hand::Picked));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_needs_one_member_of_the_memberbase() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    world.base.fill(vec![row("a")]).await;
    let mut other = World::new(&server).await;
    let foreign = other.base.fill(vec![row("x")]).await;
    let audience = world.create("A", tier("gold")).await.id;
    let status = world.explain(&audience, "nobody").await.unwrap_err();
    refused(&status, Code::NotFound, "MEMBER_NOT_FOUND");
    let by_id = |id: &str| Some(v1::MemberKey { id: Some(id.to_owned()), ..Default::default() });
    for (key, code, reason, fields) in [
        (by_id(&foreign[0]), Code::NotFound, "MEMBER_NOT_FOUND", &[][..]),
        (by_id("a"), Code::InvalidArgument, "ID_MALFORMED", &["id"]),
        (None, Code::InvalidArgument, "FIELD_REQUIRED", &["key"]),
    ] {
        let request = v1::ExplainMembershipRequest { audience_id: audience.clone(), key };
        let status = world.client.explain_membership(request).await.unwrap_err();
        assert_eq!(refused(&status, code, reason), fields);
    }
}
