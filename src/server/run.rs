//! Starts and stops a server.

use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept::{self, Connections};
use super::admin::{Admin, Labelled, Page};
use super::connections::{Tls, descriptors};
use super::error::ServeError;
use super::forward::{Callers, Forward, ForwardCounts, PeerTls};
use super::front::{Around, Elsewhere, Front};
use super::leases::{LeaseCounts, Lessor, Tenant};
use super::log::{self, Log};
use super::metrics::CallMetrics;
use super::opening::open;
use super::otlp::{SpanCounters, Spans};
use super::recent;
use super::refusals::Refusals;
use super::standby::stand_by;
use super::store::{self, Opened, StoreMetrics};
use super::tenure::{Shown, Tenure};
use crate::api::http::console;
use crate::config::units::{Bytes, Time};
use crate::config::{Config, Origins};
use crate::directory::{Gate, Incoming, Runner};
use crate::model::origin::Door;
use crate::table::Table;
use crate::tasks;

/// Fewest worker threads. Reads may block them while they wait for the disk.
const WORKERS_MIN: usize = 4;

/// The exit code of a server whose store another server took over: a supervisor starts it again, and it
/// stands by.
const EXIT_LOST: i32 = 75;

/// How many worker threads a runtime should have on this many cores.
#[must_use]
pub fn worker_threads(cores: usize) -> usize {
    WORKERS_MIN.max(2 * cores)
}

/// Serves until a signal stops the process. `notes` are warnings about the settings, for the log.
pub async fn serve(config: Config, notes: &[String]) -> Result<(), ServeError> {
    let log = log::start(config.log, config.log_format)?;
    notes.iter().for_each(|note| tracing::warn!("{note}"));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut signalled = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let (stop, said) = (CancellationToken::new(), Once::new());
    // If standard output is closed, the server runs all the same.
    let say = move |address: SocketAddr, is_encrypted: bool| {
        let scheme = if is_encrypted { "https" } else { "http" };
        said.call_once(|| drop(writeln!(std::io::stdout(), "listening on {scheme}://{address}")));
    };
    let mut starting = pin!(start_until(config, &stop, Arc::new(say)));
    let running = tokio::select! {
        running = &mut starting => running?,
        () = signalled() => {
            stop.cancel();
            tokio::select! {
                running = &mut starting => running?,
                () = signalled() => exit(log, 1),
            }
        }
    };
    // It was stopped while it stood by or opened the store.
    let Some(running) = running else { exit(log, 0) };
    if stop.is_cancelled() {
        return running.stop().await;
    }
    if !running.gate.has_tokens() {
        let who = if running.address.ip().is_loopback() { "on this machine" } else { "who can connect" };
        tracing::warn!("no token has been created yet: everybody {who} may read and change everything");
    }
    let tenure = running.tenure.clone();
    let why = tokio::select! {
        why = tenure.lost() => why,
        () = signalled() => {
            tracing::info!("stopping; a second signal exits immediately");
            tokio::select! {
                result = running.stop() => return result,
                () = signalled() => exit(log, 1),
                why = tenure.lost() => why,
            }
        }
    };
    // What is in memory may be old, and nothing can be written any more.
    tracing::error!(
        why,
        "another server may own the store: this one ends at once, with exit code {EXIT_LOST}"
    );
    exit(log, EXIT_LOST)
}

/// Writes the last lines of the log and ends the process, although something is still running.
fn exit(log: Log, code: i32) -> ! {
    drop(log);
    std::process::exit(code)
}

/// A running server.
pub struct Running {
    address: SocketAddr,
    table: Arc<Table>,
    tenure: Tenure,
    gate: Gate,
    front: Front,
    connections: Connections,
    admin: Admin,
    jobs: Runner,
    spans: Spans,
    drain_pause: Duration,
    grace: Duration,
}

/// Starts a server in this process, and returns once its store is open.
pub async fn start(config: Config) -> Result<Running, ServeError> {
    let never = CancellationToken::new();
    match start_until(config, &never, Arc::new(|_, _| {})).await? {
        Some(running) => Ok(running),
        None => std::future::pending().await,
    }
}

/// Called with the address, and whether it is encrypted, once requests are answered.
type Say = Arc<dyn Fn(SocketAddr, bool) + Send + Sync>;

