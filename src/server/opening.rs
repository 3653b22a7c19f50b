//! Opens the store for a server, and for commands that work on a store that no server uses.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use super::backing::{Backing, Holds, Told};
use super::error::{Place, ServeError};
use super::store::{self, Opened, StoreMetrics};
use crate::config::Config;
use crate::engine::sled::SledConfig;
use crate::table::{AuditReport, RefoldReport, Table, TableError};

/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Opens a store that no server uses, as a start does, audits everything in it and closes it. Calls
/// `progress` with a line for each step.
pub async fn check(config: &Config, progress: &(dyn Fn(String) + Sync)) -> Result<AuditReport, ServeError> {
    let backing = Backing::of(config, &StoreMetrics::default().backing)?;
    store::check(&backing, config, progress).await.map_err(cannot_open(config))
}

/// Opens a store that no server uses, changes it to the newest rule for equivalent e-mail addresses unless
/// two members would then have the same address, and closes it. Calls `progress` with a line for each step.
pub async fn refold(config: &Config, progress: &(dyn Fn(String) + Sync)) -> Result<RefoldReport, ServeError> {
    let backing = Backing::of(config, &StoreMetrics::default().backing)?;
    store::refold(&backing, config, progress).await.map_err(cannot_open(config))
}

/// Logs a warning if other users may read the data directory. Called only once the folder is known to be a
/// data directory, so that it gives no advice about unrelated folders.
fn check_permissions(data: &Path) {
    if std::fs::metadata(data).is_ok_and(|folder| folder.mode() & OTHERS != 0) {
        let data = data.display();
        tracing::warn!(%data, "other users of this machine may read the data directory; close it with chmod 700");
    }
}

/// Opens the store of `config`, for a command. Fails if a server has it open.
pub async fn open_store(config: &Config) -> Result<Arc<Table>, ServeError> {
    let metrics = StoreMetrics::default();
    let backing = Backing::of(config, &metrics.backing)?;
    let opened = store::open(&backing, config, &metrics, None).await.map_err(cannot_open(config))?;
    Ok(opened.table)
}

/// Whether a folder is the data directory of a store.
#[must_use]
pub fn is_store(data: &Path) -> bool {
    SledConfig::new(data).has_store()
}

/// Whether there is a store where `config` says. Creates nothing.
pub async fn has_store(config: &Config) -> Result<bool, ServeError> {
    let backing = Backing::of(config, &StoreMetrics::default().backing)?;
    let holds = backing.holds().await.map_err(TableError::from).map_err(cannot_open(config))?;
    Ok(holds == Holds::Store)
}

pub fn cannot_open(config: &Config) -> impl Fn(TableError) -> ServeError {
    let place = Place::of(config);
    move |source| ServeError::Open { place: place.clone(), source }
}

/// Opens the store, unless callers from other machines could use it without a token. Waits while another
/// server owns it, and tells `told` so.
pub async fn open(
    config: &Config,
    address: SocketAddr,
    metrics: &StoreMetrics,
    told: Told<'_>,
) -> Result<Opened, ServeError> {
    let is_safe = address.ip().is_loopback() || config.insecure_no_auth;
    let exposed = |new| ServeError::Exposed { address, place: Place::of(config), new };
    let backing = Backing::of(config, &metrics.backing)?;
    // A store that does not exist has no tokens; do not create it to find that out.
    if !is_safe && !matches!(backing, Backing::Memory) {
        let holds = backing.holds().await.map_err(TableError::from).map_err(cannot_open(config))?;
        if holds == Holds::Nothing {
            return Err(exposed(" --new-store"));
        }
    }
    let opened = store::open(&backing, config, metrics, Some(told)).await.map_err(cannot_open(config))?;
    if let Backing::Sled(_) = backing {
        check_permissions(&config.data);
    }
    if is_safe || opened.table.tokens().any() {
        return Ok(opened);
    }
    opened.table.close().await.map_err(ServeError::Close)?;
    Err(exposed(""))
}
