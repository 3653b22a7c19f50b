use std::pin::{Pin, pin};
use std::task::Waker;

use std::future::Future;
use std::task::{Context, Poll};

use super::*;
use crate::model::BaseNumber;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Of this limit, 300 KiB are for large requests and 100 KiB for small ones of up to 6 KiB.
const LIMIT: usize = 400 * KIB;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn is_in<F: Future<Output = Result<Permit, TableError>>>(future: Pin<&mut F>) -> Option<Permit> {
    match poll(future) {
        Poll::Ready(permit) => Some(permit.unwrap()),
        Poll::Pending => None,
    }
}

fn base(number: u32) -> Party {
    Party::Base(BaseNumber(number))
}

#[test]
fn take_rejects_bytes_that_do_not_fit_and_dropping_a_permit_returns_its_bytes() {
    let budget = Budget::new(LIMIT);
    let first = budget.take(base(1), 150 * KIB).unwrap();
    assert_eq!(
        budget.take(base(1), 10 * KIB).unwrap_err(),
        TableError::Overloaded { wanted: 10 * KIB, limit: LIMIT }
    );
    assert_eq!(budget.used(), 150 * KIB);
    drop(first);
    assert_eq!(budget.used(), 0);
    assert!(budget.take(base(1), 10 * KIB).is_ok());
}

#[test]
fn a_party_has_at_most_half_and_large_requests_leave_room_for_small_ones() {
    let budget = Budget::new(LIMIT);
    let huge = budget.take(base(1), 10 * MIB).unwrap();
    assert_eq!(budget.used(), 150 * KIB, "it counts as half");
    assert!(budget.take(base(1), 10 * KIB).is_err(), "its party may not hold more");
    let other = budget.take(base(2), 150 * KIB).unwrap();
    assert!(budget.take(base(3), 10 * KIB).is_err(), "there is no more room for large ones");
    let small: Vec<_> = (0..12).map(|_| budget.take(base(1), 4 * KIB).unwrap()).collect();
    assert!(budget.take(base(1), 4 * KIB).is_err(), "half of the room for small ones");
    assert!(budget.take(base(3), 4 * KIB).is_ok());
    drop((huge, other, small));
    assert_eq!(budget.used(), 0);
}

#[test]
fn only_one_request_that_holds_more_than_it_counts_is_admitted_at_a_time() {
    let budget = Budget::new(LIMIT);
    let first = budget.take(base(1), MIB).unwrap();
    let mut second = pin!(budget.turn(base(2), MIB));
    assert!(is_in(second.as_mut()).is_none(), "although there is room for half of a part");
    let mut third = pin!(budget.turn(base(3), 100 * KIB));
    assert!(is_in(third.as_mut()).is_some(), "a smaller request does not wait behind it");
    drop(first);
    assert!(is_in(second.as_mut()).is_some());
}

#[test]
fn parties_take_turns_even_if_one_of_them_has_many_requests() {
    let budget = Budget::new(LIMIT);
    let all = (budget.take(base(1), 150 * KIB).unwrap(), budget.take(base(2), 150 * KIB).unwrap());
    let mut many: Vec<_> = (0..15).map(|_| Box::pin(budget.wait(base(1), 100 * KIB))).collect();
    assert!(many.iter_mut().all(|one| is_in(one.as_mut()).is_none()));
    let mut late = pin!(budget.turn(base(3), 100 * KIB));
    let mut last = pin!(budget.turn(base(4), 100 * KIB));
    assert!(is_in(late.as_mut()).is_none() && is_in(last.as_mut()).is_none());
    drop(all);
    let first: Vec<_> = many.iter_mut().filter_map(|one| is_in(one.as_mut())).collect();
    assert_eq!(first.len(), 1, "one of the many");
    assert!(is_in(late.as_mut()).is_some(), "although fourteen others arrived before it");
    assert!(is_in(last.as_mut()).is_some());
}

#[test]
fn a_request_is_admitted_before_smaller_ones_that_arrive_later() {
    let budget = Budget::new(LIMIT);
    let held = (budget.take(base(1), 140 * KIB).unwrap(), budget.take(base(2), 100 * KIB).unwrap());
    let mut large = pin!(budget.turn(base(3), 140 * KIB));
    assert!(is_in(large.as_mut()).is_none());
    let mut less = pin!(budget.turn(base(4), 20 * KIB));
    assert!(is_in(less.as_mut()).is_none(), "it arrived later, although there is room for it");
    assert!(budget.take(base(4), 20 * KIB).is_err(), "no other request overtakes it");
    drop(held.1);
    let _large = is_in(large.as_mut()).unwrap();
    assert!(is_in(less.as_mut()).is_some());
}