/// The same, until `stop`: then it ends the calls that it passes on as a stop does, and nothing is left
/// running.
async fn start_until(
    config: Config,
    stop: &CancellationToken,
    say: Say,
) -> Result<Option<Running>, ServeError> {
    let address = config.listen;
    let tls = Tls::load(&config)?;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr()?;
    let metrics = CallMetrics::new(config.access_log, tls.is_some());
    let store_metrics = StoreMetrics::default();
    let span_counters = SpanCounters::default();
    let spans = Spans::start(config.otlp.clone(), &span_counters)?;
    let connections = Connections {
        tracker: TaskTracker::new(),
        stopping: CancellationToken::new(),
        cut: CancellationToken::new(),
        refusals: Refusals::new(metrics.clone()),
        stall_after: config.stall_after,
        metrics,
        callers: Callers::default(),
        origins: Arc::new(config.web_origins.clone()),
        recorder: spans.recorder.clone(),
    };
    let incoming = Incoming::new(store::incoming_bytes(&config), config.stall_after);
    let encrypted = tls.is_some();
    let counts = recent::recent(connections.metrics.clone(), store_metrics.table.clone());
    let console =
        (!config.no_console).then(|| console::Settings { is_encrypted: encrypted, recent: counts.clone() });
    if console.is_some() {
        let follow = connections.stopping.clone().run_until_cancelled_owned(recent::follow(counts));
        tasks::vital("recent", connections.tracker.track_future(follow));
    }
    let forward_counts = ForwardCounts::default();
    let forward = config
        .advertise
        .as_ref()
        .map(|_| Forward::new(PeerTls::of(&config), forward_counts.clone(), config.stall_after));
    let lease_counts = LeaseCounts::default();
    let tenant = forward.clone().filter(|_| config.lease_memberbases).map(|forward| {
        let open = store::lease_opener(&config, &store_metrics);
        Tenant::new(forward, open, incoming.clone(), lease_counts.clone())
    });
    let around = Around {
        on_loopback: address.ip().is_loopback(),
        lets_all_in: config.insecure_no_auth,
        console,
        elsewhere: Elsewhere::new(connections.callers.clone(), forward.clone(), tenant.clone()),
    };
    let front = Front::new(around, incoming.clone()).await?;
    let page = Page {
        calls: connections.metrics.clone(),
        spans: span_counters,
        table: store_metrics.table.clone(),
        backing: store_metrics.backing.clone(),
        tenure: Shown::default(),
        forward: forward_counts,
        leases: lease_counts,
        incoming,
        health: front.health().clone(),
        store: OnceLock::new(),
        labelled: Labelled::new(config.metrics_bases),
    };
    let admin = Admin::start(config.admin_listen, page, config.stall_after).await?;
    let room = accept::room(descriptors::raise(), config.connections_per_peer, store::call_bytes(&config));
    log_settings(&config, address, admin.address, room.total);
    let refusals = connections.refusals.clone().follow(connections.stopping.clone());
    tasks::vital("refusals", connections.tracker.track_future(refusals));
    if let Some(tls) = tls.clone() {
        let follow = tls.follow(connections.stopping.clone());
        tasks::vital("certificates", connections.tracker.track_future(follow));
    }
    let accept = accept::run(listener, room, tls, front.clone(), connections.clone());
    tasks::vital("accept", connections.tracker.track_future(accept));
    let say_so = Arc::clone(&say);
    let reached = move || say_so(address, encrypted);
    tasks::vital("forward", front.clone().follow_active(reached));
    let (telling, told) = watch::channel(None);
    let tell = move |standing| drop(telling.send_replace(Some(standing)));
    let opened = tokio::select! {
        opened = open(&config, address, &store_metrics, &tell) => opened,
        never = stand_by(&front, forward.as_ref(), told) => match never {},
        // An interrupted open does no harm; waiting for it could take minutes.
        () = stop.cancelled() => {
            if forward.is_some() {
                tracing::info!("stopping; a second signal exits immediately");
                drain(&front, &connections, config.drain_pause, config.grace).await;
            }
            end_leases(tenant.as_ref()).await;
            return Ok(None);
        }
    };
    match opened {
        Ok(Opened { table, tenure, peers }) => {
            admin.show(&table, &tenure);
            if let Some(key) = peers {
                connections.callers.begin(key);
            }
            // This server has the whole store now: what it had of it goes back.
            end_leases(tenant.as_ref()).await;
            let gate = Gate::new(Arc::clone(&table), Door::System);
            let lessor = config.lease_memberbases.then(|| Lessor {
                table: Arc::clone(&table),
                gate: gate.at(Door::Grpc),
                callers: connections.callers.clone(),
                tenure: tenure.clone(),
                stopping: connections.stopping.clone(),
            });
            front.serve(&gate, &tenure, store::body_bytes(&config), &connections.stopping, lessor).await;
            tasks::vital("health", front.health().clone().follow(Arc::downgrade(&table)));
            let jobs = Runner::start(&table);
            let Config { drain_pause, grace, .. } = config;
            say(address, encrypted);
            Ok(Some(Running {
                address,
                table,
                tenure,
                gate,
                front,
                connections,
                admin,
                jobs,
                spans,
                drain_pause,
                grace,
            }))
        }
        Err(error) => {
            end_leases(tenant.as_ref()).await;
            connections.stopping.cancel();
            connections.cut.cancel();
            admin.stop();
            Err(error)
        }
    }
}

