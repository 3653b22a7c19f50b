//! Starting, serving and stopping: the only file that knows every layer.
//!
//! The order is bind, open, build, serve. The port answers health checks (NOT_SERVING) while the store opens, which can
//! take a while after a crash; every other call is UNAVAILABLE until then. Stopping goes the other way: health
//! NOT_SERVING, no new connections, calls under way are finished within the grace period, the store is closed.

mod accept;
pub mod backup;
mod calls;
mod descriptors;
#[cfg(test)]
mod failing;
mod first_bytes;
mod front;
mod give_back;
mod health;
mod home;
mod log;
mod places;
mod refusals;
mod stall;
mod store;
mod tls;
mod tokens;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::accept::Connections;
use self::front::Front;
use self::log::Log;
use self::refusals::Refusals;
use self::tls::Tls;
pub use self::tls::TlsError;
pub use self::tokens::{Wanted as WantedToken, create_token, is_store, list_tokens, revoke_token};
use crate::config::units::{Bytes, Time};
use crate::config::{Config, EngineKind};
use crate::directory::{Error, Gate, Incoming};
use crate::engine::sled::SledConfig;
use crate::model::origin::Door;
use crate::table::{AuditReport, EngineError, RefoldReport, Table, TableError};
use crate::tasks;

/// Fewest worker threads: reads may wait for the disk on them.
const WORKERS_MIN: usize = 4;

/// The rights of a folder that anybody but its owner has.
const OTHERS: u32 = 0o077;

/// Why a server could not start, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{}{}", opening(data, source), advice(source))]
    Open {
        /// The data directory.
        data: String,
        /// Why.
        source: TableError,
    },
    /// The store could not be closed in order. What was acknowledged is safe all the same.
    #[error(
        "cannot close the store in order: {0}; nothing that was acknowledged is lost, the next start replays the log"
    )]
    Close(TableError),
    /// Other machines would be served although callers need no token.
    #[error(
        "{address} can be reached from other machines, and no token was made yet, so that everybody who reaches it could \
         read and change everything; make the first token with `memberbase token create --access admin --data {data}{new}`, \
         or, to serve it all the same, give --insecure-no-auth"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// The data directory.
        data: String,
        /// What makes it, where it is not there yet.
        new: &'static str,
    },
    /// A token cannot be made, listed or revoked.
    #[error("{0}")]
    Token(Error),
    /// A backup cannot be made, read or restored, or a store cannot be looked at.
    #[error(transparent)]
    Backup(#[from] EngineError),
    /// The moment to restore to is none that the backup has.
    #[error("{0}")]
    Until(String),
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The descriptors of the services cannot be served.
    #[error("cannot offer reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The runtime or the signals cannot be set up.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl ServeError {
    /// Whether a folder was named that is not what it would have to be.
    #[must_use]
    pub fn is_wrong_folder(&self) -> bool {
        matches!(
            self,
            Self::Backup(EngineError::WrongFolder(_))
                | Self::Open { source: TableError::Engine(EngineError::WrongFolder(_)), .. }
        )
    }
}

/// That the store cannot be opened, and why.
fn opening(data: &str, error: &TableError) -> String {
    match error {
        // It names the directory itself.
        TableError::Engine(error @ (EngineError::InUse(_) | EngineError::WrongFolder(_))) => {
            error.to_string()
        }
        error => format!("cannot open the data directory {data}: {error}"),
    }
}

/// What to do when the store cannot be opened.
fn advice(error: &TableError) -> &'static str {
    match error {
        TableError::Engine(EngineError::Corrupt { .. }) => {
            "; leave the directory as it is: `memberbase check` lists all that is damaged, and `memberbase restore` brings \
             back a backup"
        }
        _ => "",
    }
}

/// Opens the store that nobody serves, as a start does, audits everything in it and closes it again. `progress` is told
/// what goes on.
pub async fn check(config: &Config, progress: &(dyn Fn(String) + Sync)) -> Result<AuditReport, ServeError> {
    let open = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::check(config, progress).await.map_err(open)
}

/// Opens the store that nobody serves, gives it the newest rule of comparing e-mail addresses unless members would become
/// one by it, and closes it again. `progress` is told what goes on.
pub async fn refold(config: &Config, progress: &(dyn Fn(String) + Sync)) -> Result<RefoldReport, ServeError> {
    let open = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::refold(config, progress).await.map_err(open)
}

/// Threads that a runtime should have to serve well on so many cores.
#[must_use]
pub fn worker_threads(cores: usize) -> usize {
    WORKERS_MIN.max(2 * cores)
}

/// Serves until a signal stops it: the whole life of the process. `notes` on the settings go into the log.
pub async fn serve(config: Config, notes: &[String]) -> Result<(), ServeError> {
    let log = log::start(config.log)?;
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
        // Nothing was acknowledged yet, and an open that is cut short harms nothing; waiting for it could take minutes.
        () = signalled() => exit(log, 0),
    };
    if !running.gate.has_tokens() {
        let who = if running.address.ip().is_loopback() { "on this machine" } else { "who reaches it" };
        tracing::warn!("no token was made yet: everybody {who} may read and change everything");
    }
    // A closed standard output is no reason to stop.
    let scheme = if running.encrypted { "https" } else { "http" };
    let _ = writeln!(std::io::stdout(), "listening on {scheme}://{}", running.address());
    signalled().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        result = running.stop() => result,
        () = signalled() => exit(log, 1),
    }
}

