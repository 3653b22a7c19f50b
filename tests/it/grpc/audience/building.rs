//! An audience of a memberbase that is too large for evaluating a filter within the call.

use super::{World, tier, tiered};
use crate::harness::Server;
use memberbase::api::grpc::v1;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_filter_of_many_members_is_building_until_it_serves() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let tiers = ["gold", "iron"];
    world.base.fill((0..4_100).map(|i| tiered(&format!("m{i}"), tiers[i % 2])).collect()).await;
    let made = world.try_create("A", tier("gold")).await.unwrap();
    assert_eq!((made.state(), made.member_count), (v1::AudienceState::Building, Some(0)));
    let progress = made.progress.unwrap();
    assert!(progress.total == 4_100 && progress.done <= progress.total, "{progress:?}");
    let ready = world.built(&made.id).await;
    assert_eq!((ready.member_count, ready.progress), (Some(2_050), None));
    // Until the new filter is evaluated, the one before it serves. Writes count for both.
    let request = v1::UpdateAudienceRequest {
        audience_id: made.id.clone(),
        filters: tier("iron"),
        ..Default::default()
    };
    let changed = world.client.update_audience(request).await.unwrap().into_inner().audience.unwrap();
    assert_eq!((changed.state(), changed.member_count), (v1::AudienceState::Building, Some(2_050)));
    world.base.fill(vec![tiered("m0", "iron"), tiered("m1", "gold"), tiered("m3", "gold")]).await;
    let ready = world.built(&made.id).await;
    assert_eq!((ready.member_count, ready.progress), (Some(2_049), None));
}
