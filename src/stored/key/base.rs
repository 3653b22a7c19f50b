//! The keys of a base: head, settings, blocks, commits, index state and buckets.

use std::ops::Bound;

use super::table::{BLOCK, BUCKET, COMMIT, HEADER, INDEX, RECENT, SETTINGS, of_base, own_part};
use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;

/// The key of a base's head (up to version 3, of its whole header).
#[must_use]
pub fn header(base: BaseNumber) -> Key {
    of_base(HEADER, base, 0)
}

/// Every head, in order of base numbers.
#[must_use]
pub fn headers() -> KeyRange {
    KeyRange::prefix(&[HEADER])
}

/// The key of a base's settings.
#[must_use]
pub fn settings(base: BaseNumber) -> Key {
    of_base(SETTINGS, base, 0)
}

/// The settings of a base as a range, which contains one key.
#[must_use]
pub fn all_settings(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&settings(base))
}

/// The base in the key of a head.
#[must_use]
pub fn header_base(key: &[u8]) -> Option<BaseNumber> {
    let rest = key.strip_prefix(&[HEADER])?;
    Some(BaseNumber(u32::from_be_bytes(rest.try_into().ok()?)))
}

/// The key of the part of a block whose first slot is `first`.
#[must_use]
pub fn block(base: BaseNumber, block: u64, first: u8) -> Key {
    let mut key = of_base(BLOCK, base, 9);
    key.extend_from_slice(&block.to_be_bytes());
    key.push(first);
    key
}

/// Every block of a base.
#[must_use]
pub fn blocks(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(BLOCK, base, 0))
}

/// Block and first slot in the key of a part of a block.
#[must_use]
pub fn block_parts(key: &[u8]) -> Option<(u64, u8)> {
    let (block, first) = own_part(BLOCK, key)?.split_at_checked(8)?;
    let [first] = first else { return None };
    Some((u64::from_be_bytes(block.try_into().ok()?), *first))
}

/// The key of one part of a commit.
#[must_use]
pub fn commit(base: BaseNumber, revision: u64, part: u32) -> Key {
    let mut key = commits_of(base, revision);
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// The commits of a base from `revision` on, in all their parts.
#[must_use]
pub fn commits_from(base: BaseNumber, revision: u64) -> KeyRange {
    let mut range = KeyRange::prefix(&of_base(COMMIT, base, 0));
    range.start = Bound::Included(commits_of(base, revision));
    range
}

/// The parts of the commit of one revision.
#[must_use]
pub fn commit_of(base: BaseNumber, revision: u64) -> KeyRange {
    KeyRange::prefix(&commits_of(base, revision))
}

/// Every commit of a base.
#[must_use]
pub fn commits(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(COMMIT, base, 0))
}

/// The revision in the key of a part of a commit.
#[must_use]
pub fn commit_revision(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(5..13)?.try_into().ok()?))
}

/// Revision and part in the key of a part of a commit. Parts had two bytes in stores of format 1.
#[must_use]
pub fn commit_parts(key: &[u8]) -> Option<(u64, u32)> {
    let (revision, part) = own_part(COMMIT, key)?.split_at_checked(8)?;
    let part = match part.len() {
        2 => u32::from(u16::from_be_bytes(part.try_into().ok()?)),
        _ => u32::from_be_bytes(part.try_into().ok()?),
    };
    Some((u64::from_be_bytes(revision.try_into().ok()?), part))
}

/// The index state of a base as a range, which contains one key.
#[must_use]
pub fn indexes(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&index(base))
}

/// The key of a base's index state.
#[must_use]
pub fn index(base: BaseNumber) -> Key {
    of_base(INDEX, base, 0)
}

/// The two levels of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// All entries, but for the changes in the other level.
    Main,
    /// What changed since the main level was last written.
    Recent,
}

impl Level {
    const fn table(self) -> u8 {
        match self {
            Self::Main => BUCKET,
            Self::Recent => RECENT,
        }
    }
}

/// The key of one bucket of a level of a lookup.
#[must_use]
pub fn bucket(base: BaseNumber, level: Level, lookup: u8, bucket: u32) -> Key {
    let mut key = of_base(level.table(), base, 5);
    key.push(lookup);
    key.extend_from_slice(&bucket.to_be_bytes());
    key
}

/// The buckets of a level of a lookup from `first` on.
#[must_use]
pub fn buckets_from(base: BaseNumber, level: Level, lookup: u8, first: u32) -> KeyRange {
    let mut prefix = of_base(level.table(), base, 1);
    prefix.push(lookup);
    let mut range = KeyRange::prefix(&prefix);
    range.start = Bound::Included(bucket(base, level, lookup, first));
    range
}

/// The buckets of a level of all lookups of a base, from `lookup` on.
#[must_use]
pub fn lookups_from(base: BaseNumber, level: Level, lookup: u8) -> KeyRange {
    let mut range = KeyRange::prefix(&of_base(level.table(), base, 0));
    let mut start = of_base(level.table(), base, 1);
    start.push(lookup);
    range.start = Bound::Included(start);
    range
}

/// Lookup and bucket in the key of a bucket of a level.
#[must_use]
pub fn bucket_parts(level: Level, key: &[u8]) -> Option<(u8, u32)> {
    let (&lookup, bucket) = own_part(level.table(), key)?.split_first()?;
    Some((lookup, u32::from_be_bytes(bucket.try_into().ok()?)))
}

fn commits_of(base: BaseNumber, revision: u64) -> Key {
    let mut key = of_base(COMMIT, base, 12);
    key.extend_from_slice(&revision.to_be_bytes());
    key
}
