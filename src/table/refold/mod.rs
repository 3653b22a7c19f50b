//! From one fold of e-mail addresses to the newest, in a store that nobody serves.
//!
//! - As long as two members of a base would become one, nothing changes, and they are listed.
//! - A store folds by its old rule up to the batch that says that it folds by the new one. The e-mail lookups are rewritten
//!   after that batch, and until all of them are, the meta record says so ([`REFOLDING`]): whoever opens the store goes on
//!   before anything else. So a store never shows a lookup of one fold under the other.
//! - A rewritten bucket is a function of the records, so what was cut short is done again from the beginning.
//! - Commits hold the changes of lookups as hashes of the old fold, and a base that opens replays those that its stored
//!   indexes lack. So every base is opened and closed first, and then lacks none.

mod look;
mod rewrite;
mod settle;

use std::fmt;
use std::sync::Arc;

use super::hash::Hashes;
use super::store::{TableConfig, open_meta};
use super::{Clock, TableError};
use crate::engine::{Batch, Engine};
use crate::model::{BaseNumber, Email, Fold, IdKey, Row, Sealer};
use crate::stored::index::{IndexState, LookupState};
use crate::stored::key;
use crate::stored::meta::{Meta, REFOLDING};

/// How much is held in memory at a time. Tests take less, to have several pieces of little.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    /// Entries of a lookup, each of up to 40 bytes. A larger base is read once more for each so many.
    pub entries: u64,
    /// Buckets that are written in one batch, of about 700 bytes each.
    pub buckets: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { entries: 2_000_000, buckets: 1_000 }
    }
}

/// Pairs and addresses that are listed; further ones are counted.
const MAX_LISTED: usize = 1_000;

/// What a refold found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefoldReport {
    /// What became of the store.
    pub outcome: RefoldOutcome,
    /// Members with an e-mail address that were looked at.
    pub members: u64,
    /// Members of one base whose addresses the new fold makes one.
    pub pairs: Vec<(Holder, Holder)>,
    /// How many further pairs there are.
    pub more_pairs: u64,
    /// Members whose address would not be accepted today. They keep it.
    pub outdated: Vec<Holder>,
    /// How many further ones there are.
    pub more_outdated: u64,
}

/// What became of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefoldOutcome {
    /// It has the newest fold already, or there is no store.
    #[default]
    Newest,
    /// It has the newest fold now.
    Refolded,
    /// Nothing was changed, because there are pairs.
    Refused,
}

impl fmt::Display for RefoldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "the store has the newest rule already",
            Self::Refolded => "the store has the newest rule now",
            Self::Refused => "nothing was changed",
        })
    }
}

/// A member, and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The id of its base.
    pub base: String,
    /// Its id.
    pub member: String,
    /// Its address, as it is stored.
    pub email: Email,
}

/// For whoever has to change one of two members, so with the address.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.member, self.email.as_str())
    }
}

/// Gives the store in `engine`, which nobody else uses, the newest fold, unless members would become one.
pub async fn refold(
    engine: &Arc<dyn Engine>,
    clock: &Clock,
    config: &TableConfig,
    progress: &(dyn Fn(String) + Sync),
) -> Result<RefoldReport, TableError> {
    refold_in(Pieces::default(), engine, clock, config, progress).await
}

/// Refolds in pieces of this size.
pub async fn refold_in(
    pieces: Pieces,
    engine: &Arc<dyn Engine>,
    clock: &Clock,
    config: &TableConfig,
    progress: &(dyn Fn(String) + Sync),
) -> Result<RefoldReport, TableError> {
    let Some(meta) = stored_meta(engine).await? else { return Ok(RefoldReport::default()) };
    if meta.fold_version == REFOLDING {
        take_up(pieces, engine, meta).await?;
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
        progress(format!("looking at base {}", base.0));
        look::look(pieces, engine, base, &hashes, &sealer, &mut report).await?;
    }
    if !report.pairs.is_empty() {
        report.outcome = RefoldOutcome::Refused;
        return Ok(report);
    }
    progress("rewriting the e-mail lookups".to_owned());
    replace(engine, &meta, &refolding).await?;
    take_up(pieces, engine, refolding).await?;
    report.outcome = RefoldOutcome::Refolded;
    Ok(report)
}

/// Goes on with a refold that was begun; the store's meta record as it is then.
pub async fn take_up(pieces: Pieces, engine: &Arc<dyn Engine>, meta: Meta) -> Result<Meta, TableError> {
    if meta.fold_version != REFOLDING {
        return Ok(meta);
    }
    rewrite::rewrite_all(pieces, engine, &Hashes::new(&meta)).await?;
    let done = Meta { fold_version: Fold::NEWEST.version(), ..meta.clone() };
    replace(engine, &meta, &done).await?;
    Ok(done)
}

async fn stored_meta(engine: &Arc<dyn Engine>) -> Result<Option<Meta>, TableError> {
    let stored = engine.get_many(&[key::meta()]).await?.pop().flatten();
    stored.map(|bytes| open_meta(&bytes)).transpose()
}

async fn replace(engine: &Arc<dyn Engine>, before: &Meta, after: &Meta) -> Result<(), TableError> {
    let mut batch = Batch::default();
    batch.checks.push((key::meta(), Some(before.encode().into())));
    batch.put(key::meta(), after.encode());
    engine.commit(batch).await?;
    Ok(())
}

/// The stored state of a base's e-mail lookup, and in how many parts its entries are gone through.
async fn email_lookup(
    pieces: Pieces,
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
) -> Result<(LookupState, u64), TableError> {
    let stored = engine.get_many(&[key::index(base)]).await?.pop().flatten();
    let state = stored.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default();
    let [_, email, _] = state.lookups;
    Ok((email, email.entries.div_ceil(pieces.entries).max(1)))
}

fn holder(sealer: &Sealer, base: BaseNumber, row: u64, email: &Email) -> Holder {
    Holder { base: sealer.base_id(base), member: sealer.member_id(base, Row(row)), email: email.clone() }
}
