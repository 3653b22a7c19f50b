//! Changes the rule for comparing e-mail addresses (the fold) to the newest, in a store that no server uses.
//!
//! - If two members of a base would have equal addresses under the new fold, nothing changes and all such
//!   pairs are listed.
//! - One batch changes the fold of the store in its meta record. The e-mail lookups are rewritten after that
//!   batch; until all of them are, the meta record says so ([`REFOLDING`]), and opening the store first
//!   completes this. So a lookup of one fold is never used with the other.
//! - A rewritten bucket depends only on the stored members, so an interrupted refold starts again from the
//!   beginning.
//! - Commits have the changes of lookups as hashes of the old fold, and opening a base replays the commits
//!   that its stored indexes lack. So every base is opened and closed first; afterwards the indexes lack
//!   none.

mod look;
mod report;
mod settle;

pub use self::report::{Holder, RefoldOutcome, RefoldReport};
use std::sync::Arc;

use crate::engine::Engine;
use crate::model::{Fold, IdKey, Sealer};
use crate::stored::meta::{Meta, REFOLDING};
use crate::table::index::hash::Hashes;
use crate::table::index::rewrite::Pieces;
use crate::table::shared::meta::{finish_refold, replace, stored_meta};
use crate::table::store::open::TableConfig;
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
