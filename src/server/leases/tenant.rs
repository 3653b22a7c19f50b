//! The memberbases that this server has, while it stands by.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::counts::LeaseCounts;
use super::names::{Named, Place, named, place};
use super::running::Call;
use super::shares::LEASES_MAX;
use super::tenancy::{OpenLease, Tenancy};
use super::uses::{LONG, Noted, STREAM, Uses};
use crate::directory::Incoming;
use crate::engine::Grant;
use crate::model::BaseNumber;
use crate::server::forward::{Forward, Lent, Read};
use crate::table::TableError;
use crate::tasks;

/// How long calls wait for those that were passed on before them. Streams may last for hours.
const END_WITHIN: Duration = Duration::from_millis(300);
/// How long calls wait at most while their memberbase is asked for.
const HOLD_WITHIN: Duration = Duration::from_secs(5);
/// The length of the id of a memberbase.
const ID_CHARS: usize = 29;

/// Opens a lease with what the active server granted.
pub type Open =
    Arc<dyn Fn(BaseNumber, Grant) -> BoxFuture<'static, Result<OpenLease, TableError>> + Send + Sync>;

/// See the module documentation. Clones are the same.
#[derive(Clone)]
pub struct Tenant(Arc<Inner>);

struct Inner {
    forward: Forward,
    open: Open,
    incoming: Incoming,
    counts: LeaseCounts,
    leases: Mutex<Leases>,
    /// Whether it may ask for further ones.
    asks: AtomicBool,
    /// No leases any more.
    ended: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Leases {
    serving: Vec<Arc<Tenancy>>,
    /// The ids of all that are asked for, are there, or are being given back; in lower case.
    asked: HashSet<String>,
    /// Those that are asked for. Calls about them wait until that is over.
    holding: HashMap<String, watch::Receiver<()>>,
    uses: Uses,
}

/// Where a call is served.
pub enum Claim {
    /// Here, by this lease.
    Here(Arc<Tenancy>, Call),
    /// Elsewhere. Its answer drops what comes with it.
    PassOn(Option<TaskTrackerToken>),
    /// That is being found out; then it is to be asked again.
    Wait(watch::Receiver<()>),
}

/// A memberbase that is asked for.
struct Asked {
    /// Its id, in lower case.
    base: String,
    /// What the caller has shown for whom it is asked.
    token: Option<HeaderValue>,
    /// The calls about it that were passed on.
    passing: TaskTracker,
}

/// Why a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The active server wants the memberbase back.
    Wanted,
    /// It is not used any more, or this server stops or has lost the active one.
    Over,
    /// The active server has taken it back by itself, or a write failed for good.
    Lost,
}

impl Tenant {
    /// No leases yet. `forward` reaches the active server, and `open` opens what that lends.
    pub fn new(forward: Forward, open: Open, incoming: Incoming, counts: LeaseCounts) -> Self {
        let (leases, ended, tasks) = (Mutex::default(), CancellationToken::new(), TaskTracker::new());
        let asks = AtomicBool::new(true);
        Self(Arc::new(Inner { forward, open, incoming, counts, leases, asks, ended, tasks }))
    }

    /// What this server passes calls on with.
    pub fn forward(&self) -> &Forward {
        &self.0.forward
    }

    /// Where a call is served. A memberbase whose calls are many is asked for.
    pub fn claim(&self, head: &Parts, read: &Read) -> Claim {
        let place = place(head.uri.path());
        let Some(named) = place.and_then(|place| named(place, &read.ahead)) else {
            return Claim::PassOn(None);
        };
        let mut leases = self.leases();
        let has = |tenancy: &&Arc<Tenancy>| match named {
            Named::Base(id) => tenancy.has_base(id),
            Named::Member(id) => tenancy.has_member(id),
        };
        if let Some(tenancy) = leases.serving.iter().find(has) {
            let Some(call) = tenancy.begin() else { return Claim::PassOn(None) };
            return Claim::Here(Arc::clone(tenancy), call);
        }
        match named {
            Named::Base(id) if id.len() == ID_CHARS && self.0.asks.load(Ordering::Relaxed) => {
                let weight = match place {
                    Some(Place::Options) => STREAM,
                    _ if read.is_long => LONG,
                    _ => 1,
                };
                self.pass_on(&mut leases, id.to_ascii_lowercase(), weight, head)
            }
            Named::Base(_) | Named::Member(_) => Claim::PassOn(None),
        }
    }

