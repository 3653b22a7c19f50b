//! Limits the number of connections, in total and for each peer, and chooses which one to close for a new
//! one.
//!
//! - There are never more connections than [`Room::total`], and never more from one peer than
//!   [`Room::per_peer`]. The total leaves enough descriptors for the store, which can neither read nor write
//!   without them.
//! - A connection with a running call is never closed for a new one. Of the others, the one that has been
//!   idle for longest is closed: of the same peer if that has reached its limit, otherwise of the peer with
//!   the most connections. So a peer that only holds connections open cannot lock out others.
//! - Such a connection is closed at once, without a graceful shutdown: a silent peer would not respond, and
//!   the new connection waits.
//! - The memory of their calls is limited too, see [`load`].
//!
//! Time is passed in, as the time since a moment that is the same for all calls.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

mod load;

use self::load::Load;
pub use self::load::{Begun, Crowded};

/// How many connections may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In total.
    pub total: usize,
    /// From one address.
    pub per_peer: usize,
    /// The memory that their calls may take together, in bytes.
    pub call_bytes: usize,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its peer has reached its limit, and all its connections have running calls.
    Peer,
}

/// The open connections.
#[derive(Debug)]
pub struct Places {
    room: Room,
    /// The memory of all their calls.
    load: Arc<Load>,
    open: Mutex<Open>,
    /// Notified when a connection ends or becomes idle.
    freed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Arc<State>>,
    by_peer: HashMap<IpAddr, OfPeer>,
}

/// The connections of one peer.
#[derive(Debug, Default)]
struct OfPeer {
    connections: usize,
    /// The memory of their calls.
    load: Arc<Load>,
}

/// The state of one connection.
#[derive(Debug)]
struct State {
    peer: IpAddr,
    calls: AtomicUsize,
    /// The memory of the calls of all connections, and of those of its peer; `call_bytes` is the limit.
    loads: [Arc<Load>; 2],
    call_bytes: usize,
    /// When its last call ended, or else when it began, in microseconds.
    idle_since: AtomicU64,
    /// Tells its task to close it.
    gives_way: CancellationToken,
    freed: Arc<Notify>,
}

impl Places {
    /// No connections yet.
    #[must_use]
    pub fn new(room: Room) -> Arc<Self> {
        Arc::new(Self { room, load: Arc::default(), open: Mutex::default(), freed: Arc::default() })
    }

    /// Waits for a place for a connection of `peer`. Closes an idle connection for it if necessary.
    pub async fn take(self: &Arc<Self>, peer: IpAddr, now: Duration) -> Result<Taken, Refused> {
        let mut made_room = false;
        loop {
            let freed = self.freed.notified();
            {
                let mut open = self.open();
                let of_peer = open.by_peer.get(&peer).map_or(0, |of_peer| of_peer.connections);
                let is_full = open.places.len() >= self.room.total;
                if of_peer < self.room.per_peer && !is_full {
                    return Ok(Taken { place: self.enter(&mut open, peer, now), made_room });
                }
                let of = (of_peer >= self.room.per_peer).then_some(peer);
                if !open.is_leaving(of) {
                    match open.longest_idle(of) {
                        Some(idle) => {
                            idle.gives_way.cancel();
                            made_room = true;
                        }
                        None if of.is_some() => return Err(Refused::Peer),
                        // All connections have running calls: wait until one becomes idle.
                        None => {}
                    }
                }
            }
            freed.await;
        }
    }

    fn enter(self: &Arc<Self>, open: &mut Open, peer: IpAddr, now: Duration) -> Place {
        let number = open.next;
        open.next += 1;
        let of_peer = open.by_peer.entry(peer).or_default();
        of_peer.connections += 1;
        let state = Arc::new(State {
            peer,
            calls: AtomicUsize::new(0),
            loads: [Arc::clone(&self.load), Arc::clone(&of_peer.load)],
            call_bytes: self.room.call_bytes,
            idle_since: AtomicU64::new(micros(now)),
            gives_way: CancellationToken::new(),
            freed: Arc::clone(&self.freed),
        });
        open.places.insert(number, Arc::clone(&state));
        Place { places: Arc::clone(self), number, state }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds this lock, and the maps agree between any two statements.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The peer with the most connections.
    fn busiest(&self) -> Option<IpAddr> {
        self.by_peer.iter().max_by_key(|(_, of_peer)| of_peer.connections).map(|(peer, _)| *peer)
    }

    /// Whether a connection (of this peer, if given) is to close and has not ended yet.
    fn is_leaving(&self, of: Option<IpAddr>) -> bool {
        self.of(of).any(|state| state.gives_way.is_cancelled())
    }

    /// The connection that has been idle for longest: of this peer if given, otherwise of the peer with the
    /// most connections or, if all of these have calls, of any peer.
    fn longest_idle(&self, of: Option<IpAddr>) -> Option<&Arc<State>> {
        let idle = |state: &&Arc<State>| state.calls.load(Ordering::Acquire) == 0;
        let longest =
            |of| self.of(of).filter(idle).min_by_key(|state| state.idle_since.load(Ordering::Relaxed));
        longest(of.or_else(|| self.busiest())).or_else(|| longest(of))
    }

    fn of(&self, peer: Option<IpAddr>) -> impl Iterator<Item = &Arc<State>> {
        self.places.values().filter(move |state| peer.is_none_or(|peer| state.peer == peer))
    }
}

/// A place for a connection.
#[derive(Debug)]
pub struct Taken {
    /// The place.
    pub place: Place,
    /// Whether another connection was closed for it.
    pub made_room: bool,
}

/// The place of one connection; dropping it gives it up.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    state: Arc<State>,
}

impl Place {
    /// Ends when the connection must be closed to make room.
    pub async fn gives_way(&self) {
        self.state.gives_way.cancelled().await;
    }

    /// How long it has been without a call; none while it has one.
    #[must_use]
    pub fn idle(&self, now: Duration) -> Option<Duration> {
        let since = Duration::from_micros(self.state.idle_since.load(Ordering::Relaxed));
        (self.state.calls.load(Ordering::Acquire) == 0).then(|| now.saturating_sub(since))
    }

    /// The counter for the calls of the connection.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls(Arc::clone(&self.state))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open();
        open.places.remove(&self.number);
        if let Some(of_peer) = open.by_peer.get_mut(&self.state.peer) {
            of_peer.connections -= 1;
            if of_peer.connections == 0 {
                open.by_peer.remove(&self.state.peer);
            }
        }
        drop(open);
        self.places.freed.notify_waiters();
    }
}

/// Counts the calls of one connection. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Calls(Arc<State>);

impl Calls {
    /// Begins a call with a head of this many bytes. It ends with [`Calls::end`].
    pub fn begin(&self, head_bytes: usize) -> Begun {
        let before = self.0.calls.fetch_add(1, Ordering::AcqRel);
        load::begin(&self.0.loads, self.0.call_bytes, before, head_bytes)
    }

    /// A call has ended.
    pub fn end(&self, begun: Begun, now: Duration) {
        load::end(&self.0.loads, begun);
        self.0.idle_since.store(micros(now), Ordering::Relaxed);
        if self.0.calls.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.freed.notify_waiters();
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
