//! The values of the settings, and their defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data directory.
    pub data: PathBuf,
    /// What keeps the data.
    pub engine: EngineKind,
    /// Memory to use, in bytes.
    pub memory: u64,
    /// Bytes of the disk that no request is written into.
    pub reserve: u64,
    /// Bytes of the log since the last snapshot at which the next one is due, unless that one is larger.
    pub snapshot_after: u64,
    /// How long calls under way may take when the server stops.
    pub grace: Duration,
    /// How long a message, a body or a reply may make no progress before it is ended.
    pub stall_after: Duration,
    /// Most connections of one address; `None` for half of those that there is room for.
    pub connections_per_peer: Option<usize>,
    /// How much is logged.
    pub log: LevelFilter,
    /// How long the history of changes is kept.
    pub commit_retention: Duration,
    /// How long deleted memberbases can be brought back.
    pub delete_retention: Duration,
    /// How long the answers to requests that name themselves are kept.
    pub request_retention: Duration,
    /// Bytes that these answers may take in the store.
    pub request_room: u64,
    /// Largest body of a JSON call, in bytes.
    pub body_limit: u64,
    /// The certificate of the port, with what leads to its authority: PEM. With it, connections are encrypted.
    pub tls_cert: Option<PathBuf>,
    /// Its private key: PEM.
    pub tls_key: Option<PathBuf>,
    /// The authorities whose certificates clients must show: PEM. Without it they show none.
    pub tls_client_ca: Option<PathBuf>,
    /// Serve other machines although callers need no token.
    pub insecure_no_auth: bool,
    /// Serve other machines although the connection is not encrypted.
    pub insecure_plaintext: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            data: PathBuf::from("./memberbase-data"),
            engine: EngineKind::Sled,
            memory: 512 * MIB,
            reserve: 512 * MIB,
            snapshot_after: 1024 * MIB,
            grace: Duration::from_secs(8),
            stall_after: Duration::from_secs(30),
            connections_per_peer: None,
            log: LevelFilter::INFO,
            commit_retention: 30 * DAY,
            delete_retention: 30 * DAY,
            request_retention: 7 * DAY,
            request_room: 1024 * MIB,
            body_limit: 256 * MIB,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            insecure_no_auth: false,
            insecure_plaintext: false,
        }
    }
}

/// What keeps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// The embedded store in the data directory.
    Sled,
    /// Memory alone: everything is gone when the server stops. For tests.
    Memory,
}
