//! What holds a store: a data directory, a database, or memory. Only this file chooses an engine.
//!
//! A password is read when the store is opened, from the settings or from its file, and goes nowhere but into
//! the settings of the engine.

use std::fs;
use std::sync::Arc;

use super::error::ServeError;
use super::tenure::Tenure;
use crate::config::{Config, EngineKind, Secret};
use crate::engine::memory::MemoryEngine;
use crate::engine::postgres::{
    Contention, Dsn, PeerKey, PostgresConfig, PostgresEngine, Standing, StoreLook, commit_times, look,
};
use crate::engine::sled::{SledConfig, SledEngine, log_times};
use crate::engine::{Engine, EngineError, Grant};
use crate::metrics::{Counter, Histogram};
use crate::table;

/// The share of `memory` for the engine's cache. Its heap is several times that, because sled counts a page
/// only after 64 accesses to one of its 256 shards.
const CACHE_SHARE: (u64, u64) = (1, 16);
/// The share of `memory` for what the engine on a database remembers of it; its heap is little more.
const REMEMBERED_SHARE: (u64, u64) = (1, 8);

/// The connections with which a lease reads: there may be several leases.
const LEASE_READERS: usize = 2;

/// Told what an opening waits for.
pub type Told<'a> = &'a (dyn Fn(Standing) + Send + Sync);

/// The handles that count what an engine does. Clones share their numbers.
#[derive(Debug, Clone)]
pub struct BackingMetrics {
    /// The times that writes to the log take.
    pub log_times: Histogram,
    /// The times that the database takes to make writes durable.
    pub commit_times: Histogram,
    /// Writes whose outcome was unknown, and was found out.
    pub proven: Counter,
    /// Writes whose outcome stayed unknown.
    pub unknown: Counter,
}

impl Default for BackingMetrics {
    fn default() -> Self {
        Self {
            log_times: log_times(),
            commit_times: commit_times(),
            proven: Counter::default(),
            unknown: Counter::default(),
        }
    }
}

/// What holds a store, and how it is used.
#[derive(Debug, Clone)]
pub enum Backing {
    /// Nothing does: it is gone when it is closed.
    Memory,
    /// A data directory.
    Sled(SledConfig),
    /// A database.
    Postgres(Box<PostgresConfig>),
}

/// What a backing holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Nothing: opening it creates a store.
    Nothing,
    /// A store.
    Store,
}

/// An open engine.
pub struct Owned {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Whether this process may answer from it.
    pub tenure: Tenure,
    /// What this process shares with the servers that stand by, if there can be any.
    pub peers: Option<PeerKey>,
}

impl Backing {
    /// What the settings name.
    pub fn of(config: &Config, metrics: &BackingMetrics) -> Result<Self, ServeError> {
        if let Some(url) = &config.store {
            let dsn =
                Dsn::parse(url.as_str()).map_err(|error| ServeError::Setting(format!("store: {error}")))?;
            let mut settings = PostgresConfig::new(match password(config)? {
                Some(password) => dsn.with_password(password.reveal().to_owned()),
                None => dsn,
            });
            settings.name = who();
            settings.address = config.advertise.as_ref().map(ToString::to_string);
            settings.cache_bytes =
                usize::try_from(share(config.memory, REMEMBERED_SHARE)).unwrap_or(usize::MAX);
            settings.allow_async_replicas = config.allow_async_replicas;
            settings.lease_of = table::lease_of;
            settings.commit_times = metrics.commit_times.clone();
            settings.proven = metrics.proven.clone();
            settings.unknown = metrics.unknown.clone();
            return Ok(Self::Postgres(Box::new(settings)));
        }
        match config.engine {
            EngineKind::Memory => Ok(Self::Memory),
            EngineKind::Sled => {
                let mut settings = SledConfig::new(&config.data);
                settings.cache_bytes = share(config.memory, CACHE_SHARE);
                settings.reserve_bytes = config.reserve;
                settings.snapshot_after_bytes = config.snapshot_after;
                settings.log_times = metrics.log_times.clone();
                Ok(Self::Sled(settings))
            }
        }
    }

    /// Opens it, or creates a store in it. If another server owns it, this fails, or waits and tells `told`.
    pub async fn open(&self, told: Option<Told<'_>>) -> Result<Owned, EngineError> {
        let alone = |engine| Owned { engine, tenure: Tenure::Always, peers: None };
        match self {
            Self::Memory => Ok(alone(Arc::new(MemoryEngine::new()))),
            Self::Sled(settings) => {
                let settings = settings.clone();
                // Opening reads the whole log since the last confirmed position.
                let opened = tokio::task::spawn_blocking(move || {
                    SledEngine::open(settings, |line| tracing::info!("{line}"))
                })
                .await;
                let engine = opened
                    .map_err(|died| EngineError::Io(format!("opening the store panicked: {died}")))??;
                Ok(alone(Arc::new(engine)))
            }
            Self::Postgres(settings) => {
                let contention = told.map_or(Contention::Refuse, Contention::Wait);
                let engine = PostgresEngine::open((**settings).clone(), contention).await?;
                let tenure = Tenure::Owner(engine.ownership().clone());
                let peers = Some(engine.peer_key().clone());
                Ok(Owned { engine: Arc::new(engine), tenure, peers })
            }
        }
    }

    /// Opens the keys of a lease on the store, which its owner has granted.
    pub async fn open_lease(&self, lease: u32, grant: Grant) -> Result<Owned, EngineError> {
        let Self::Postgres(settings) = self else { return Err(EngineError::Unsupported("leases")) };
        let mut settings = (**settings).clone();
        settings.readers = LEASE_READERS;
        let engine = PostgresEngine::open_leased(settings, lease, grant).await?;
        let tenure = Tenure::Owner(engine.ownership().clone());
        Ok(Owned { engine: Arc::new(engine), tenure, peers: None })
    }

    /// What it holds. Changes nothing, and creates nothing.
    pub async fn holds(&self) -> Result<Holds, EngineError> {
        let is_new = match self {
            Self::Memory => true,
            Self::Sled(settings) => settings.is_new()?,
            Self::Postgres(settings) => match look(settings).await? {
                StoreLook::Missing => true,
                StoreLook::Present { is_empty, .. } => is_empty,
            },
        };
        Ok(if is_new { Holds::Nothing } else { Holds::Store })
    }
}

/// The password of the database, if there is one.
fn password(config: &Config) -> Result<Option<Secret>, ServeError> {
    let Some(path) = &config.store_password_file else { return Ok(config.store_password.clone()) };
    let unreadable = |why: String| {
        ServeError::Setting(format!("store-password-file: cannot read {}: {why}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    if text.trim().is_empty() {
        return Err(unreadable("it is empty".to_owned()));
    }
    Ok(Some(Secret::of(&text)))
}

/// What other servers are told about this one.
fn who() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}, process {}", host.trim(), std::process::id())
}

/// A part of a number of bytes.
pub fn share(bytes: u64, (part, of): (u64, u64)) -> u64 {
    bytes / of * part
}
