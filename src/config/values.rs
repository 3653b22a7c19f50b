//! The values of the settings, and their defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::advertised::Advertised;
use super::origins::Origins;
use super::otlp::Otlp;
use super::store::{Secret, StoreUrl};

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The default address of metrics and probes. If another process has it, the server runs without them.
pub const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50052);

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free port.
    pub listen: SocketAddr,
    /// Address and port of metrics and probes; `None` for none.
    pub admin_listen: Option<SocketAddr>,
    /// How many memberbases have labels of their own in the metrics.
    pub metrics_bases: usize,
    /// The data directory.
    pub data: PathBuf,
    /// The storage engine.
    pub engine: EngineKind,
    /// The database that holds the store; `None` if the data directory does. It has no password.
    pub store: Option<StoreUrl>,
    /// The password for the database, if its address or the environment had it. Not in the list of settings,
    /// so that it is never printed.
    pub store_password: Option<Secret>,
    /// A file with the password.
    pub store_password_file: Option<PathBuf>,
    /// Whether the store may be on a database that acknowledges before a quorum of its nodes has a write.
    pub allow_async_replicas: bool,
    /// Where other servers on the same store reach this one. If set, a server that stands by passes calls on
    /// to the active one.
    pub advertise: Option<Advertised>,
    /// Whether memberbases are lent to servers that stand by, and asked for while this one does.
    pub lease_memberbases: bool,
    /// Certificate authorities of the other servers, a PEM file; `None` for those of the system.
    pub peer_ca: Option<PathBuf>,
    /// How much memory caches and requests may use together, in bytes.
    pub memory: u64,
    /// Disk space that writes leave free, in bytes.
    pub reserve: u64,
    /// A snapshot is made once the log has grown by this many bytes and by more than the last snapshot.
    pub snapshot_after: u64,
    /// How long the server goes on serving when it stops and is already not ready.
    pub drain_pause: Duration,
    /// How long running calls may take to finish when the server stops.
    pub grace: Duration,
    /// How long a message, a body or a reply may make no progress before its call is ended.
    pub stall_after: Duration,
    /// Most connections from one address; `None` for half of all that the server accepts.
    pub connections_per_peer: Option<usize>,
    /// What is logged.
    pub log: LevelFilter,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Whether every call is logged.
    pub access_log: bool,
    /// How long the history of changes is kept. Not shorter than `delete_retention` or `job_retention`.
    pub commit_retention: Duration,
    /// How long deleted memberbases and deleted members can be restored.
    pub delete_retention: Duration,
    /// How long the responses to requests with a request id are kept.
    pub request_retention: Duration,
    /// How much space these responses may use in the store, in bytes.
    pub request_room: u64,
    /// How long a job is kept after its end, with its input and its results.
    pub job_retention: Duration,
    /// How much space jobs may use in the store, in bytes.
    pub job_room: u64,
    /// How long a job waits for approval before it is rejected.
    pub job_hold: Duration,
    /// Largest body of a JSON call, in bytes.
    pub body_limit: u64,
    /// Whether the console is left out.
    pub no_console: bool,
    /// The origins of web pages that may call gRPC-Web.
    pub web_origins: Origins,
    /// The certificate of the server and its chain, a PEM file. If set, connections are encrypted.
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, a PEM file.
    pub tls_key: Option<PathBuf>,
    /// Certificate authorities, a PEM file. If set, clients must show a certificate from one of them.
    pub tls_client_ca: Option<PathBuf>,
    /// Serve other machines even if callers need no token.
    pub insecure_no_auth: bool,
    /// Serve other machines even if connections are not encrypted.
    pub insecure_plaintext: bool,
    /// Where spans are sent; `None` for nowhere. Not in the list of settings: the variables of OpenTelemetry
    /// say it.
    pub otlp: Option<Otlp>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            admin_listen: Some(ADMIN_LISTEN),
            metrics_bases: 20,
            data: PathBuf::from("./memberbase-data"),
            engine: EngineKind::Sled,
            store: None,
            store_password: None,
            store_password_file: None,
            allow_async_replicas: false,
            advertise: None,
            lease_memberbases: false,
            peer_ca: None,
            memory: 512 * MIB,
            reserve: 512 * MIB,
            snapshot_after: 1024 * MIB,
            drain_pause: Duration::from_secs(1),
            grace: Duration::from_secs(7),
            stall_after: Duration::from_secs(30),
            connections_per_peer: None,
            log: LevelFilter::INFO,
            log_format: LogFormat::Text,
            access_log: false,
            commit_retention: 30 * DAY,
            delete_retention: 30 * DAY,
            request_retention: 7 * DAY,
            request_room: 1024 * MIB,
            job_retention: 30 * DAY,
            job_room: 4096 * MIB,
            job_hold: 7 * DAY,
            body_limit: 256 * MIB,
            no_console: false,
            web_origins: Origins::None,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            insecure_no_auth: false,
            insecure_plaintext: false,
            otlp: None,
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object in each line.
    Json,
}

/// The storage engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// sled, behind a write-ahead log, in the data directory.
    Sled,
    /// Memory only: everything is lost when the server stops. For tests.
    Memory,
}
