//! A refold from beginning to end.

use std::sync::Arc;

use crate::engine::Engine;
use crate::model::{Fold, IdKey, Sealer};
use crate::stored::meta::{Meta, REFOLDING};
use crate::table::index::hash::Hashes;
use crate::table::index::rewrite::Pieces;
use crate::table::shared::meta::{finish_refold, replace, stored_meta};
use crate::table::store::open::TableConfig;
use crate::table::upkeep::refold::report::{RefoldOutcome, RefoldReport};
use crate::table::upkeep::refold::{look, settle};
use crate::table::{Clock, TableError};

/// Changes the store in `engine` to the newest fold, unless members would have equal addresses. Nothing else
/// may use the store meanwhile.
pub async fn refold(
    engine: &Arc<dyn Engine>,
    clock: &Clock,
    config: &TableConfig,
    progress: &(dyn Fn(String) + Sync),
) -> Result<RefoldReport, TableError> {
    refold_in(Pieces::default(), engine, clock, config, progress).await
}

/// Like [`refold`], in pieces of this size.
pub async fn refold_in(
    pieces: Pieces,
    engine: &Arc<dyn Engine>,
    clock: &Clock,
    config: &TableConfig,
    progress: &(dyn Fn(String) + Sync),
) -> Result<RefoldReport, TableError> {
    let Some(meta) = stored_meta(engine).await? else { return Ok(RefoldReport::default()) };
    if meta.fold_version == REFOLDING {
        finish_refold(pieces, engine, meta).await?;
        return Ok(RefoldReport { outcome: RefoldOutcome::Refolded, ..RefoldReport::default() });
    }
    if meta.fold_version == Fold::NEWEST.version() {
        return Ok(RefoldReport::default());
    }
    let bases = settle::settle(engine, clock, config).await?;
    // Opening the store may have raised its format.
    let meta = stored_meta(engine).await?.unwrap_or(meta);
    let refolding = Meta { fold_version: REFOLDING, ..meta.clone() };
    let hashes = Hashes::new(&refolding);
    let sealer = Sealer::new(IdKey(meta.id_key));
    let mut report = RefoldReport::default();
    for base in bases {
        progress(format!("checking base {}", base.0));
        look::look(pieces, engine, base, &hashes, &sealer, &mut report).await?;
    }
    if !report.pairs.is_empty() {
        report.outcome = RefoldOutcome::Refused;
        return Ok(report);
    }
    progress("rewriting the e-mail lookups".to_owned());
    replace(engine, &meta, &refolding).await?;
    finish_refold(pieces, engine, refolding).await?;
    report.outcome = RefoldOutcome::Refolded;
    Ok(report)
}
