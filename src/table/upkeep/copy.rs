//! Copies a whole store from one engine into another, key by key: ids, history, tokens and secrets go along.
//!
//! - The target has the store's metadata last. Until then a mark stands in its place, which every program
//!   refuses to open: a copy that ended early never looks like a store.
//! - A target that holds anything but an unfinished copy is refused, and not changed.
//! - A copy that ended early is continued: both sides are walked in the order of keys, and the target gets what
//!   differs. So it does not matter how the source changed in between.
//! - The mark goes only after both sides were read once more, and the hashes over all their keys and values were
//!   the same. Nothing else may use either side meanwhile.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::{Batch, Direction, Engine, EngineError, Key, KeyRange, Value};
use crate::stored::key;
use crate::stored::meta;
use crate::table::TableError;
use crate::table::shared::meta::{check_new, open_meta};

/// How many pairs are read at once. Values have up to 64 KiB.
const READ_AT_ONCE: usize = 256;
/// How many bytes, and how many keys, are written at once.
const WRITE_BYTES: usize = 2 * 1024 * 1024;
const WRITE_KEYS: usize = 4_096;
/// After how many bytes progress is told.
const TELL_EVERY_BYTES: u64 = 64 * 1024 * 1024;

/// Why a copy was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The source has no store. Nothing was written.
    #[error("there is no store to copy")]
    NoStore,
    /// The target holds data that is no unfinished copy. Nothing was written.
    #[error("the target is not empty; a store is only copied into an empty place")]
    NotEmpty,
    /// After the copy, the two sides differ. The target stays unfinished.
    #[error(
        "the copy differs from the store, so it stays unfinished: something else wrote into one of the two \
         (source: {from}; target: {to})"
    )]
    Differs {
        /// What the source has.
        from: Contents,
        /// What the target has.
        to: Contents,
    },
    /// One of the sides failed. The target stays unfinished.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<EngineError> for CopyError {
    fn from(error: EngineError) -> Self {
        Self::Table(error.into())
    }
}

/// All keys and values of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// How many keys.
    pub keys: u64,
    /// The bytes of keys and values.
    pub bytes: u64,
    /// The SHA-256 over every key and every value, the metadata first and the others in order, each after its
    /// length as 4 bytes, big-endian.
    pub hash: [u8; 32],
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys, {} bytes, SHA-256 ", self.keys, self.bytes)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Copies the store in `from` into `to`, and returns what both hold then. Calls `progress` with a line for
/// each step. Neither side is closed.
pub async fn copy(
    from: &Arc<dyn Engine>,
    to: &Arc<dyn Engine>,
    progress: &(dyn Fn(String) + Sync),
) -> Result<Contents, CopyError> {
    let Some(metadata) = metadata(from).await? else {
        check_new(from)?;
        return Err(CopyError::NoStore);
    };
    // A store that this program cannot read is not copied by it either: nobody could tell what it lacks.
    open_meta(&metadata)?;
    begin(to, progress).await?;
    write_what_differs(from, to, progress).await?;
    progress("comparing both sides".to_owned());
    let (source, target) =
        tokio::try_join!(contents(from, &metadata, progress), contents(to, &metadata, &|_| {}))?;
    if source != target {
        return Err(CopyError::Differs { from: source, to: target });
    }
    let mut last = Batch::default();
    last.checks.push((key::meta(), Some(meta::unfinished().into())));
    last.put(key::meta(), metadata);
    to.commit(last).await?;
    Ok(source)
}

/// Puts the mark into an empty target. An unfinished copy has it already.
async fn begin(to: &Arc<dyn Engine>, progress: &(dyn Fn(String) + Sync)) -> Result<(), CopyError> {
    if metadata(to).await?.is_some_and(|found| found == meta::unfinished()) {
        progress("continuing the copy that ended early".to_owned());
        return Ok(());
    }
    if !to.scan(everything(), Direction::Forward, 1).await?.is_empty() {
        return Err(CopyError::NotEmpty);
    }
    let mut first = Batch::default();
    first.checks.push((key::meta(), None));
    first.put(key::meta(), meta::unfinished());
    match to.commit(first).await {
        Err(EngineError::Conflict) => Err(CopyError::NotEmpty),
        done => Ok(done.map(drop)?),
    }
}

async fn metadata(engine: &Arc<dyn Engine>) -> Result<Option<Value>, CopyError> {
    Ok(engine.get_many(&[key::meta()]).await?.pop().flatten())
}

