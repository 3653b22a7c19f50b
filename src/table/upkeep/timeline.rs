//! The new timeline of a store that was restored to an earlier time.
//!
//! Clients still have ids, revisions and cursors from the time that is lost now. None of them may ever mean
//! something else, so the store jumps: rows, revisions and numbers continue far beyond any that the lost
//! time can have used. Cursors get a new key: a deleted row that lies before an old cursor may be back, and
//! the cursor would skip it. Members keep their ids.
//!
//! Jobs that were running are held: what they were to do may have been done, or undone, in the time that is
//! lost. The numbers of new jobs need no jump, because they are times.

use std::sync::Arc;

use crate::engine::{Batch, Engine, commit_caught_up};
use crate::model::origin::Call;
use crate::model::{AudienceNumber, BaseNumber, IdKey, Origin, Row, Sealer, Timestamp};
use crate::stored::audience::{self, Numbers};
use crate::stored::commit::{Change, CommitHead, CommitWriter, Deltas};
use crate::stored::header::{Head, Header, TIMELINE_JUMP};
use crate::stored::{key, meta};
use crate::table::TableError;
use crate::table::index::scan;
use crate::table::jobs::hold_running;
use crate::table::shared::meta::{open_meta, random};
use crate::table::shared::nonce::Nonces;

/// How far the number of the next base jumps. No store creates this many bases between a backup and its
/// restore. Base numbers have 32 bits, so a store can be restored about 250 times in a row.
const BASE_JUMP: u32 = 1 << 24;
/// How far the numbers of the audiences of a base jump. No base creates this many between a backup and its
/// restore. The numbers have 32 bits, so a store can be restored about 4,000 times in a row.
const AUDIENCE_JUMP: u32 = 1 << 20;
/// Bytes of headers and commits that are written together.
const BATCH_BYTES: usize = 1024 * 1024;

/// A moment in the history of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the last commit at or before this time.
    Time(Timestamp),
    /// After this revision of this base.
    Revision(BaseNumber, u64),
}

impl Moment {
    /// Whether a write, as the engine has it, was made after this moment.
    pub fn is_before(&self, key: &[u8], value: Option<&[u8]>) -> Result<bool, TableError> {
        let (Some(base), Some(value)) = (key::header_base(key), value) else { return Ok(false) };
        let head = Head::decode(value)?;
        Ok(match self {
            Self::Time(time) => head.committed_at > *time,
            Self::Revision(number, revision) => base == *number && head.revision > *revision,
        })
    }
}

/// The key of the store's metadata.
#[must_use]
pub fn meta_key() -> Vec<u8> {
    key::meta()
}

/// The sealer of ids of the store with this metadata.
pub fn sealer_of(meta: &[u8]) -> Result<Sealer, TableError> {
    Ok(Sealer::new(IdKey(open_meta(meta)?.id_key)))
}

/// The contents of a store after its restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Every base with its revision before the jump.
    pub bases: Vec<(BaseNumber, u64)>,
}

/// Begins a new timeline in the store in `engine`. Nothing else may use the store meanwhile, and if this
/// fails the store must not be used.
pub async fn begin_timeline(engine: &Arc<dyn Engine>, now: Timestamp) -> Result<Reached, TableError> {
    let values = engine.get_many(&[key::meta(), key::next_base()]).await?;
    let mut batch = Batch::default();
    let mut values = values.into_iter();
    if let Some(bytes) = values.next().flatten() {
        // The commits of the jump have the new format.
        let mut meta = open_meta(&bytes)?.raised();
        meta.cursor_key = random()?;
        batch.put(key::meta(), meta.encode());
    }
    if let Some(bytes) = values.next().flatten() {
        let used_up = || TableError::Damaged("base numbers are used up".to_owned());
        let next = meta::decode_next_base(&bytes)?.checked_add(BASE_JUMP).ok_or_else(used_up)?;
        batch.put(key::next_base(), meta::next_base(next));
    }
    let mut heads = Vec::new();
    scan::for_each(engine, key::headers(), |key, value| {
        heads.extend(key::header_base(&key).map(|base| (base, value)));
        Ok(())
    })
    .await?;
    let [a, b, c, d, e, f, g, h, ..] = random()?;
    let nonces = Nonces::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    let mut bases = Vec::with_capacity(heads.len());
    for (base, head) in heads {
        let settings = engine.get_many(&[key::settings(base)]).await?.pop().flatten();
        let before = Header::decode(&head, settings.as_deref())?;
        bases.push((base, before.revision));
        jump(&mut batch, base, &before, now, nonces.next())?;
        let numbers = engine.get_many(&[audience::numbers(base)]).await?.pop().flatten();
        jump_audiences(&mut batch, base, numbers.as_deref())?;
        if batch.bytes() >= BATCH_BYTES {
            commit_caught_up(&**engine, std::mem::take(&mut batch)).await?;
        }
    }
    commit_caught_up(&**engine, batch).await?;
    hold_running(engine, now).await?;
    Ok(Reached { bases })
}

/// Adds the jump of one base to `batch`, as a commit of that base.
fn jump(
    batch: &mut Batch,
    base: BaseNumber,
    before: &Header,
    now: Timestamp,
    nonce: u64,
) -> Result<(), TableError> {
    let used_up = || TableError::Damaged("rows or revisions are used up".to_owned());
    let header = Header {
        revision: before.revision.checked_add(TIMELINE_JUMP).ok_or_else(used_up)?,
        next_row: before.next_row.checked_add(TIMELINE_JUMP).ok_or_else(used_up)?,
        committed_at: before.committed_at.max(now),
        nonce,
        whole: None,
        ..before.clone()
    };
    let origin = Origin::system(Call::BEGIN_TIMELINE);
    let mut commit = CommitWriter::new(CommitHead { time: header.committed_at, origin, batch: nonce });
    commit.change(Row(0), Change::Base, Some(&before.encode_settings()), Deltas::default());
    for (part, bytes) in (0_u32..).zip(commit.finish()) {
        batch.put(key::commit(base, header.revision, part), bytes);
    }
    batch.put(key::header(base), header.encode_head());
    batch.put(key::settings(base), header.encode_settings());
    Ok(())
}

/// Adds the jump of the numbers of a base's audiences to `batch`. A base without audiences may have had some
/// in the lost time.
fn jump_audiences(batch: &mut Batch, base: BaseNumber, stored: Option<&[u8]>) -> Result<(), TableError> {
    let used_up = || TableError::Damaged("the numbers of audiences are used up".to_owned());
    let mut numbers = stored.map(Numbers::decode).transpose()?.unwrap_or_default();
    numbers.last = AudienceNumber(numbers.last.0.checked_add(AUDIENCE_JUMP).ok_or_else(used_up)?);
    batch.put(audience::numbers(base), numbers.encode());
    Ok(())
}
