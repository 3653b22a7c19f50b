//! `CountMembers`, grouped by audience.

use memberbase::api::grpc::v1;
use prost_types::value::Kind;

use super::{World, tier, tiered};
use crate::grpc::caller::{caller, wanted};
use crate::harness::{Server, condition, eq, row};

/// The groups, by the name of the audience and its id.
fn groups(reply: &v1::CountMembersResponse) -> Vec<(String, String, u64)> {
    let id = |group: &v1::MemberGroup| match group.value.as_ref().and_then(|value| value.kind.as_ref()) {
        Some(Kind::StringValue(id)) => id.clone(),
        None => String::new(),
        Some(other) => panic!("{other:?}"),
    };
    let name = |group: &v1::MemberGroup| group.audience_name.clone().unwrap_or_default();
    reply.groups.iter().map(|group| (name(group), id(group), group.members)).collect()
}

fn by_audience(base: &str, filters: Vec<v1::Filter>) -> v1::CountMembersRequest {
    let (member_base_id, group_by) = (base.to_owned(), "audience".to_owned());
    v1::CountMembersRequest { member_base_id, filters, group_by, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_counts_in_each_of_its_audiences() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let rows = vec![tiered("a", "gold"), tiered("b", "gold"), tiered("c", "iron"), row("d")];
    let ids = world.base.fill(rows).await;
    let gold = world.create("Gold", tier("gold")).await.id;
    let nobody = world.create("Nobody", Vec::new()).await.id;
    let has_tier = condition("tier", |filter| filter.exists = Some(true));
    let named = world.create("Named", vec![has_tier]).await.id;
    let old = world.create("Archived", tier("gold")).await.id;
    world.archive(&old).await.unwrap();
    let base = world.base.id.clone();
    let group = |name: &str, id: &str, members| (name.to_owned(), id.to_owned(), members);
    for (filters, total, expected) in [
        (vec![], 4, vec![group("Gold", &gold, 2), group("Named", &named, 3), group("", "", 1)]),
        (tier("iron"), 1, vec![group("Named", &named, 1)]),
        (vec![eq("ref", "d")], 1, vec![group("", "", 1)]),
        (vec![eq("audience", &gold)], 2, vec![group("Gold", &gold, 2), group("Named", &named, 2)]),
        (tier("none"), 0, vec![]),
    ] {
        let request = by_audience(&base, filters.clone());
        let reply = world.base.client.count_members(request).await.unwrap().into_inner();
        assert_eq!((groups(&reply), reply.total), (expected, total), "{filters:?}");
    }
    // A count has the writes before it.
    world.add(&nobody, &ids[3..]).await.unwrap();
    world.remove(&gold, &ids[..1]).await.unwrap();
    let reply = world.base.client.count_members(by_audience(&base, vec![])).await.unwrap().into_inner();
    let expected = [group("Gold", &gold, 1), group("Nobody", &nobody, 1), group("Named", &named, 3)];
    assert_eq!((groups(&reply), reply.total), (expected.to_vec(), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_audience_is_left_out_for_a_token_without_the_right() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let base = admin.base().await;
    let born = v1::MemberInput { dob: Some("1990-01-01".into()), ..row("a") };
    admin.upsert(&base, vec![born, tiered("b", "gold")]).await.unwrap();
    let mut create = async |name: &str, filter| {
        let (member_base_id, name, filters) = (base.clone(), name.to_owned(), vec![filter]);
        let request = v1::CreateAudienceRequest { member_base_id, name, filters, ..Default::default() };
        admin.audiences.create_audience(request).await.unwrap().into_inner().audience.unwrap().id
    };
    let born = create("Born", condition("dob", |filter| filter.exists = Some(true))).await;
    let gold = create("Gold", eq("tier", "gold")).await;
    let counted = admin.members.count_members(by_audience(&base, vec![])).await.unwrap().into_inner();
    let group = |name: &str, id: &str| (name.to_owned(), id.to_owned(), 1);
    assert_eq!(groups(&counted), [group("Born", &born), group("Gold", &gold)]);
    let blind = admin.token(v1::CreateApiTokenRequest { pii: Some(false), ..wanted("read") }).await.token;
    let mut blind = caller(&server, &blind);
    let counted = blind.members.count_members(by_audience(&base, vec![])).await.unwrap().into_inner();
    assert_eq!(groups(&counted), [group("Gold", &gold), group("", "")]);
}
