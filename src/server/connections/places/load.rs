//! Counts the memory of calls before their messages arrive: heads, tasks and buffers. A peer can make the
//! server hold them on each of its connections at no cost.
//!
//! - All calls together may take [`Room::call_bytes`](super::Room), and those of one peer half of that, which
//!   leaves room for others. Further calls are rejected.
//! - A few calls of each connection are always accepted, so that a peer with few calls is served under any
//!   load.
//! - A rejected call counts until it has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory of a call besides its head, in bytes.
const CALL_BYTES: usize = 16 * 1024;
/// A head takes this many times its size in memory, as text and in tables.
const HEAD_GROWTH: usize = 3;
/// This many calls of a connection are always accepted.
const FEW: usize = 4;

/// The memory of calls, in bytes.
#[derive(Debug, Default)]
pub struct Load(AtomicUsize);

/// A call that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    bytes: usize,
    /// Whether it is accepted.
    pub fits: bool,
}

/// An extension of requests that must be rejected, because their peer has too many calls.
#[derive(Debug, Clone, Copy)]
pub struct Crowded;

/// Counts a call. `besides` is how many other calls its connection has; the loads are that of all peers and
/// that of its own.
pub fn begin([all, of_peer]: &[Arc<Load>; 2], limit: usize, besides: usize, head_bytes: usize) -> Begun {
    let bytes = CALL_BYTES.saturating_add(head_bytes.saturating_mul(HEAD_GROWTH));
    let in_all = all.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    let in_peer = of_peer.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    Begun { bytes, fits: besides < FEW || (in_all <= limit && in_peer <= limit / 2) }
}

/// Subtracts what [`begin`] added for a call.
pub fn end(loads: &[Arc<Load>; 2], begun: Begun) {
    for load in loads {
        load.0.fetch_sub(begun.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_half_and_a_few_calls_are_always_accepted() {
        let all = Arc::<Load>::default();
        let [one, other, third] = [(); 3].map(|()| [Arc::clone(&all), Arc::default()]);
        let limit = 20 * CALL_BYTES;
        let ask = |of, besides| begin(of, limit, besides, 0);
        let first: Vec<_> = (0..10).map(|besides| ask(&one, besides)).collect();
        assert!(first.iter().all(|begun| begun.fits));
        let refused = ask(&one, 10);
        assert!(!refused.fits && ask(&one, FEW - 1).fits, "it may use half, and a few more calls");
        end(&one, refused);
        assert!((0..9).all(|besides| ask(&other, besides).fits));
        assert!(!ask(&third, FEW).fits && ask(&third, 0).fits, "nothing is left");
        for begun in first {
            end(&one, begun);
        }
        assert!(ask(&third, FEW).fits && ask(&one, FEW).fits);
    }

    #[test]
    fn a_large_head_counts_with_its_size() {
        let loads = [Arc::default(), Arc::default()];
        let begun = begin(&loads, 8 * CALL_BYTES, FEW, CALL_BYTES);
        assert!(begun.fits, "it counts four times as much as a call without a head");
        assert!(!begin(&loads, 8 * CALL_BYTES, FEW, 0).fits);
    }
}
