//! Watches how large the tables are, and keeps the database's statistics of them from being far off.
//!
//! Right after a load or a restore the database has none until its own housekeeping comes around, and plans
//! badly meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::commit::cell;
use crate::engine::postgres::core::Core;
use crate::engine::postgres::wire::{Failure, Kept, Link};

const EVERY: Duration = Duration::from_secs(2);
/// How long taking statistics may last.
const ANALYZE_WITHIN: Duration = Duration::from_secs(300);
/// Statistics are taken when the table has this many times the pages that it had the last time, and at least
/// as many as this.
const GROWTH: i64 = 4;
const LEAST_PAGES: i64 = 100;

/// Watches until the store stops.
pub(in crate::engine::postgres) async fn watch(core: Arc<Core>) {
    let work = async {
        let mut config = core.config.clone();
        config.statement_within = config.statement_within.max(ANALYZE_WITHIN);
        let (mut kept, mut analyzed) = (Kept::default(), 0);
        loop {
            tokio::time::sleep(EVERY).await;
            let connected = match kept.take() {
                Some(link) => Ok(link),
                None => core.link(&config).await,
            };
            let looked = match connected {
                Ok(link) => look(&core, &link, &mut analyzed).await.map(|()| link),
                Err(failure) => Err(failure),
            };
            match looked {
                Ok(link) => kept.put(link),
                Err(failure) => tracing::debug!(%failure, "the size of the tables is not known"),
            }
        }
    };
    core.stop.run_until_cancelled(work).await;
}

/// `analyzed` is the size of the table, in pages, when statistics were last taken here. They are not taken again
/// before it has grown, because the user may lack the right.
async fn look(core: &Core, link: &Link, analyzed: &mut i64) -> Result<(), Failure> {
    let rows = link.query(&core.sql.size, &[]).await?;
    let bytes: i64 = cell(rows.first(), 0)?;
    let (pages, known): (i64, i64) = (cell(rows.first(), 1)?, cell(rows.first(), 2)?);
    core.disk_bytes.store(u64::try_from(bytes).unwrap_or_default(), Ordering::Relaxed);
    let before = known.max(*analyzed).saturating_mul(GROWTH);
    if pages > before.max(LEAST_PAGES) {
        *analyzed = pages;
        link.query(&core.sql.analyze, &[]).await?;
    }
    Ok(())
}
