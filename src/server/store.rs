//! Opens the store.
//!
//! The engine opens without reading all that the working copy holds, so it may be a later read that meets
//! damage there. The work that began with that read is then done once more, over an engine that was opened
//! again and so has rebuilt its working copy. Nothing but damage in log and snapshots keeps a store from
//! opening.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::backing::{Backing, BackingMetrics, Owned, Told, share};
use super::error::Place;
use super::leases::{Open, OpenLease, Share, Shares};
use super::tenure::Tenure;
use crate::config::Config;
use crate::engine::postgres::PeerKey;
use crate::engine::{Engine, EngineError, Grant};
use crate::model::{BaseNumber, Timestamp};
use crate::table::{
    self, AuditConfig, AuditReport, Clock, IdempotencyLimits, JobLimits, RefoldReport, Table, TableConfig,
    TableError, TableMetrics, audit,
};
use crate::tasks;

/// The share of `memory` for the images of lookups and for the member cache.
const READ_SHARE: (u64, u64) = (3, 8);
/// The share of `memory` for requests that wait and for index changes that are not on disk yet.
const BUDGET_SHARE: (u64, u64) = (1, 4);
/// The share of `memory` for incoming messages, and its minimum: room for two of the largest messages.
const INCOMING_SHARE: (u64, u64) = (1, 8);
const INCOMING_MIN_BYTES: u64 = 96 * 1024 * 1024;
/// The share of `memory` for calls before their messages arrive, and its minimum: room for two thousand
/// calls.
const CALLS_SHARE: (u64, u64) = (1, 8);
const CALLS_MIN_BYTES: u64 = 32 * 1024 * 1024;
/// The share of `memory` for one body, and the size of body that every server accepts.
const BODY_SHARE: (u64, u64) = (1, 4);
const BODY_MIN_BYTES: u64 = 64 * 1024 * 1024;
/// The average number of entries in a bucket of a lookup in a data directory. In a database it is the usual one:
/// a database rewrites a row under 2,000 bytes within its page, and a longer one costs it several rows.
const BUCKET_ENTRIES: u64 = 160;
/// How often a long opening is logged as still running.
const STILL_OPENING: Duration = Duration::from_secs(5);

/// When the first round of housekeeping starts after the opening, and the time between rounds.
const FIRST_HOUSEKEEPING: Duration = Duration::from_secs(60);
const HOUSEKEEPING: Duration = Duration::from_secs(60 * 60);

/// The handles that count what a store does. Clones share their numbers.
#[derive(Debug, Clone, Default)]
pub struct StoreMetrics {
    /// Of its bases.
    pub table: TableMetrics,
    /// Of its engine.
    pub backing: BackingMetrics,
}

/// A store that is open.
pub struct Opened {
    /// The store.
    pub table: Arc<Table>,
    /// Whether this process may answer from it.
    pub tenure: Tenure,
    /// What it shares with the servers that stand by, if there can be any.
    pub peers: Option<PeerKey>,
}

/// Opens the store in `backing`, and starts its housekeeping, which ends when the store is no longer used. If
/// another server owns the store, this fails, or waits and tells `told`.
pub async fn open(
    backing: &Backing,
    config: &Config,
    metrics: &StoreMetrics,
    told: Option<Told<'_>>,
) -> Result<Opened, TableError> {
    let opened = open_with_progress(backing, config, metrics, told).await?;
    tasks::vital("housekeeping", keep_house(Arc::downgrade(&opened.table)));
    Ok(opened)
}

/// What opens leases on the store of `config`. Each lease may use its part of the memory.
pub fn lease_opener(config: &Config, metrics: &StoreMetrics) -> Open {
    let shared = Arc::new((config.clone(), metrics.clone()));
    let shares = Shares::default();
    Arc::new(move |number, grant| {
        let (shared, share) = (Arc::clone(&shared), shares.take());
        Box::pin(async move {
            let (config, metrics) = &*shared;
            open_lease(config, metrics, (number, grant), share).await
        })
    })
}

