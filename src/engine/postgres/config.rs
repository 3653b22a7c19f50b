//! The settings of a store on PostgreSQL, and their defaults.

use std::time::Duration;

use super::clock::BootClock;
use super::dsn::Dsn;
use crate::metrics::{Counter, Histogram};

/// How long reads are answered after the owner's last renewal. A standby waits longer than this before it
/// takes over.
const DEFAULT_TERM: Duration = Duration::from_secs(6);
/// How long the outcome of a write is asked for before nobody can know it.
const DEFAULT_PROVE_WITHIN: Duration = Duration::from_secs(120);
/// How long closing waits for writes that do not get through.
const DEFAULT_CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long one statement may take before its connection is given up.
const DEFAULT_STATEMENT_WITHIN: Duration = Duration::from_secs(10);
/// How long connecting to one host may take, the first query included.
const DEFAULT_CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How many bytes of the tables are kept in memory.
const DEFAULT_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// The bounds of the times that commits take, in microseconds.
const COMMIT_TIMES: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// The settings of a [`PostgresEngine`](super::PostgresEngine).
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// Where the database is.
    pub dsn: Dsn,
    /// What the others are told about this server, for example its host and process. At most 200 bytes are
    /// kept.
    pub name: String,
    /// Where other servers reach this one, for calls that they pass on; at most 255 bytes.
    pub address: Option<String>,
    /// Accepts a database that acknowledges a write before a quorum of its standbys has it.
    pub allow_async_replicas: bool,
    /// How long reads are answered after the last acknowledged renewal of the ownership.
    pub term: Duration,
    /// How long one statement may take before its connection is given up.
    pub statement_within: Duration,
    /// How long connecting to one host may take, the first query included.
    pub connect_within: Duration,
    /// How long the outcome of a write is asked for, and the write sent again, before it is given up as
    /// unknown.
    pub prove_within: Duration,
    /// How long closing waits for writes and for giving the store up. What is not known then to be durable is
    /// unknown, and the next server waits for a term.
    pub close_within: Duration,
    /// Connections that read.
    pub readers: usize,
    /// How many bytes of values that were read or written are kept in memory; with 0 none are.
    pub cache_bytes: usize,
    /// The lease that has a key, if any can: then the key may be lent, and only its writer remembers it.
    pub lease_of: fn(&[u8]) -> Option<u32>,
    /// Tells the time.
    pub clock: BootClock,
    /// Counts how long the database takes to make a group of batches durable.
    pub commit_times: Histogram,
    /// Counts commits whose outcome had to be proven by a second write.
    pub proven: Counter,
    /// Counts commits whose outcome nobody could find out.
    pub unknown: Counter,
}

impl PostgresConfig {
    /// The defaults.
    #[must_use]
    pub fn new(dsn: Dsn) -> Self {
        Self {
            dsn,
            name: String::new(),
            address: None,
            allow_async_replicas: false,
            term: DEFAULT_TERM,
            statement_within: DEFAULT_STATEMENT_WITHIN,
            connect_within: DEFAULT_CONNECT_WITHIN,
            prove_within: DEFAULT_PROVE_WITHIN,
            close_within: DEFAULT_CLOSE_WITHIN,
            readers: 4,
            cache_bytes: DEFAULT_CACHE_BYTES,
            lease_of: |_| None,
            clock: BootClock::system(),
            commit_times: commit_times(),
            proven: Counter::default(),
            unknown: Counter::default(),
        }
    }

    /// How often the owner renews, and how often a standby looks.
    pub(crate) fn beat(&self) -> Duration {
        self.term / 6
    }
}

/// An empty histogram with the bounds of the times that commits take.
#[must_use]
pub fn commit_times() -> Histogram {
    Histogram::of_times(&COMMIT_TIMES)
}
