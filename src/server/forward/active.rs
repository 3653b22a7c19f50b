//! All connections to one active server.
//!
//! Short requests share connections, each up to [`CALLS_MAX`] calls at a time. Nobody there delays anybody
//! else: the active server lets at least half of its window for a connection be unread, which has room for
//! the whole requests of all these calls; and the window of this side has room for what all of them leave
//! unread of their replies. Other requests take a connection of their own, which the next one uses again.
//!
//! Each shared connection has a bundle beside its streams, if the active server takes bundles.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::bundle::Bundle;
use super::connect::{
    Calls, Lent, PeerTls, Target, Unreached, Windows, ask_for, connect, hello, open_bundle,
};
use super::counts::ForwardCounts;
use super::proof::{Headers, seconds};

/// Most calls of a shared connection, and most shared connections.
const CALLS_MAX: u32 = 32;
const SHARED_MAX: usize = 64;
/// Most connections for one call each.
const OWN_MAX: usize = 256;
/// How long a connection is kept without a call. The active server closes those that were idle for five
/// minutes.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How much a reply may be ahead of its caller, in bytes: enough for 64 MB/s at a millisecond's round trip.
const SHARED_WINDOW: u32 = 64 * 1024;
const OWN_WINDOW: u32 = 256 * 1024;
/// The window of a connection. h2 ends a connection if too many small frames wait on it to be read: half of
/// this window, with 256 bytes for each. What a caller leaves unread is limited by the window of its call.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
const SHARED: Windows = Windows { call: SHARED_WINDOW, connection: CONNECTION_WINDOW };
const OWN: Windows = Windows { call: OWN_WINDOW, connection: CONNECTION_WINDOW };
/// How often the active server is asked whether it still is that.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The active server, as long as it is the same one.
pub struct Active {
    pub target: Target,
    tls: PeerTls,
    counts: ForwardCounts,
    /// Once cancelled, all connections end at once.
    gone: CancellationToken,
    lines: Mutex<Lines>,
    /// Whether it takes bundles, as far as this server knows. An older server takes none.
    takes_bundles: AtomicBool,
    headers: Headers,
    /// Held while a shared connection is made, so that a rush of calls makes one.
    making: tokio::sync::Mutex<()>,
    /// How many could not be made. Those who waited for one do not each wait for another.
    failed: AtomicU64,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Lines {
    shared: Vec<Shared>,
    /// Connections for one call, without one now, and since when.
    idle: Vec<(Calls, OwnedSemaphorePermit, Instant)>,
}

struct Shared {
    calls: Calls,
    running: Arc<AtomicU32>,
    bundle: Option<Arc<Bundle>>,
}

/// A place on a connection; dropping it gives it back.
pub struct Held(Kind);

enum Kind {
    Shared(Arc<AtomicU32>),
    Own(Option<(Arc<Active>, Calls, OwnedSemaphorePermit)>),
}

impl Drop for Held {
    fn drop(&mut self) {
        match &mut self.0 {
            Kind::Shared(running) => {
                running.fetch_sub(1, Ordering::Relaxed);
            }
            Kind::Own(own) => {
                if let Some((active, calls, place)) = own.take().filter(|(_, calls, _)| !calls.is_closed()) {
                    active.lines().idle.push((calls, place, Instant::now()));
                }
            }
        }
    }
}

impl Active {
    /// Reaches the active server.
    pub async fn reach(
        target: Target,
        tls: PeerTls,
        counts: ForwardCounts,
    ) -> Result<(Arc<Self>, Calls), Unreached> {
        let gone = CancellationToken::new();
        let (making, places) = (tokio::sync::Mutex::default(), Arc::new(Semaphore::new(OWN_MAX)));
        let (lines, takes_bundles, headers) = (Mutex::default(), AtomicBool::new(true), Headers::default());
        let failed = AtomicU64::new(0);
        let active =
            Self { target, tls, counts, gone, lines, takes_bundles, headers, making, failed, places };
        let first = active.share().await?;
        let calls = first.calls.clone();
        active.lines().shared.push(first);
        Ok((Arc::new(active), calls))
    }

    /// The header for a call of this caller.
    pub fn forwarded(&self, caller: Option<IpAddr>) -> HeaderValue {
        self.headers.of(&self.target.key, caller, seconds())
    }

    /// Returns once the server does not prove any more that it is active. Calls that it has may still end
    /// well.
    pub async fn until_lost(&self, mut calls: Calls) -> Unreached {
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            self.forget_idle();
            if let Err(lost) = hello(&mut calls, &self.target).await {
                return lost;
            }
        }
    }

