//! An audience of a memberbase that is too large for evaluating a filter within the call.

use memberbase::api::grpc::v1;

use super::{World, tiered};
use crate::harness::{Server, condition};

/// More than are evaluated within a call.
const MEMBERS: u64 = 4_200;
/// How often a filter is changed at most until a reply says that it is being evaluated: it may be evaluated
/// before the reply is made.
const ATTEMPTS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_is_building_with_its_old_members_until_the_new_filter_serves() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    // A third of the members is in the first tier, the others are in the second.
    let tiers = [("gold", MEMBERS / 3), ("iron", MEMBERS / 3 * 2)];
    let member = |i: u64| tiered(&format!("m{i}"), tiers[usize::from(!i.is_multiple_of(3))].0);
    world.base.fill((0..MEMBERS).map(member).collect()).await;
    // No set knows who matches a prefix.
    let begins = |text: &str| vec![condition("tier", |filter| filter.prefix = Some(text.to_owned()))];
    let made = world.create("A", begins(tiers[0].0)).await;
    assert_eq!((made.member_count, made.progress), (Some(tiers[0].1), None));
    for attempt in 1..=ATTEMPTS {
        let (old, new) = (tiers[(attempt + 1) % 2], tiers[attempt % 2]);
        let (audience_id, filters) = (made.id.clone(), begins(new.0));
        let request = v1::UpdateAudienceRequest { audience_id, filters, ..Default::default() };
        let changed = world.client.update_audience(request).await.unwrap().into_inner().audience.unwrap();
        if changed.state() == v1::AudienceState::Ready {
            assert_eq!((changed.member_count, changed.progress), (Some(new.1), None));
            continue;
        }
        assert_eq!((changed.state(), changed.member_count), (v1::AudienceState::Building, Some(old.1)));
        let progress = changed.progress.unwrap();
        assert!(progress.total == MEMBERS && progress.done <= progress.total, "{progress:?}");
        // Writes count for the new filter too.
        world.base.fill(vec![tiered("m0", "none"), tiered("m1", "none"), tiered("new", new.0)]).await;
        let ready = world.built(&made.id).await;
        assert_eq!((ready.member_count, ready.progress), (Some(new.1), None));
        return;
    }
    panic!("every filter was evaluated before the reply");
}