#[test]
fn a_party_that_holds_its_half_does_not_delay_others() {
    let budget = Budget::new(LIMIT);
    let held = budget.take(base(1), 150 * KIB).unwrap();
    let mut more = pin!(budget.turn(base(1), 100 * KIB));
    assert!(is_in(more.as_mut()).is_none(), "its party holds its half");
    assert!(is_in(pin!(budget.turn(base(2), 100 * KIB))).is_some(), "others overtake it");
    drop(held);
    assert!(is_in(more.as_mut()).is_some());
}

#[test]
fn only_a_party_that_waits_with_too_much_is_rejected() {
    let budget = Budget::new(LIMIT);
    let all = (budget.take(base(1), 150 * KIB).unwrap(), budget.take(base(2), 150 * KIB).unwrap());
    let mut waiting = pin!(budget.turn(base(1), 100 * KIB));
    assert!(is_in(waiting.as_mut()).is_none());
    let mut too_much = pin!(budget.turn(base(1), 60 * KIB));
    assert!(matches!(poll(too_much.as_mut()), Poll::Ready(Err(TableError::Overloaded { .. }))));
    let mut other = pin!(budget.turn(base(3), 60 * KIB));
    assert!(is_in(other.as_mut()).is_none(), "it waits and is not rejected");
    drop(all);
    assert!(is_in(waiting.as_mut()).is_some() && is_in(other.as_mut()).is_some());
}

#[test]
fn a_caller_that_gives_up_lets_others_through_and_leaves_no_bytes_behind() {
    let budget = Budget::new(LIMIT);
    let held = (budget.take(base(1), 140 * KIB).unwrap(), budget.take(base(2), 100 * KIB).unwrap());
    let mut small = Box::pin(budget.turn(base(4), 10 * KIB));
    {
        let mut large = pin!(budget.turn(base(3), 150 * KIB));
        assert!(is_in(large.as_mut()).is_none() && is_in(small.as_mut()).is_none());
    }
    // It was admitted when the large one was dropped, and is dropped before it is polled again.
    drop(small);
    assert!(is_in(pin!(budget.turn(base(4), 60 * KIB))).is_some());
    drop(held);
    assert_eq!(budget.used(), 0);
}

fn on(party: u32, connection: u64) -> Whose {
    Whose { party: base(party), connection: Some(Connection(connection)) }
}

#[test]
fn connections_of_a_party_take_turns_even_if_one_of_them_has_many_requests() {
    let budget = Budget::new(LIMIT);
    let all = budget.take(on(1, 1), 150 * KIB).unwrap();
    let mut many: Vec<_> = (0..15).map(|_| Box::pin(budget.wait(on(1, 1), 50 * KIB))).collect();
    assert!(many.iter_mut().all(|one| is_in(one.as_mut()).is_none()));
    let mut late = pin!(budget.turn(on(1, 2), 50 * KIB));
    assert!(is_in(late.as_mut()).is_none());
    drop(all);
    assert!(is_in(late.as_mut()).is_some(), "although fifteen others arrived before it");
    let first: Vec<_> = many.iter_mut().filter_map(|one| is_in(one.as_mut())).collect();
    assert!(!first.is_empty() && first.len() < 4, "some of the many");
}

#[test]
fn a_connection_above_its_share_gives_way_to_another_and_gets_the_rest() {
    let budget = Budget::new(LIMIT);
    let mut held: Vec<_> = [70, 30, 50].map(|kib| budget.take(on(1, 1), kib * KIB).unwrap()).into();
    let mut more = pin!(budget.turn(on(1, 1), 40 * KIB));
    let mut other = pin!(budget.turn(on(1, 2), 40 * KIB));
    assert!(is_in(more.as_mut()).is_none() && is_in(other.as_mut()).is_none());
    drop(held.pop());
    let _other = is_in(other.as_mut()).unwrap();
    assert!(
        is_in(more.as_mut()).is_none(),
        "it arrived first, but would hold more than half of its party's share"
    );
    drop(held.pop());
    assert!(is_in(more.as_mut()).is_some(), "no other request waits");
}

#[test]
fn a_connection_does_not_keep_others_of_its_party_from_waiting() {
    let budget = Budget::new(LIMIT);
    let _all = budget.take(on(1, 1), 150 * KIB).unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(budget.turn(on(1, 1), 50 * KIB))).collect();
    assert!(waiting.iter_mut().all(|one| is_in(one.as_mut()).is_none()));
    let refused = |connection, kib| {
        let mut turn = Box::pin(budget.turn(on(1, connection), kib * KIB));
        let refused = matches!(poll(turn.as_mut()), Poll::Ready(Err(TableError::Overloaded { .. })));
        (refused, turn)
    };
    assert!(refused(1, 10).0, "it already waits with as much as its party may hold");
    let (first, second) = (refused(2, 50), refused(2, 20));
    assert!(!first.0 && !second.0, "each waiting connection has a part of what may wait");
    assert!(refused(2, 10).0, "it would exceed its part");
    assert!(!refused(3, 150).0, "it has nothing waiting yet");
    drop((first.1, second.1));
}
