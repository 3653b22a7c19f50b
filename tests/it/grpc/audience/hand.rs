//! Members that are added and removed by hand.

use memberbase::api::grpc::v1;
use tonic::Code;

use super::{World, tier, tiered};
use crate::harness::{Server, refused, row};

/// What is done with a member, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Add,
    Remove,
    Match,
    Unmatch,
}

/// Whether the member is in, by the documented rule: what was done by hand, and whether the filter matches.
#[derive(Default)]
struct Rule {
    matched: bool,
    picked: bool,
    removed: bool,
}

impl Rule {
    fn take(&mut self, step: Step) {
        match step {
            Step::Add => {
                self.removed = false;
                self.picked |= !self.matched;
            }
            Step::Remove => {
                self.picked = false;
                self.removed |= self.matched;
            }
            Step::Match => self.matched = true,
            Step::Unmatch => self.matched = false,
        }
    }

    fn is_in(&self) -> bool {
        self.picked || (self.matched && !self.removed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_added_removed_and_matched_in_every_order_have_the_documented_membership() {
    const STEPS: [Step; 4] = [Step::Add, Step::Remove, Step::Match, Step::Unmatch];
    const LENGTH: u32 = 4;
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    // One member for each sequence of steps; all take their n-th step together.
    let sequences: Vec<Vec<Step>> = (0..STEPS.len().pow(LENGTH))
        .map(|number| (0..LENGTH).map(|place| STEPS[number / STEPS.len().pow(place) % STEPS.len()]).collect())
        .collect();
    let name = |number: usize| format!("m{number:03}");
    let ids = world.base.fill((0..sequences.len()).map(|number| row(&name(number))).collect()).await;
    let audience = world.create("Gold", tier("gold")).await.id;
    let mut rules: Vec<Rule> = sequences.iter().map(|_| Rule::default()).collect();
    for place in 0..LENGTH as usize {
        let of = |step: Step| -> Vec<usize> {
            (0..sequences.len()).filter(|number| sequences[*number][place] == step).collect()
        };
        let ids = |step| of(step).into_iter().map(|number| ids[number].clone()).collect::<Vec<_>>();
        world.add(&audience, &ids(Step::Add)).await.unwrap();
        world.remove(&audience, &ids(Step::Remove)).await.unwrap();
        let matched = of(Step::Match).into_iter().map(|number| tiered(&name(number), "gold"));
        let unmatched = of(Step::Unmatch).into_iter().map(|number| tiered(&name(number), "iron"));
        world.base.fill(matched.chain(unmatched).collect()).await;
        rules.iter_mut().zip(&sequences).for_each(|(rule, steps)| rule.take(steps[place]));
        let wanted: String = (0..rules.len()).filter(|number| rules[*number].is_in()).map(name).collect();
        assert_eq!(world.members(&audience).await, wanted, "after step {place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_tell_what_an_add_and_a_remove_changed() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), row("b")]).await;
    let mut other = World::new(&server).await;
    let foreign = other.base.fill(vec![row("x")]).await;
    let audience = world.create("Gold", tier("gold")).await.id;
    let revision = world.get(&audience).await.unwrap().revision;
    let both: Vec<String> = ids.iter().chain(&foreign).cloned().collect();
    let counts = |counts: v1::HandCounts| (counts.changed, counts.unchanged, counts.unknown);
    let added = world.add(&audience, &both).await.unwrap();
    assert_eq!(counts(added), (1, 1, 1));
    assert!(added.revision > revision);
    let again = world.add(&audience, &both).await.unwrap();
    assert_eq!((counts(again), again.revision), ((0, 2, 1), added.revision));
    assert_eq!(counts(world.remove(&audience, &both).await.unwrap()), (2, 0, 1));
    assert_eq!(counts(world.remove(&audience, &both).await.unwrap()), (0, 2, 1));
    assert_eq!(counts(world.add(&audience, &ids[..1]).await.unwrap()), (1, 0, 0));
    world.base.delete(ids[1..].to_vec(), Vec::new()).await;
    assert_eq!(counts(world.add(&audience, &ids[1..]).await.unwrap()), (0, 0, 1));
    assert_eq!(world.members(&audience).await, "a");
    assert_eq!(counts(world.add(&audience, &[]).await.unwrap()), (0, 0, 0));
    let status = world.add(&audience, &["a".to_owned()]).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "ID_MALFORMED"), ["member_ids[0]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_members_are_added_at_once_and_no_more() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let mut ids = world.base.fill((0..10_001).map(|number| row(&format!("m{number}"))).collect()).await;
    let audience = world.create("Picked", Vec::new()).await.id;
    let status = world.add(&audience, &ids).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "TOO_MANY_ROWS");
    let status = world.remove(&audience, &ids).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "TOO_MANY_ROWS");
    assert_eq!(world.get(&audience).await.unwrap().member_count, Some(0));
    ids.truncate(10_000);
    assert_eq!(world.add(&audience, &ids).await.unwrap().changed, 10_000);
    assert_eq!(world.get(&audience).await.unwrap().member_count, Some(10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_comes_back_is_picked_or_removed_as_it_was() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![row("a"), tiered("b", "gold"), tiered("c", "gold")]).await;
    let audience = world.create("Gold", tier("gold")).await.id;
    world.add(&audience, &ids[..1]).await.unwrap();
    world.remove(&audience, &ids[1..2]).await.unwrap();
    assert_eq!(world.members(&audience).await, "ac");
    world.base.delete(ids.clone(), Vec::new()).await;
    assert_eq!(world.members(&audience).await, "");
    let (member_base_id, member_ids) = (world.base.id.clone(), ids);
    let request = v1::UndeleteMembersRequest { member_base_id, member_ids, ..Default::default() };
    world.base.client.undelete_members(request).await.unwrap();
    assert_eq!(world.members(&audience).await, "ac");
}