/// Ends the process although something is under way, after the last lines of the log.
fn exit(log: Log, code: i32) -> ! {
    drop(log);
    std::process::exit(code)
}

/// A server that serves.
pub struct Running {
    address: SocketAddr,
    encrypted: bool,
    table: Arc<Table>,
    gate: Gate,
    front: Front,
    connections: Connections,
    grace: Duration,
}

/// Starts a server in this process, and returns once it serves.
pub async fn start(config: Config) -> Result<Running, ServeError> {
    let address = config.listen;
    let tls = Tls::load(&config)?;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr()?;
    let connections = Connections {
        tracker: TaskTracker::new(),
        stopping: CancellationToken::new(),
        cut: CancellationToken::new(),
        refusals: Refusals::default(),
        stall_after: config.stall_after,
    };
    let incoming = Incoming::new(store::incoming_bytes(&config), config.stall_after);
    let front = Front::new(address.ip().is_loopback(), incoming).await?;
    let encrypted = tls.is_some();
    let room = accept::room(descriptors::raise(), config.connections_per_peer, store::call_bytes(&config));
    introduce(&config, address, room.total);
    let refusals = connections.refusals.clone().follow(connections.stopping.clone());
    tasks::vital("refusals", connections.tracker.track_future(refusals));
    if let Some(tls) = tls.clone() {
        let follow = tls.follow(connections.stopping.clone());
        tasks::vital("certificates", connections.tracker.track_future(follow));
    }
    let accept = accept::run(listener, room, tls, front.clone(), connections.clone());
    tasks::vital("accept", connections.tracker.track_future(accept));
    match open(&config, address).await {
        Ok(table) => {
            let gate = Gate::new(Arc::clone(&table), Door::System);
            front.serve(&gate, store::body_bytes(&config), &connections.stopping).await;
            tasks::vital("health", front.health().clone().follow(Arc::downgrade(&table)));
            Ok(Running { address, encrypted, table, gate, front, connections, grace: config.grace })
        }
        Err(error) => {
            connections.stopping.cancel();
            connections.cut.cancel();
            Err(error)
        }
    }
}

/// Says in the log what starts: the first thing to look at when something is wrong.
fn introduce(config: &Config, address: SocketAddr, connections: usize) {
    let tls = match (&config.tls_cert, &config.tls_client_ca) {
        (None, _) => "off",
        (Some(_), None) => "on",
        (Some(_), Some(_)) => "on, clients must show a certificate",
    };
    tracing::info!(
        version = crate::VERSION,
        data = %config.data.display(),
        %address,
        tls,
        memory = %Bytes(config.memory),
        reserve = %Bytes(config.reserve),
        body_limit = %Bytes(u64::try_from(store::body_bytes(config)).unwrap_or(u64::MAX)),
        request_room = %Bytes(config.request_room),
        grace = %Time(config.grace),
        stall_after = %Time(config.stall_after),
        connections,
        "starting"
    );
}

/// Tells who else may read the data directory. Only once it is one: nothing is advised on the folders of others.
fn look_at_rights(data: &Path) {
    if std::fs::metadata(data).is_ok_and(|folder| folder.mode() & OTHERS != 0) {
        let data = data.display();
        tracing::warn!(%data, "other users of this machine may read the data directory; close it with chmod 700");
    }
}

/// Opens the store of `config`, for a server and for tools that work without one.
pub async fn open_store(config: &Config) -> Result<Arc<Table>, ServeError> {
    let cannot = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::open(config).await.map_err(cannot)
}

/// Opens the store, unless callers from other machines would need no token to get at it.
async fn open(config: &Config, address: SocketAddr) -> Result<Arc<Table>, ServeError> {
    let is_safe = address.ip().is_loopback() || config.insecure_no_auth;
    let exposed = |new| ServeError::Exposed { address, data: config.data.display().to_string(), new };
    // A store that is not there has no tokens, and is not made to find that out.
    let cannot = |source: EngineError| ServeError::Open {
        data: config.data.display().to_string(),
        source: source.into(),
    };
    let is_sled = config.engine == EngineKind::Sled;
    if !is_safe && is_sled && SledConfig::new(&config.data).is_new().map_err(cannot)? {
        return Err(exposed(" --new-store"));
    }
    let table = open_store(config).await?;
    if is_sled {
        look_at_rights(&config.data);
    }
    if is_safe || table.tokens().any() {
        return Ok(table);
    }
    table.close().await.map_err(ServeError::Close)?;
    Err(exposed(""))
}

impl Running {
    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops in order: finishes what is under way, within the grace period, and closes the store.
    pub async fn stop(self) -> Result<(), ServeError> {
        let Self { table, front, connections, grace, .. } = self;
        front.stop_serving().await;
        connections.stopping.cancel();
        connections.tracker.close();
        if tokio::time::timeout(grace, connections.tracker.wait()).await.is_err() {
            tracing::warn!("calls still under way after the grace period are cut off");
            connections.cut.cancel();
            connections.tracker.wait().await;
        }
        connections.refusals.tell();
        table.close().await.map_err(ServeError::Close)
    }
}
