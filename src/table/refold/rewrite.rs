//! The e-mail lookups, made again from the records. Their numbers of buckets and of entries stay: every member with an
//! address has one entry, whatever the fold.

use std::ops::Range;
use std::sync::Arc;

use super::{Pieces, email_lookup};
use crate::engine::{Batch, Engine};
use crate::model::BaseNumber;
use crate::stored::bucket::{self, Entry};
use crate::stored::key;
use crate::table::TableError;
use crate::table::audit::blocks::{self, Seen};
use crate::table::hash::Hashes;
use crate::table::lookup::{LookupKind, address, bits_of};
use crate::table::replay::for_each;

/// Rewrites the e-mail lookup of every base by `hashes`.
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
        for part in 0..parts {
            let buckets = blocks::part_of(lookup.buckets, part, parts);
            let entries = entries(engine, base, hashes, lookup.buckets, &buckets).await?;
            write(pieces.buckets, engine, base, lookup.buckets, buckets, entries).await?;
        }
    }
    Ok(())
}

/// The entries of some of a lookup's buckets, in order. Records that cannot be read were not there when the refold began,
/// but in bases that are being purged.
async fn entries(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    hashes: &Hashes,
    count: u32,
    buckets: &Range<u32>,
) -> Result<Vec<(u32, Entry)>, TableError> {
    let mut entries = Vec::new();
    blocks::walk(engine, base, |seen| {
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
    let mut batch = Batch::default();
    for bucket in buckets {
        let mut own = Vec::new();
        while let Some((_, entry)) = entries.next_if(|(of, _)| *of == bucket) {
            own.push(entry);
        }
        let stored = bucket::encode(kind.width(), bits_of(bucket, count), &own);
        batch.put(key::bucket(base, kind.number(), bucket), stored);
        if batch.puts.len() >= at_once {
            engine.commit(std::mem::take(&mut batch)).await?;
        }
    }
    engine.commit(batch).await?;
    Ok(())
}
