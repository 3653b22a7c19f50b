//! Starts and stops a server.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
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
use super::front::Front;
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
    let running = tokio::select! {
        running = start(config) => running?,
        // Nothing was acknowledged yet, and an interrupted open does no harm; waiting for it could take
        // minutes.
        () = signalled() => exit(log, 0),
    };
    if !running.gate.has_tokens() {
        let who = if running.address.ip().is_loopback() { "on this machine" } else { "who can connect" };
        tracing::warn!("no token has been created yet: everybody {who} may read and change everything");
    }
    // If standard output is closed, the server runs all the same.
    let scheme = if running.encrypted { "https" } else { "http" };
    let _ = writeln!(std::io::stdout(), "listening on {scheme}://{}", running.address());
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
    encrypted: bool,
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

/// Starts a server in this process, and returns once it serves requests.
pub async fn start(config: Config) -> Result<Running, ServeError> {
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
    let front = Front::new(address.ip().is_loopback(), console, incoming.clone()).await?;
    let page = Page {
        calls: connections.metrics.clone(),
        spans: span_counters,
        table: store_metrics.table.clone(),
        backing: store_metrics.backing.clone(),
        tenure: Shown::default(),
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
    let (telling, told) = watch::channel(None);
    let tell = move |standing| drop(telling.send_replace(Some(standing)));
    let opened = tokio::select! {
        opened = open(&config, address, &store_metrics, &tell) => opened,
        never = stand_by(&front, told) => match never {},
    };
    match opened {
        Ok(Opened { table, tenure }) => {
            admin.show(&table, &tenure);
            let gate = Gate::new(Arc::clone(&table), Door::System);
            front.serve(&gate, &tenure, store::body_bytes(&config), &connections.stopping).await;
            tasks::vital("health", front.health().clone().follow(Arc::downgrade(&table)));
            let jobs = Runner::start(&table);
            let Config { drain_pause, grace, .. } = config;
            Ok(Running {
                address,
                encrypted,
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
            })
        }
        Err(error) => {
            connections.stopping.cancel();
            connections.cut.cancel();
            admin.stop();
            Err(error)
        }
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
    tracing::info!(
        version = crate::VERSION,
        data,
        store,
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
        front.stop_serving().await;
        tokio::time::sleep(drain_pause).await;
        connections.stopping.cancel();
        connections.tracker.close();
        if tokio::time::timeout(grace, connections.tracker.wait()).await.is_err() {
            tracing::warn!("the grace period is over; ending the calls that still run");
            connections.cut.cancel();
            connections.tracker.wait().await;
        }
        jobs.stop().await;
        connections.refusals.log();
        let (closed, ()) = tokio::join!(table.close(), spans.stop());
        let closed = closed.map_err(ServeError::Close);
        admin.stop();
        closed
    }
}