/// Opens a memberbase that is lent, and starts its housekeeping.
async fn open_lease(
    config: &Config,
    metrics: &StoreMetrics,
    (number, grant): (BaseNumber, Grant),
    share: Share,
) -> Result<OpenLease, TableError> {
    let config = &Config { memory: share.of(config.memory), ..config.clone() };
    // Its settings were read before, so only what they name can have changed.
    let backing = Backing::of(config, &metrics.backing)
        .map_err(|error| EngineError::Io(format!("the settings of the store: {error}")))?;
    let settings = table_config(&backing, config, metrics)?;
    let Owned { engine, tenure, .. } = backing.open_lease(number.0, grant).await?;
    match Table::open_leased(Arc::clone(&engine), clock(), settings, number).await {
        Ok(table) => {
            tasks::vital("housekeeping", keep_house(Arc::downgrade(&table)));
            Ok(OpenLease { table, tenure, share })
        }
        Err(error) => {
            if let Err(error) = engine.close().await {
                tracing::warn!(base = number.0, %error, "a lease was not given back");
            }
            Err(error)
        }
    }
}

/// Opens the store, audits it and closes it.
pub async fn check(
    backing: &Backing,
    config: &Config,
    progress: &(dyn Fn(String) + Sync),
) -> Result<AuditReport, TableError> {
    let how = &AuditConfig::new(clock()(), micros(config.delete_retention));
    let work = async |engine| audit(&engine, how, progress).await;
    let (report, Owned { engine, .. }) = with_engine(backing, None, work).await?;
    engine.close().await?;
    Ok(report)
}

/// Opens the store, refolds it and closes it.
pub async fn refold(
    backing: &Backing,
    config: &Config,
    progress: &(dyn Fn(String) + Sync),
) -> Result<RefoldReport, TableError> {
    let settings = &table_config(backing, config, &StoreMetrics::default())?;
    let work = async |engine| table::refold(&engine, &clock(), settings, progress).await;
    let (report, Owned { engine, .. }) = with_engine(backing, None, work).await?;
    engine.close().await?;
    Ok(report)
}

/// Purges, drops old commits and closes idle bases, once in every round.
async fn keep_house(table: Weak<Table>) {
    let mut rounds = tokio::time::interval_at(Instant::now() + FIRST_HOUSEKEEPING, HOUSEKEEPING);
    loop {
        rounds.tick().await;
        let Some(table) = table.upgrade() else { return };
        if let Err(error) = table.maintain().await {
            tracing::warn!(%error, "housekeeping was interrupted; the next round continues it");
        }
    }
}

async fn open_with_progress(
    backing: &Backing,
    config: &Config,
    metrics: &StoreMetrics,
    told: Option<Told<'_>>,
) -> Result<Opened, TableError> {
    let settings = table_config(backing, config, metrics)?;
    let work = |engine| Table::open(engine, clock(), settings.clone());
    let mut opening = std::pin::pin!(with_engine(backing, told, work));
    let mut waited = Duration::ZERO;
    loop {
        match tokio::time::timeout(STILL_OPENING, opening.as_mut()).await {
            Ok(opened) => {
                return opened.map(|(table, Owned { tenure, peers, .. })| Opened { table, tenure, peers });
            }
            // A standby may wait for weeks, and says for what.
            Err(_) if told.is_some() && matches!(backing, Backing::Postgres(_)) => {}
            Err(_) => {
                waited += STILL_OPENING;
                tracing::info!(seconds = waited.as_secs(), store = %Place::of(config), "still opening the store");
            }
        }
    }
}

/// Opens the engine and does `work` with it; once more after a read that failed. If `work` fails, the engine
/// is closed again.
async fn with_engine<T, F: Future<Output = Result<T, TableError>>>(
    backing: &Backing,
    told: Option<Told<'_>>,
    work: impl Fn(Arc<dyn Engine>) -> F,
) -> Result<(T, Owned), TableError> {
    let mut is_first = true;
    loop {
        let owned = backing.open(told).await?;
        let error = match work(Arc::clone(&owned.engine)).await {
            Ok(done) => return Ok((done, owned)),
            Err(error) => error,
        };
        if let Err(error) = owned.engine.close().await {
            tracing::warn!(%error, "the store was not closed cleanly");
        }
        match error {
            TableError::Engine(EngineError::Io(why)) if std::mem::take(&mut is_first) => {
                tracing::warn!(why, "the store could not be read; opening it again");
            }
            error => return Err(error),
        }
    }
}