    /// Passes a call about a memberbase on, or has it wait if that is asked for.
    fn pass_on(&self, leases: &mut Leases, id: String, weight: u32, head: &Parts) -> Claim {
        if let Some(held) = leases.holding.get(&id).filter(|held| held.has_changed().is_ok()) {
            return Claim::Wait(held.clone());
        }
        match leases.uses.note(&id, weight, Instant::now()) {
            Some(Noted::Passes(token)) => Claim::PassOn(Some(token)),
            Some(Noted::Enough(passing))
                if leases.asked.len() < LEASES_MAX && !leases.asked.contains(&id) =>
            {
                let (hold, held) = watch::channel(());
                leases.asked.insert(id.clone());
                leases.holding.insert(id.clone(), held.clone());
                let asked = Asked { base: id, token: head.headers.get(AUTHORIZATION).cloned(), passing };
                tasks::for_caller(self.0.tasks.track_future(self.clone().have(asked, hold)));
                Claim::Wait(held)
            }
            Some(Noted::Enough(passing)) => Claim::PassOn(Some(passing.token())),
            None => Claim::PassOn(None),
        }
    }

    /// Gives all leases back, and asks for none any more. Returns once they are given back.
    pub async fn end(&self) {
        self.stop_asking();
        self.0.ended.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Asks for no further lease: this server stops.
    pub fn stop_asking(&self) {
        self.0.asks.store(false, Ordering::Relaxed);
    }

    /// Has a memberbase, from asking for it to giving it back. Calls about it wait as long as `hold` is there.
    async fn have(self, asked: Asked, hold: watch::Sender<()>) {
        let mut hold = Some(hold);
        let begun = {
            let mut beginning = pin!(self.begin(&asked));
            match tokio::time::timeout(HOLD_WITHIN, beginning.as_mut()).await {
                Ok(begun) => begun,
                // Calls are passed on meanwhile, so the memberbase is wanted back as soon as it is here. It is
                // opened to the end all the same: what is dropped in the middle is away for a term.
                Err(_) => {
                    self.release(&asked.base, hold.take());
                    beginning.await
                }
            }
        };
        let lasted = match begun {
            Some((tenancy, lent)) => {
                self.leases().serving.push(Arc::clone(&tenancy));
                self.release(&asked.base, hold.take());
                let begun = Instant::now();
                self.serve(tenancy, lent).await;
                Some(begun.elapsed())
            }
            None => {
                self.release(&asked.base, hold.take());
                self.0.counts.refused.inc();
                None
            }
        };
        let mut leases = self.leases();
        leases.asked.remove(&asked.base);
        leases.uses.ended(&asked.base, lasted, Instant::now());
    }

    /// Lets the calls about a memberbase go on that wait.
    fn release(&self, base: &str, hold: Option<watch::Sender<()>>) {
        if hold.is_some() {
            self.leases().holding.remove(base);
        }
    }

    /// Asks for a memberbase and opens it.
    async fn begin(&self, Asked { base, token, passing }: &Asked) -> Option<(Arc<Tenancy>, Lent)> {
        // Calls that were passed on keep it at the active server.
        passing.close();
        let have_ended = tokio::time::timeout(END_WITHIN, passing.wait()).await.is_ok();
        passing.reopen();
        if !have_ended {
            return None;
        }
        let asking = self.0.forward.ask_for(base, token.clone());
        let lent = self.0.ended.run_until_cancelled(asking).await.flatten()?;
        let number = BaseNumber(lent.lease);
        match (self.0.open)(number, lent.grant).await {
            Ok(opened) => {
                tracing::info!(base = number.0, "this server has a memberbase for itself");
                let calls = self.0.counts.calls.clone();
                let tenancy = Tenancy::new(base.clone(), number, opened, &self.0.incoming, calls);
                Some((Arc::new(tenancy), lent))
            }
            Err(error) => {
                tracing::warn!(base = number.0, %error, "a memberbase that was lent could not be opened");
                None
            }
        }
    }

    /// Serves a memberbase until its lease ends, and gives it back.
    async fn serve(&self, tenancy: Arc<Tenancy>, mut lent: Lent) {
        let counts = &self.0.counts;
        counts.granted.inc();
        counts.held.inc();
        let end = tokio::select! {
            piece = lent.wanted.frame() => if matches!(piece, Some(Ok(_))) { End::Wanted } else { End::Over },
            _ = tenancy.tenure().lost() => End::Lost,
            () = tenancy.until_unused() => End::Over,
            () = tenancy.until_unfit() => End::Wanted,
            () = self.0.ended.cancelled() => End::Over,
        };
        self.leases().serving.retain(|other| !Arc::ptr_eq(other, &tenancy));
        let given_back = tenancy.end().await;
        counts.held.dec();
        match end {
            End::Wanted => counts.wanted.inc(),
            End::Over => counts.ended.inc(),
            End::Lost => counts.lost.inc(),
        };
        match given_back {
            Ok(()) => tracing::info!(base = lent.lease, ?end, "a memberbase was given back"),
            Err(error) => {
                tracing::warn!(base = lent.lease, ?end, %error, "a memberbase was not given back cleanly")
            }
        }
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        // Nothing panics while it holds this lock.
        self.0.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
