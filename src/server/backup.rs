//! Backups and restores on the machine with the data directory, and the folder that receives a backup over
//! the network.

use std::path::Path;
use std::sync::Arc;

pub use crate::engine::backup::{FileOutline, Held, HeldFile, Outline};
pub use crate::engine::sled::Checked;
pub use crate::engine::sled::backup::{Received, Receiver, Verified};
pub use crate::engine::sled::folder::refuse_inside;

use super::error::ServeError;
use super::opening::cannot_open;
use super::store::now;
use crate::config::Config;
use crate::engine::sled::backup::{self, Site, Write};
use crate::engine::sled::{SledConfig, SledEngine, check};
use crate::engine::{Engine, EngineError};
use crate::model::Timestamp;
use crate::table::timeline::{self, Moment};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The position of the last write in the restored store.
    pub position: u64,
    /// The position of the last write in the backup.
    pub last: u64,
    /// The id of each memberbase, and the revision up to which it was restored.
    pub bases: Vec<(String, u64)>,
}

/// Copies the store in the data directory, which no server uses, into the folder `out`.
pub async fn back_up(config: &Config, out: &Path) -> Result<Received, ServeError> {
    let (settings, out) = (SledConfig::new(&config.data), out.to_owned());
    blocking(move || backup::copy(&settings, &out)).await
}

/// Reads and checks the whole backup in a folder.
pub async fn verify_backup(dir: &Path) -> Result<Verified, ServeError> {
    let dir = dir.to_owned();
    blocking(move || backup::verify(&dir)).await
}

/// Checks the files of a store that no server uses. Writes nothing.
pub async fn check_files(
    data: &Path,
    progress: impl Fn(String) + Send + 'static,
) -> Result<Checked, ServeError> {
    let data = data.to_owned();
    blocking(move || check(&data, progress)).await
}

/// Creates the data directory of `config`, which must be missing or empty, from the backup in `from`.
/// Restores everything, or the state at `until`: an RFC 3339 time, or the id of a memberbase, a colon and a
/// revision.
pub async fn restore(from: &Path, config: &Config, until: Option<&str>) -> Result<Restored, ServeError> {
    let target = config.data.clone();
    let site = blocking(move || Site::begin(&target)).await?;
    let restored = restore_into(site.dir(), from, config, until).await;
    let is_good = restored.is_ok();
    blocking(move || if is_good { site.settle() } else { site.discard() }).await?;
    restored
}

async fn restore_into(
    work: &Path,
    from: &Path,
    config: &Config,
    until: Option<&str>,
) -> Result<Restored, ServeError> {
    let (from, until) = (from.to_owned(), until.map(ToOwned::to_owned));
    let mut settings = SledConfig::new(work);
    settings.reserve_bytes = config.reserve;
    let (found, moment) = blocking(move || {
        let moment = until.map(|text| moment(&from, &text)).transpose()?;
        let mut too_late = |write: Write<'_>| is_too_late(moment, write);
        Ok::<_, ServeError>((backup::restore(&from, &settings, &mut too_late)?, moment))
    })
    .await?;
    let (reached, sealer) = open_restored(config, work).await?;
    if moment.is_some() && reached.bases.is_empty() && found.position < found.last {
        let why = "--until is before the first write of the backup: there was no memberbase at that moment";
        return Err(ServeError::Until(why.to_owned()));
    }
    if let Some(Moment::Revision(base, revision)) = moment
        && found.position == found.last
        && reached.bases.iter().all(|(number, at)| *number != base || *at < revision)
    {
        let why = format!("--until: the backup does not have revision {revision} of that memberbase");
        return Err(ServeError::Until(why));
    }
    let bases = reached.bases.into_iter().map(|(base, revision)| (sealer.base_id(base), revision)).collect();
    Ok(Restored { position: found.position, last: found.last, bases })
}

/// Opens the restored store for the first time, which creates its working copy, and begins its own timeline.
async fn open_restored(
    config: &Config,
    work: &Path,
) -> Result<(timeline::Reached, crate::model::Sealer), ServeError> {
    let mut settings = SledConfig::new(work);
    settings.reserve_bytes = config.reserve;
    let opened = blocking(move || SledEngine::open(settings, |line| tracing::info!("{line}"))).await?;
    let engine: Arc<dyn Engine> = Arc::new(opened);
    let failed = cannot_open(config);
    let reached = timeline::begin_timeline(&engine, now()).await.map_err(&failed)?;
    let meta = engine.get_many(&[timeline::meta_key()]).await?.pop().flatten();
    let sealer = timeline::sealer_of(&meta.unwrap_or_default()).map_err(&failed)?;
    engine.close().await?;
    Ok((reached, sealer))
}

fn is_too_late(moment: Option<Moment>, (key, value): Write<'_>) -> Result<bool, EngineError> {
    let Some(moment) = moment else { return Ok(false) };
    moment.is_before(key, value).map_err(|error| EngineError::Io(error.to_string()))
}

fn moment(from: &Path, text: &str) -> Result<Moment, ServeError> {
    if let Ok(time) = Timestamp::parse(text) {
        return Ok(Moment::Time(time));
    }
    let rule = || {
        ServeError::Until(format!(
            "--until must be a time such as 2026-02-03T04:05:06Z, or the id of a memberbase, a colon and a \
             revision, not {text}"
        ))
    };
    let (base, revision) = text.rsplit_once(':').ok_or_else(rule)?;
    let revision = revision.parse().map_err(|_| rule())?;
    let meta = backup::find(from, &timeline::meta_key())?.ok_or_else(rule)?;
    let sealer = timeline::sealer_of(&meta).map_err(|error| EngineError::Io(error.to_string()))?;
    let base = sealer.open_base(base);
    let base = base.map_err(|_| {
        ServeError::Until(format!("--until: the backup has no memberbase with the id in {text}"))
    })?;
    Ok(Moment::Revision(base, revision))
}

async fn blocking<T: Send + 'static, E: Into<ServeError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ServeError> {
    let result = tokio::task::spawn_blocking(work).await;
    result.map_err(|died| EngineError::Io(format!("the command panicked: {died}")))?.map_err(Into::into)
}
