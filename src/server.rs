//! Starting, serving and stopping: the only file that knows every layer.
//!
//! The order is bind, open, build, serve. The port answers health checks (NOT_SERVING) while the store opens, which can
//! take a while after a crash; every other call is UNAVAILABLE until then. Stopping goes the other way: health
//! NOT_SERVING, no new connections, calls under way are finished within the grace period, the store is closed.

mod accept;
pub mod backup;
mod calls;
mod descriptors;
mod first_bytes;
mod front;
mod places;
mod store;
mod tls;
mod tokens;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::accept::Connections;
use self::front::Front;
use self::tls::Tls;
pub use self::tls::TlsError;
pub use self::tokens::{Wanted as WantedToken, create_token};
use crate::config::Config;
use crate::directory::{Error, Gate};
use crate::model::origin::Door;
use crate::table::{AuditReport, EngineError, Table, TableError};

/// Fewest worker threads: reads may wait for the disk on them.
const WORKERS_MIN: usize = 4;

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
    #[error("cannot open the data directory {data}: {source}{}", advice(.source))]
    Open {
        /// The data directory.
        data: String,
        /// Why.
        source: TableError,
    },
    /// The store could not be closed in order. What was acknowledged is safe all the same.
    #[error("cannot close the store: {0}")]
    Close(TableError),
    /// Other machines would be served although callers need no token.
    #[error(
        "{address} can be reached from other machines, and no token was made yet, so that everybody who reaches it could \
         read and change everything; make the first token with `memberbase token create --access admin --data {data}`, \
         or, to serve it all the same, give --insecure-no-auth"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// The data directory.
        data: String,
    },
    /// A token cannot be made.
    #[error("cannot make the token: {0}")]
    Token(Error),
    /// A backup cannot be made, read or restored, or a store cannot be looked at.
    #[error(transparent)]
    Backup(#[from] EngineError),
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

/// Threads that a runtime should have to serve well on so many cores.
#[must_use]
pub fn worker_threads(cores: usize) -> usize {
    WORKERS_MIN.max(2 * cores)
}

/// Serves until a signal stops it: the whole life of the process.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(config.log)
        .with_target(false)
        .init();
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
        () = signalled() => std::process::exit(0),
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
        () = signalled() => std::process::exit(1),
    }
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
    };
    let front = Front::new().await?;
    let encrypted = tls.is_some();
    if let Some(tls) = tls.clone() {
        connections.tracker.spawn(tls.follow(connections.stopping.clone()));
    }
    let room = accept::room(descriptors::raise());
    connections.tracker.spawn(accept::run(listener, room, tls, front.clone(), connections.clone()));
    match open(&config, address).await {
        Ok(table) => {
            let gate = Gate::new(Arc::clone(&table), Door::System);
            let body_limit = usize::try_from(config.body_limit).unwrap_or(usize::MAX);
            front.serve(&gate, body_limit, &connections.stopping).await;
            Ok(Running { address, encrypted, table, gate, front, connections, grace: config.grace })
        }
        Err(error) => {
            connections.stopping.cancel();
            connections.cut.cancel();
            Err(error)
        }
    }
}

/// Opens the store of `config`, for a server and for tools that work without one.
pub async fn open_store(config: &Config) -> Result<Arc<Table>, ServeError> {
    let cannot = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::open(config).await.map_err(cannot)
}

/// Opens the store, unless callers from other machines would need no token to get at it.
async fn open(config: &Config, address: SocketAddr) -> Result<Arc<Table>, ServeError> {
    let table = open_store(config).await?;
    if address.ip().is_loopback() || config.insecure_no_auth || table.tokens().any() {
        return Ok(table);
    }
    table.close().await.map_err(ServeError::Close)?;
    Err(ServeError::Exposed { address, data: config.data.display().to_string() })
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
        table.close().await.map_err(ServeError::Close)
    }
}
