//! Random requests that arrive, end and give up, checked against what the module promises.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::model::BaseNumber;

const KIB: usize = 1024;
/// Of this limit, 300 KiB are for large requests; all requests here are large.
const LIMIT: usize = 400 * KIB;
const LARGE: usize = 300 * KIB;
const SHARE: usize = LARGE / 2;

#[derive(Debug, Clone)]
enum Step {
    /// A request of a party arrives on one of its connections.
    Ask { party: u32, connection: u64, kib: usize, endless: bool },
    /// An admitted request ends.
    End(prop::sample::Index),
    /// A waiting request gives up.
    GiveUp(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let ask = (0_u32..3, 0_u64..4, prop_oneof![8 => 7_usize..60, 1 => 60_usize..400], any::<bool>());
    prop_oneof![
        5 => ask.prop_map(|(party, connection, kib, endless)| Step::Ask { party, connection, kib, endless }),
        3 => any::<prop::sample::Index>().prop_map(Step::End),
        1 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
    ]
}

/// A request, numbered in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Asked {
    number: usize,
    whose: Whose,
    bytes: usize,
}

impl Asked {
    fn counted(self) -> usize {
        self.bytes.min(SHARE)
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<Permit, TableError>>>>;

#[derive(Default)]
struct World {
    waiting: Vec<(Asked, Asking)>,
    inside: Vec<(Asked, Permit)>,
}

impl World {
    fn held(&self, is_of: impl Fn(Whose) -> bool) -> usize {
        self.inside.iter().filter(|(asked, _)| is_of(asked.whose)).map(|(asked, _)| asked.counted()).sum()
    }

    /// The first waiting request of each connection.
    fn heads(&self) -> Vec<Asked> {
        let mut heads: Vec<Asked> = Vec::new();
        for (asked, _) in &self.waiting {
            if !heads.iter().any(|head| head.whose == asked.whose) {
                heads.push(*asked);
            }
        }
        heads
    }

    /// Whether the connection of a request holds nothing, or would stay within its share with the request.
    fn is_modest(&self, asked: Asked) -> bool {
        let held = self.held(|whose| whose == asked.whose);
        held == 0 || held + asked.counted() <= SHARE / 2
    }

    fn fits(&self, asked: Asked) -> bool {
        let is_giant = |asked: Asked| asked.bytes > SHARE;
        let of_party = self.held(|whose| whose.party == asked.whose.party);
        let is_alone = !is_giant(asked) || !self.inside.iter().any(|(other, _)| is_giant(*other));
        of_party + asked.counted() <= SHARE && self.held(|_| true) + asked.counted() <= LARGE && is_alone
    }

    /// Polls all waiting requests, and returns those that were admitted.
    fn look(&mut self) -> Vec<Asked> {
        let mut new = Vec::new();
        let mut left = Vec::new();
        for (asked, mut asking) in std::mem::take(&mut self.waiting) {
            match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => left.push((asked, asking)),
                Poll::Ready(permit) => {
                    new.push(asked);
                    self.inside.push((asked, permit.unwrap()));
                }
            }
        }
        self.waiting = left;
        new
    }

    fn ask(&mut self, budget: &Arc<Budget>, asked: Asked, endless: bool) {
        let of = |is_of: &dyn Fn(Whose) -> bool| -> usize {
            self.waiting
                .iter()
                .filter(|(other, _)| is_of(other.whose))
                .map(|(other, _)| other.counted())
                .sum()
        };
        let (of_party, of_line) =
            (of(&|whose| whose.party == asked.whose.party), of(&|whose| whose == asked.whose));
        let budget = Arc::clone(budget);
        let mut asking: Asking = if endless {
            Box::pin(async move { budget.wait(asked.whose, asked.bytes).await })
        } else {
            Box::pin(async move { budget.turn(asked.whose, asked.bytes).await })
        };
        match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.waiting.push((asked, asking)),
            Poll::Ready(Ok(permit)) => self.inside.push((asked, permit)),
            Poll::Ready(Err(_)) => {
                assert!(
                    !endless && of_line > 0 && of_party + asked.counted() > SHARE,
                    "{asked:?} was rejected"
                );
            }
        }
    }
}

fn run(steps: Vec<Step>) {
    let budget = Budget::new(LIMIT);
    let mut world = World::default();
    for (number, step) in steps.into_iter().enumerate() {
        let heads = world.heads();
        match step {
            Step::Ask { party, connection, kib, endless } => {
                let party = Party::Base(BaseNumber(party));
                let whose = Whose { party, connection: Some(Connection(connection)) };
                world.ask(&budget, Asked { number, whose, bytes: kib * KIB }, endless);
            }
            Step::End(which) if !world.inside.is_empty() => {
                drop(world.inside.remove(which.index(world.inside.len())));
            }
            Step::GiveUp(which) if !world.waiting.is_empty() => {
                drop(world.waiting.remove(which.index(world.waiting.len())));
            }
            Step::End(_) | Step::GiveUp(_) => {}
        }
        let new = world.look();
        // The budget counts what is admitted, and keeps its limits.
        assert_eq!(budget.used(), world.held(|_| true));
        assert!(budget.used() <= LARGE);
        assert!(
            world
                .inside
                .iter()
                .all(|(asked, _)| { world.held(|whose| whose.party == asked.whose.party) <= SHARE })
        );
        // The requests of a connection are admitted in order.
        for (asked, _) in &world.waiting {
            assert!(new.iter().all(|new| new.whose != asked.whose || new.number < asked.number));
        }
        // If requests wait, at least one of them does not fit.
        let now = world.heads();
        assert!(now.is_empty() || !now.iter().all(|head| world.fits(*head)), "{now:?} fit");
        // A request that takes its connection above its share was not admitted before a modest request of its
        // party that was already at the head of its line.
        for greedy in &new {
            let others = world.held(|whose| whose == greedy.whose) - greedy.counted();
            let is_greedy = others > 0 && others + greedy.counted() > SHARE / 2;
            let passed =
                now.iter().filter(|head| head.whose.party == greedy.whose.party && heads.contains(head));
            let modest = passed.copied().filter(|head| world.is_modest(*head)).collect::<Vec<_>>();
            let only = new.iter().filter(|other| other.whose == greedy.whose).count() == 1;
            assert!(!is_greedy || !only || modest.is_empty(), "{greedy:?} before {modest:?}");
        }
    }
    drop(world);
    assert_eq!(budget.used(), 0);
    assert!(budget.take(Party::Nobody, LARGE).is_ok(), "no request waits any more");
}

proptest! {
    #[test]
    fn promises_hold_however_requests_arrive_end_and_give_up(steps in prop::collection::vec(step(), 1..80)) {
        run(steps);
    }
}
