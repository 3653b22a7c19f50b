use std::net::Ipv4Addr;

use super::*;

const ROOM: Room = Room { total: 3, per_peer: 2, call_bytes: 1 << 20 };

fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn take(places: &Arc<Places>, of: u8, seconds: u64) -> Place {
    places.take(peer(of), at(seconds)).await.unwrap().place
}

/// Whether the connection is to close.
fn is_leaving(place: &Place) -> bool {
    place.state.gives_way.is_cancelled()
}

#[tokio::test]
async fn the_longest_idle_of_the_busiest_peer_gives_way_to_a_newcomer() {
    let places = Places::new(ROOM);
    let single = take(&places, 1, 0).await;
    let first = take(&places, 2, 1).await;
    let second = take(&places, 2, 2).await;
    // It became idle after the second one, although it was opened before.
    first.calls().end(first.calls().begin(0), at(3));
    let newcomer = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.take(peer(3), at(4)).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    assert_eq!([&single, &first, &second].map(is_leaving), [false, false, true]);
    drop(second);
    assert_eq!(newcomer.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn only_one_is_closed_for_one_newcomer_even_if_calls_end_meanwhile() {
    let places = Places::new(ROOM);
    let mut held = Vec::new();
    for (n, of) in [1, 2, 2].into_iter().enumerate() {
        held.push(take(&places, of, u64::try_from(n).unwrap()).await);
    }
    let newcomer = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.take(peer(3), at(9)).await.map(|_| ()) }
    });
    for _ in 0..5 {
        tokio::task::yield_now().await;
        held[0].calls().end(held[0].calls().begin(0), at(9));
    }
    assert_eq!(held.iter().filter(|place| is_leaving(place)).count(), 1);
    held.retain(|place| !is_leaving(place));
    assert_eq!(newcomer.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_peer_at_its_limit_replaces_its_own_connection() {
    let places = Places::new(ROOM);
    let own = take(&places, 1, 0).await;
    let busy = take(&places, 1, 1).await;
    busy.calls().begin(0);
    let newcomer = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.take(peer(1), at(2)).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    assert_eq!([&own, &busy].map(is_leaving), [true, false]);
    drop(own);
    assert_eq!(newcomer.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_peer_with_only_busy_connections_is_refused_and_others_wait() {
    let places = Places::new(ROOM);
    let mut busy = Vec::new();
    for of in [1, 1, 2] {
        let place = take(&places, of, 0).await;
        let begun = place.calls().begin(0);
        busy.push((place, begun));
    }
    assert_eq!(places.take(peer(1), at(1)).await.map(|_| ()), Err(Refused::Peer));
    let waits = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.take(peer(3), at(1)).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    assert!(!waits.is_finished());
    // Once its call has ended, a connection can be closed for another.
    busy[2].0.calls().end(busy[2].1, at(2));
    tokio::task::yield_now().await;
    assert!(is_leaving(&busy[2].0));
    drop(busy.pop());
    assert_eq!(waits.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_place_knows_how_long_it_has_been_idle() {
    let places = Places::new(ROOM);
    let place = take(&places, 1, 10).await;
    assert_eq!(place.idle(at(15)), Some(at(5)));
    let [first, second] = [(); 2].map(|()| place.calls().begin(0));
    place.calls().end(first, at(20));
    assert_eq!(place.idle(at(21)), None);
    place.calls().end(second, at(22));
    assert_eq!(place.idle(at(25)), Some(at(3)));
}