fn table_config(
    backing: &Backing,
    config: &Config,
    metrics: &StoreMetrics,
) -> Result<TableConfig, EngineError> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| EngineError::Io(format!("no random numbers: {error}")))?;
    let usual = TableConfig::default();
    Ok(TableConfig {
        bucket_entries: match backing {
            Backing::Memory | Backing::Sled(_) => BUCKET_ENTRIES,
            Backing::Postgres(_) => usual.bucket_entries,
        },
        seed: u64::from_le_bytes(seed),
        metrics: metrics.table.clone(),
        budget_bytes: usize::try_from(share(config.memory, BUDGET_SHARE)).unwrap_or(usize::MAX),
        read_bytes: usize::try_from(share(config.memory, READ_SHARE)).unwrap_or(usize::MAX),
        commit_retention_micros: micros(config.commit_retention),
        grace_micros: micros(config.delete_retention),
        idempotency: IdempotencyLimits {
            retention_micros: micros(config.request_retention),
            bytes: config.request_room,
        },
        jobs: JobLimits {
            room_bytes: config.job_room,
            retention_micros: micros(config.job_retention),
            hold_micros: micros(config.job_hold),
        },
        ..usual
    })
}

/// The budget for the bytes of incoming messages.
pub fn incoming_bytes(config: &Config) -> usize {
    usize::try_from(share(config.memory, INCOMING_SHARE).max(INCOMING_MIN_BYTES)).unwrap_or(usize::MAX)
}

/// The budget for calls before their messages arrive, in bytes.
pub fn call_bytes(config: &Config) -> usize {
    usize::try_from(share(config.memory, CALLS_SHARE).max(CALLS_MIN_BYTES)).unwrap_or(usize::MAX)
}

/// The largest body that is read, in bytes. There would be no room to decode a larger one.
pub fn body_bytes(config: &Config) -> usize {
    let most = share(config.memory, BODY_SHARE).max(BODY_MIN_BYTES);
    usize::try_from(config.body_limit.min(most)).unwrap_or(usize::MAX)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The time now.
pub fn now() -> Timestamp {
    clock()()
}

/// The clock of the system. Times before 1970 count as 1970. The table makes sure that time never goes back.
fn clock() -> Clock {
    Arc::new(|| {
        Timestamp::from_micros(micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::token::{AccessLevel, SecretHash, Token, TokenDescription, TokenId, TokenLimits};
    use crate::table::MayMake;

    /// Changes a byte of every value in value files.
    fn damage(data: &Path) -> usize {
        let files = std::fs::read_dir(data.join("sled/values")).unwrap();
        let mut damaged = 0;
        for file in files {
            let path = file.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            for byte in bytes.iter_mut().skip(64).step_by(100) {
                *byte ^= 1;
                damaged += 1;
            }
            std::fs::write(path, bytes).unwrap();
        }
        damaged
    }

    /// A token whose stored form is too long for sled itself.
    fn token() -> Token {
        Token {
            id: TokenId(77),
            access: AccessLevel::Admin,
            pii: true,
            base: None,
            description: Some(TokenDescription::parse("d".repeat(200)).unwrap()),
            limits: TokenLimits::default(),
            created_at: Timestamp::from_micros(1),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            is_damaged: false,
        }
    }

    #[tokio::test]
    async fn damage_that_the_first_reads_meet_is_repaired_while_the_store_opens() {
        let temp = tempfile::tempdir().unwrap();
        let config = Config { data: temp.path().join("data"), ..Config::default() };
        let metrics = StoreMetrics::default();
        let backing = Backing::of(&config, &metrics.backing).unwrap();
        let open = async || open_with_progress(&backing, &config, &metrics, None).await.unwrap().table;
        let table = open().await;
        table.tokens().create(token(), SecretHash::of("secret"), MayMake::Any, None).await.unwrap();
        table.close().await.unwrap();
        drop(table);
        assert!(damage(&config.data) > 0);
        let report = check(&backing, &config, &|_| {}).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
        assert!(damage(&config.data) > 0);
        let table = open().await;
        assert!(table.tokens().any());
        table.close().await.unwrap();
    }
}