/// Makes all keys of `to` but the metadata equal to those of `from`.
async fn write_what_differs(
    from: &Arc<dyn Engine>,
    to: &Arc<dyn Engine>,
    progress: &(dyn Fn(String) + Sync),
) -> Result<(), CopyError> {
    let (mut source, mut target) = (Side::of(from), Side::of(to));
    let mut batch = Batch::default();
    let mut told = Told::default();
    loop {
        // The target is read ahead of what is written: its next key is looked at before any key of the source
        // that comes after it.
        let (next, there) = (source.peek().await?, target.peek().await?);
        let (takes_source, takes_target) = match (next, there) {
            (None, None) => break,
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some((next, _)), Some((there, _))) => (next <= there, next >= there),
        };
        let next = if takes_source { source.take() } else { None };
        let there = if takes_target { target.take() } else { None };
        match (next, there) {
            (Some(next), there) if there.as_ref() != Some(&next) => batch.put(next.0, next.1),
            (None, Some((key, _))) => batch.delete(key),
            (Some(_), Some(_)) | (_, None) => {}
        }
        if batch.bytes() >= WRITE_BYTES || batch.puts.len() + batch.deletes.len() >= WRITE_KEYS {
            told.add(&batch, progress);
            to.commit(std::mem::take(&mut batch)).await?;
        }
    }
    told.add(&batch, progress);
    if !(batch.puts.is_empty() && batch.deletes.is_empty()) {
        to.commit(batch).await?;
    }
    progress(format!("wrote {} keys, {} bytes", told.keys, told.bytes));
    Ok(())
}

/// What was written so far.
#[derive(Default)]
struct Told {
    keys: usize,
    bytes: u64,
    next: u64,
}

impl Told {
    fn add(&mut self, batch: &Batch, progress: &(dyn Fn(String) + Sync)) {
        self.keys += batch.puts.len() + batch.deletes.len();
        self.bytes += u64::try_from(batch.bytes()).unwrap_or(u64::MAX);
        if self.bytes >= self.next + TELL_EVERY_BYTES {
            self.next = self.bytes;
            progress(format!("copied {} keys, {} bytes", self.keys, self.bytes));
        }
    }
}

/// Reads all pairs. `metadata` stands for the mark of an unfinished copy.
async fn contents(
    engine: &Arc<dyn Engine>,
    metadata: &Value,
    progress: &(dyn Fn(String) + Sync),
) -> Result<Contents, CopyError> {
    let mut hash = Sha256::new();
    let mut found = Contents { keys: 0, bytes: 0, hash: [0; 32] };
    let mut next = TELL_EVERY_BYTES;
    let mut add = |key: &[u8], value: &[u8], found: &mut Contents| {
        for part in [key, value] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part);
            found.bytes += u64::from(length);
        }
        found.keys += 1;
    };
    add(&key::meta(), metadata, &mut found);
    let mut side = Side::of(engine);
    while side.peek().await?.is_some() {
        while let Some((key, value)) = side.take() {
            add(&key, &value, &mut found);
        }
        if found.bytes >= next {
            next = found.bytes + TELL_EVERY_BYTES;
            progress(format!("compared {} keys, {} bytes", found.keys, found.bytes));
        }
    }
    found.hash = hash.finalize().into();
    Ok(found)
}

/// One side of a copy, in the order of its keys, without the metadata.
struct Side<'a> {
    engine: &'a Arc<dyn Engine>,
    rest: KeyRange,
    page: VecDeque<(Key, Value)>,
    is_read: bool,
}

impl<'a> Side<'a> {
    fn of(engine: &'a Arc<dyn Engine>) -> Self {
        Self { engine, rest: everything(), page: VecDeque::new(), is_read: false }
    }

    async fn peek(&mut self) -> Result<Option<&(Key, Value)>, EngineError> {
        while self.page.is_empty() && !self.is_read {
            let page = self.engine.scan(self.rest.clone(), Direction::Forward, READ_AT_ONCE).await?;
            match page.last() {
                Some((last, _)) => self.rest.start = Bound::Excluded(last.clone()),
                None => self.is_read = true,
            }
            self.page = page.into_iter().filter(|(found, _)| *found != key::meta()).collect();
        }
        Ok(self.page.front())
    }

    /// The pair that was looked at, and those read with it.
    fn take(&mut self) -> Option<(Key, Value)> {
        self.page.pop_front()
    }
}

fn everything() -> KeyRange {
    KeyRange { start: Bound::Unbounded, end: Bound::Unbounded }
}

#[cfg(test)]
mod tests;