    /// Breaks off all calls: another server is active now.
    pub fn end(&self) {
        self.gone.cancel();
        self.lines().idle.clear();
    }

    /// Asks for a lease on a memberbase, on a connection of its own, which lasts as long as the lease.
    pub async fn ask_for(&self, base: &str, token: Option<HeaderValue>) -> Result<Option<Lent>, Unreached> {
        let mut calls = connect(&self.target, &self.tls, SHARED, &self.gone, &self.counts).await?;
        ask_for(&mut calls, &self.target, (base, token), seconds()).await
    }

    /// A place for a call.
    pub async fn take(self: &Arc<Self>, is_long: bool) -> Result<(Calls, Held), Unreached> {
        if is_long { self.take_own().await } else { self.take_shared().await }
    }

    /// A place in a bundle; `None` if the active server takes none.
    pub async fn take_bundled(&self) -> Result<Option<(Arc<Bundle>, Held)>, Unreached> {
        if !self.takes_bundles.load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.take_of_shared(Lines::free_bundle).await.map(Some)
    }

    async fn take_shared(&self) -> Result<(Calls, Held), Unreached> {
        self.take_of_shared(Lines::free).await
    }

    /// What a shared connection has free, perhaps a new one.
    async fn take_of_shared<T>(&self, free: fn(&mut Lines) -> Option<T>) -> Result<T, Unreached> {
        if let Some(taken) = free(&mut self.lines()) {
            return Ok(taken);
        }
        let failed = self.failed.load(Ordering::Relaxed);
        let _making = self.making.lock().await;
        // Another call may have made one, or have failed to.
        {
            let mut lines = self.lines();
            if let Some(taken) = free(&mut lines) {
                return Ok(taken);
            }
            if lines.shared.len() >= SHARED_MAX {
                return Err(Unreached::Full);
            }
        }
        if self.failed.load(Ordering::Relaxed) != failed {
            return Err(Unreached::Alike);
        }
        let line = self.share().await.inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
        })?;
        let mut lines = self.lines();
        lines.shared.push(line);
        // It has none only if it takes no bundles, or is lost already.
        free(&mut lines).ok_or(Unreached::Full)
    }

    /// A new connection for many calls.
    async fn share(&self) -> Result<Shared, Unreached> {
        let mut calls = connect(&self.target, &self.tls, SHARED, &self.gone, &self.counts).await?;
        let mut bundle = None;
        if self.takes_bundles.load(Ordering::Relaxed) {
            bundle = open_bundle(&mut calls, &self.target, seconds()).await?.map(Arc::new);
            self.takes_bundles.store(bundle.is_some(), Ordering::Relaxed);
        }
        Ok(Shared { calls, running: Arc::default(), bundle })
    }

    async fn take_own(self: &Arc<Self>) -> Result<(Calls, Held), Unreached> {
        let own =
            |active, calls: Calls, place| (calls.clone(), Held(Kind::Own(Some((active, calls, place)))));
        let idle = std::iter::from_fn(|| self.lines().idle.pop());
        let mut usable = idle.filter(|(calls, _, since)| !calls.is_closed() && since.elapsed() < IDLE_MAX);
        if let Some((calls, place, _)) = usable.next() {
            return Ok(own(Arc::clone(self), calls, place));
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Unreached::Full)?;
        let calls = connect(&self.target, &self.tls, OWN, &self.gone, &self.counts).await?;
        Ok(own(Arc::clone(self), calls, place))
    }

    fn forget_idle(&self) {
        self.lines().idle.retain(|(calls, _, since)| !calls.is_closed() && since.elapsed() < IDLE_MAX);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Nothing panics while it holds this lock.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// A place on the first connection that has one, so that those beyond what is needed become idle.
    fn free(&mut self) -> Option<(Calls, Held)> {
        self.shared.retain(|line| !line.calls.is_closed());
        let free = self.shared.iter().find(|line| line.running.load(Ordering::Relaxed) < CALLS_MAX)?;
        free.running.fetch_add(1, Ordering::Relaxed);
        Some((free.calls.clone(), Held(Kind::Shared(Arc::clone(&free.running)))))
    }

    /// A place in the first bundle that has one.
    fn free_bundle(&mut self) -> Option<(Arc<Bundle>, Held)> {
        self.shared.retain(|line| !line.calls.is_closed());
        self.shared.iter().filter_map(|line| line.bundle.as_ref()).find_map(|bundle| {
            let running = bundle.place()?;
            Some((Arc::clone(bundle), Held(Kind::Shared(running))))
        })
    }
}
