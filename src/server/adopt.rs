//! Begins a new timeline in a store whose database was restored to an earlier time.

use super::backing::{Backing, BackingMetrics};
use super::error::ServeError;
use super::opening::cannot_open;
use super::store::now;
use crate::config::Config;
use crate::engine::EngineError;
use crate::table::{TableError, timeline};

/// Makes the store of `config`, which no server uses, one that never reuses an id, a revision or a cursor of
/// the time that is lost. Returns the id of each memberbase with its revision.
pub async fn adopt(config: &Config) -> Result<Vec<(String, u64)>, ServeError> {
    let failed = cannot_open(config);
    let engine = |error: EngineError| failed(TableError::from(error));
    let backing = Backing::of(config, &BackingMetrics::default())?;
    let store = backing.open(None).await.map_err(engine)?.engine;
    let reached = async {
        let meta = store.get_many(&[timeline::meta_key()]).await?.pop().flatten();
        let sealer = timeline::sealer_of(&meta.unwrap_or_default())?;
        Ok((timeline::begin_timeline(&store, now()).await?, sealer))
    };
    let reached = reached.await;
    let closed = store.close().await;
    let (reached, sealer) = reached.map_err(&failed)?;
    closed.map_err(engine)?;
    Ok(reached.bases.into_iter().map(|(base, revision)| (sealer.base_id(base), revision)).collect())
}
