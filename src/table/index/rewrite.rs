//! Rewriting the e-mail lookups from the members. The numbers of buckets and of entries stay the same,
//! because every member with an address has one entry under any fold. All entries go into the main level, and
//! the recent one is empty afterwards.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::{Batch, Direction, Engine, commit_caught_up};
use crate::model::BaseNumber;
use crate::stored::bucket::{self, Entry};
use crate::stored::index::{IndexState, LookupState, RecentState};
use crate::stored::key::{self, Level};
use crate::table::TableError;
use crate::table::index::address::{address, bits_of};
use crate::table::index::hash::Hashes;
use crate::table::index::lookup::LookupKind;
use crate::table::index::scan::for_each;
use crate::table::index::walk::{self, Seen};

/// Buckets of a recent level that are deleted in one batch.
const DELETED_AT_ONCE: usize = 500;

/// How much is in memory at a time. Tests use smaller values, so that little data makes several pieces.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    /// Entries of a lookup, each of up to 40 bytes. A base with more is read several times, once for each
    /// piece.
    pub entries: u64,
    /// Buckets in one batch, of about 700 bytes each.
    pub buckets: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { entries: 2_000_000, buckets: 1_000 }
    }
}

/// The stored state of a base's e-mail lookup, and the number of parts in which its entries are processed.
pub async fn email_lookup(
    pieces: Pieces,
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
) -> Result<(LookupState, u64), TableError> {
    let stored = engine.get_many(&[key::index(base)]).await?.pop().flatten();
    let state = stored.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default();
    let [_, email, _] = state.lookups;
    Ok((email, email.entries.div_ceil(pieces.entries).max(1)))
}

/// Rewrites the e-mail lookup of every base with `hashes`.
pub async fn rewrite_all(
    pieces: Pieces,
    engine: &Arc<dyn Engine>,
    hashes: &Hashes,
) -> Result<(), TableError> {
    let mut bases = Vec::new();
    for_each(engine, key::headers(), |key, _| {
        bases.extend(key::header_base(&key));
        Ok(())
    })
    .await?;
    for base in bases {
        let (lookup, parts) = email_lookup(pieces, engine, base).await?;
        empty_recent(engine, base).await?;
        for part in 0..parts {
            let buckets = walk::part_of(lookup.buckets, part, parts);
            let entries = entries(engine, base, hashes, lookup.buckets, &buckets).await?;
            write(pieces.buckets, engine, base, lookup.buckets, buckets, entries).await?;
        }
    }
    Ok(())
}

/// Empties the recent level of a base's e-mail lookup. If the refold ends before the main level has its
/// entries, it begins again.
async fn empty_recent(engine: &Arc<dyn Engine>, base: BaseNumber) -> Result<(), TableError> {
    let number = LookupKind::Email.number();
    let range = key::buckets_from(base, Level::Recent, number, 0);
    loop {
        let pairs = engine.scan(range.clone(), Direction::Forward, DELETED_AT_ONCE).await?;
        let stored = engine.get_many(&[key::index(base)]).await?.pop().flatten();
        let state = stored.map(|bytes| IndexState::decode(&bytes)).transpose()?;
        let state = state.filter(|state| *state.recent(number) != RecentState::default());
        if pairs.is_empty() && state.is_none() {
            return Ok(());
        }
        let mut batch =
            Batch { deletes: pairs.into_iter().map(|(key, _)| key).collect(), ..Batch::default() };
        if let Some(mut state) = state {
            let [_, email, _] = &mut state.recent;
            *email = RecentState::default();
            batch.put(key::index(base), state.encode());
        }
        commit_caught_up(&**engine, batch).await?;
    }
}

/// The entries of some buckets of a lookup, in order. Skips members that cannot be read: when the refold
/// began there were none, except in bases that are being purged.
async fn entries(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    hashes: &Hashes,
    count: u32,
    buckets: &Range<u32>,
) -> Result<Vec<(u32, Entry)>, TableError> {
    let mut entries = Vec::new();
    walk::walk(engine, base, |seen| {
        let Seen::Member(row, member) = seen else { return };
        let Some(email) = &member.profile.email else { return };
        let hash = hashes.email(email);
        let bucket = address(hash, count);
        if buckets.contains(&bucket) {
            entries.push((bucket, Entry { hash, row, fingerprint: 0 }));
        }
    })
    .await?;
    entries.sort_unstable();
    Ok(entries)
}

async fn write(
    at_once: usize,
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    count: u32,
    buckets: Range<u32>,
    entries: Vec<(u32, Entry)>,
) -> Result<(), TableError> {
    let kind = LookupKind::Email;
    let mut entries = entries.into_iter().peekable();
    let new = || Batch { is_packed: true, ..Batch::default() };
    let mut batch = new();
    for bucket in buckets {
        let mut own = Vec::new();
        while let Some((_, entry)) = entries.next_if(|(of, _)| *of == bucket) {
            own.push(entry);
        }
        let stored = bucket::encode(kind.width(), bits_of(bucket, count), &own);
        batch.put(key::bucket(base, Level::Main, kind.number(), bucket), stored);
        if batch.puts.len() >= at_once {
            commit_caught_up(&**engine, std::mem::replace(&mut batch, new())).await?;
        }
    }
    commit_caught_up(&**engine, batch).await?;
    Ok(())
}