async fn end_leases(tenant: Option<&Tenant>) {
    if let Some(tenant) = tenant {
        tenant.end().await;
    }
}

/// Tells probes that the server stops, goes on serving for the pause in which load balancers notice that, and
/// lets running calls finish within the grace period.
async fn drain(front: &Front, connections: &Connections, pause: Duration, grace: Duration) {
    front.stop_serving().await;
    tokio::time::sleep(pause).await;
    connections.stopping.cancel();
    connections.tracker.close();
    if tokio::time::timeout(grace, connections.tracker.wait()).await.is_err() {
        tracing::warn!("the grace period is over; ending the calls that still run");
        connections.cut.cancel();
        connections.tracker.wait().await;
    }
}

/// Logs the version and the settings: the first thing to look at when something is wrong.
fn log_settings(config: &Config, address: SocketAddr, admin: Option<SocketAddr>, connections: usize) {
    let web_origins = match &config.web_origins {
        Origins::None => "off".to_owned(),
        origins => origins.to_string(),
    };
    if config.web_origins == Origins::Any {
        tracing::warn!("web-origins is *: any web page may make gRPC-Web calls with a token that it has");
    }
    let admin = admin.map_or("off".to_owned(), |admin| admin.to_string());
    let tls = match (&config.tls_cert, &config.tls_client_ca) {
        (None, _) => "off",
        (Some(_), None) => "on",
        (Some(_), Some(_)) => "on, clients must show a certificate",
    };
    let data = config.store.is_none().then(|| tracing::field::display(config.data.display()));
    let store = config.store.as_ref().map(tracing::field::display);
    let advertise = config.advertise.as_ref().map(tracing::field::display);
    tracing::info!(
        version = crate::VERSION,
        data,
        store,
        advertise,
        %address,
        admin,
        tls,
        web_origins,
        memory = %Bytes(config.memory),
        reserve = %Bytes(config.reserve),
        body_limit = %Bytes(u64::try_from(store::body_bytes(config)).unwrap_or(u64::MAX)),
        request_room = %Bytes(config.request_room),
        job_room = %Bytes(config.job_room),
        drain_pause = %Time(config.drain_pause),
        grace = %Time(config.grace),
        stall_after = %Time(config.stall_after),
        connections,
        "starting"
    );
}

impl Running {
    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until another server may own the store, and says why. Nothing is answered from then on.
    pub async fn lost(&self) -> String {
        self.tenure.lost().await
    }

    /// The address of metrics and probes, if it is served.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.address
    }

    /// Tells probes that the server stops, goes on serving for the pause in which load balancers notice that,
    /// lets running calls finish within the grace period, and closes the store.
    pub async fn stop(self) -> Result<(), ServeError> {
        let Self { table, front, connections, admin, jobs, spans, drain_pause, grace, .. } = self;
        drain(&front, &connections, drain_pause, grace).await;
        jobs.stop().await;
        connections.refusals.log();
        let (closed, ()) = tokio::join!(table.close(), spans.stop());
        let closed = closed.map_err(ServeError::Close);
        admin.stop();
        closed
    }
}
