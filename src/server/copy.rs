//! Copies a whole store, which no server uses, from a data directory or a database into another one.

use std::path::Path;
use std::sync::Arc;

use super::backing::{Backing, BackingMetrics, Holds, Owned};
use super::error::{Place, ServeError};
use super::opening::cannot_open;
use crate::config::Config;
use crate::engine::sled::backup::Site;
use crate::engine::{Engine, EngineError};
use crate::table::{self, Contents, CopyError, TableError};

/// Copies the store of `from` to where `to` says, which must be empty or hold a copy that ended early. A data
/// directory gets its name only when it is complete. Calls `progress` with a line for each step.
pub async fn copy(
    from: &Config,
    to: &Config,
    progress: &(dyn Fn(String) + Sync),
) -> Result<Contents, ServeError> {
    let metrics = BackingMetrics::default();
    let (source, target) = (Backing::of(from, &metrics)?, Backing::of(to, &metrics)?);
    let failed =
        |source| ServeError::Copy { from: Place::of(from), to: Place::of(to), source: Box::new(source) };
    let holds = source.holds().await.map_err(TableError::from).map_err(cannot_open(from))?;
    if holds == Holds::Nothing {
        return Err(failed(CopyError::NoStore));
    }
    if let Backing::Postgres(_) = target {
        let Owned { engine, .. } =
            source.open(None).await.map_err(TableError::from).map_err(cannot_open(from))?;
        let opened = target.open(None).await.map_err(TableError::from).map_err(cannot_open(to));
        let copied = match opened {
            Ok(Owned { engine: into, .. }) => copy_between(&engine, &into, progress).await.map_err(failed),
            Err(error) => Err(error),
        };
        return closed(&engine, copied).await;
    }
    let dir = to.data.clone();
    let site = blocking(move || {
        let site = Site::begin(&dir)?;
        site.begin_store()?;
        Ok(site)
    })
    .await?;
    let copied = copy_into(&source, from, site.dir(), to, progress).await;
    let is_good = copied.is_ok();
    blocking(move || if is_good { site.settle() } else { site.discard() }).await?;
    copied
}

/// Copies into a new data directory.
async fn copy_into(
    source: &Backing,
    from: &Config,
    dir: &Path,
    to: &Config,
    progress: &(dyn Fn(String) + Sync),
) -> Result<Contents, ServeError> {
    let failed =
        |source| ServeError::Copy { from: Place::of(from), to: Place::of(to), source: Box::new(source) };
    let Owned { engine, .. } =
        source.open(None).await.map_err(TableError::from).map_err(cannot_open(from))?;
    let site = Config { data: dir.to_owned(), ..to.clone() };
    let target = Backing::of(&site, &BackingMetrics::default())?;
    let copied = match target.open(None).await {
        Ok(Owned { engine: into, .. }) => copy_between(&engine, &into, progress).await.map_err(failed),
        Err(error) => Err(failed(error.into())),
    };
    closed(&engine, copied).await
}

/// Copies, and closes the target, so that everything in it is durable when this returns.
async fn copy_between(
    from: &Arc<dyn Engine>,
    to: &Arc<dyn Engine>,
    progress: &(dyn Fn(String) + Sync),
) -> Result<Contents, CopyError> {
    let copied = table::copy(from, to, progress).await;
    let closed = to.close().await;
    let copied = copied?;
    closed?;
    Ok(copied)
}

/// Closes the source. The error of the copy counts more.
async fn closed(
    engine: &Arc<dyn Engine>,
    copied: Result<Contents, ServeError>,
) -> Result<Contents, ServeError> {
    let closed = engine.close().await;
    let copied = copied?;
    closed.map_err(|error| ServeError::Close(error.into()))?;
    Ok(copied)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|died| EngineError::Io(format!("the command panicked: {died}")))?
}
