//! Opens the store for a server, and for commands that work on a store that no server uses.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use super::error::ServeError;
use super::store::{self, StoreMetrics};
use crate::config::{Config, EngineKind};
use crate::engine::sled::SledConfig;
use crate::table::{AuditReport, EngineError, RefoldReport, Table};

/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Opens a store that no server uses, as a start does, audits everything in it and closes it. Calls
/// `progress` with a line for each step.
pub async fn check(config: &Config, progress: &(dyn Fn(String) + Sync)) -> Result<AuditReport, ServeError> {
    let open = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::check(config, progress).await.map_err(open)
}

/// Opens a store that no server uses, changes it to the newest rule for equivalent e-mail addresses unless
/// two members would then have the same address, and closes it. Calls `progress` with a line for each step.
pub async fn refold(config: &Config, progress: &(dyn Fn(String) + Sync)) -> Result<RefoldReport, ServeError> {
    let open = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::refold(config, progress).await.map_err(open)
}

/// Logs a warning if other users may read the data directory. Called only once the folder is known to be a
/// data directory, so that it gives no advice about unrelated folders.
fn check_permissions(data: &Path) {
    if std::fs::metadata(data).is_ok_and(|folder| folder.mode() & OTHERS != 0) {
        let data = data.display();
        tracing::warn!(%data, "other users of this machine may read the data directory; close it with chmod 700");
    }
}

/// Opens the store of `config`, for a command.
pub async fn open_store(config: &Config) -> Result<Arc<Table>, ServeError> {
    open_counted(config, &StoreMetrics::default()).await
}

async fn open_counted(config: &Config, metrics: &StoreMetrics) -> Result<Arc<Table>, ServeError> {
    let cannot = |source| ServeError::Open { data: config.data.display().to_string(), source };
    store::open(config, metrics).await.map_err(cannot)
}

/// Opens the store, unless callers from other machines could use it without a token.
pub async fn open(
    config: &Config,
    address: SocketAddr,
    metrics: &StoreMetrics,
) -> Result<Arc<Table>, ServeError> {
    let is_safe = address.ip().is_loopback() || config.insecure_no_auth;
    let exposed = |new| ServeError::Exposed { address, data: config.data.display().to_string(), new };
    // A store that does not exist has no tokens; do not create it to find that out.
    let cannot = |source: EngineError| ServeError::Open {
        data: config.data.display().to_string(),
        source: source.into(),
    };
    let is_sled = config.engine == EngineKind::Sled;
    if !is_safe && is_sled && SledConfig::new(&config.data).is_new().map_err(cannot)? {
        return Err(exposed(" --new-store"));
    }
    let table = open_counted(config, metrics).await?;
    if is_sled {
        check_permissions(&config.data);
    }
    if is_safe || table.tokens().any() {
        return Ok(table);
    }
    table.close().await.map_err(ServeError::Close)?;
    Err(exposed(""))
}
