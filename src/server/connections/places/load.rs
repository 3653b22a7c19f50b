//! What calls take before anything of their messages has come: heads, tasks and buffers, which cost a peer
//! nothing and which it may hold on each of its connections.
//!
//! - All calls together take no more than they may ([`Room::call_bytes`](super::Room)), and those of one peer
//!   half of that, so that others get in beside it. A call beyond that is refused.
//! - A few calls of each connection are let in however much others have: a peer with little to ask is served.
//! - A refused call counts until it has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a call takes besides its head, in bytes.
const CALL_BYTES: usize = 16 * 1024;
/// How many times its bytes a head takes, in text and in tables.
const HEAD_GROWTH: usize = 3;
/// So many calls of a connection are let in whatever there is besides.
const FEW: usize = 4;

/// Bytes that calls take.
#[derive(Debug, Default)]
pub struct Load(AtomicUsize);

/// A call that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    bytes: usize,
    /// Whether it is let in.
    pub fits: bool,
}

/// An extension of requests that are to be refused, because there are too many of their peer.
#[derive(Debug, Clone, Copy)]
pub struct Crowded;

/// Counts a call of a connection that has so many besides; `loads` are that of all and that of its peer.
pub fn begin([all, of_peer]: &[Arc<Load>; 2], limit: usize, besides: usize, head_bytes: usize) -> Begun {
    let bytes = CALL_BYTES.saturating_add(head_bytes.saturating_mul(HEAD_GROWTH));
    let in_all = all.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    let in_peer = of_peer.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    Begun { bytes, fits: besides < FEW || (in_all <= limit && in_peer <= limit / 2) }
}

/// Takes away what a call counted.
pub fn end(loads: &[Arc<Load>; 2], begun: Begun) {
    for load in loads {
        load.0.fetch_sub(begun.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_half_and_a_few_calls_are_let_in_whatever_there_is() {
        let all = Arc::<Load>::default();
        let [one, other, third] = [(); 3].map(|()| [Arc::clone(&all), Arc::default()]);
        let limit = 20 * CALL_BYTES;
        let ask = |of, besides| begin(of, limit, besides, 0);
        let first: Vec<_> = (0..10).map(|besides| ask(&one, besides)).collect();
        assert!(first.iter().all(|begun| begun.fits));
        let refused = ask(&one, 10);
        assert!(!refused.fits && ask(&one, FEW - 1).fits, "half is its own, and a few more");
        end(&one, refused);
        assert!((0..9).all(|besides| ask(&other, besides).fits));
        assert!(!ask(&third, FEW).fits && ask(&third, 0).fits, "all of it is taken");
        for begun in first {
            end(&one, begun);
        }
        assert!(ask(&third, FEW).fits && ask(&one, FEW).fits);
    }

    #[test]
    fn a_large_head_counts_with_its_bytes() {
        let loads = [Arc::default(), Arc::default()];
        let begun = begin(&loads, 8 * CALL_BYTES, FEW, CALL_BYTES);
        assert!(begun.fits, "it counts four times a call without one");
        assert!(!begin(&loads, 8 * CALL_BYTES, FEW, 0).fits);
    }
}
