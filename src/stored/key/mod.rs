//! The registry of keys. All numbers are big-endian, so byte order is number order.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `01` meta | | [`Meta`] |
//! | `02` next base | | [the next base number][next_base_value] |
//! | `03` token | token u32 | [`token`][token_value] |
//! | `04` use of a token | token u32 | the time of its last use, also [`token`][token_value] |
//! | `05` result of a request | hash of the request id u128, part u32 (u16 in format 1) | [`StoredResult`] |
//! | `06` time of a request | time u64, hash of the request id u128 | [`Size`] |
//! | `10` head | base u32 | [`Head`]; up to version 3 the whole header |
//! | `11` settings | base u32 | the settings of a [`Header`] |
//! | `20` block | base u32, block u64, first slot u8 | [`block`][block_value] |
//! | `21` commit | base u32, revision u64, part u32 (u16 in format 1) | [`commit`][commit_value] |
//! | `22` record of a member | base u32, row u64, kind u8, sequence u64 | [`member_record`] |
//! | `23` name of a record | base u32, row u64, kind u8, name | a place, in [`member_record`] |
//! | `24` external id of a transaction | base u32, external id | a place, in [`member_record`] |
//! | `25` counts of a member's records | base u32, row u64 | counts, in [`member_record`] |
//! | `26` records to purge | base u32, row u64 | [`Purge`] |
//! | `30` index state | base u32 | [`IndexState`] |
//! | `31` bucket | base u32, lookup u8, bucket u32 | [`bucket`][bucket_value] |
//! | `32` set, in format 1 | base u32, field u8, value length u16, value, chunk u64 | chunk, in [`index`][index_value] |
//! | `33` set | base u32, field u16, value length u16, value, chunk u64 | chunk, in [`index`][index_value] |
//!
//! The name in table `23` is either 0 and the id u128, or 1 and the name that the caller chose.
//!
//! Reserved, and not used yet: `07` the store's revision, `08` fences of leases, `09` beats of leases, `0a`
//! jobs, `0b` data of jobs, `12` audiences.
//!
//! The keys of records are in [`record_key`], those of results in [`idempotency::key`], those of sets in
//! [`set_key`]. `00` belongs to engines. A table byte that falls out of use stays in this list, so that it is
//! never used again.
//!
//! [`Meta`]: crate::stored::meta::Meta
//! [next_base_value]: crate::stored::meta::next_base
//! [token_value]: crate::stored::token
//! [`StoredResult`]: crate::stored::idempotency::StoredResult
//! [`Size`]: crate::stored::idempotency::Size
//! [`Head`]: crate::stored::header::Head
//! [`Header`]: crate::stored::header::Header
//! [block_value]: crate::stored::block
//! [commit_value]: crate::stored::commit
//! [`member_record`]: crate::stored::member_record
//! [`Purge`]: crate::stored::member_record::Purge
//! [`IndexState`]: crate::stored::index::IndexState
//! [bucket_value]: crate::stored::bucket
//! [index_value]: crate::stored::index
//! [`record_key`]: crate::stored::record_key
//! [`idempotency::key`]: crate::stored::idempotency::key
//! [`set_key`]: crate::stored::set_key

#[cfg(test)]
mod tests;

use std::ops::Bound;

use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;

const META: u8 = 0x01;
const NEXT_BASE: u8 = 0x02;
const TOKEN: u8 = 0x03;
const TOKEN_USE: u8 = 0x04;
pub(super) const REQUEST: u8 = 0x05;
pub(super) const REQUEST_TIME: u8 = 0x06;
const HEADER: u8 = 0x10;
const SETTINGS: u8 = 0x11;
const BLOCK: u8 = 0x20;
const COMMIT: u8 = 0x21;
pub(super) const RECORD: u8 = 0x22;
pub(super) const RECORD_NAME: u8 = 0x23;
pub(super) const TRANSACTION: u8 = 0x24;
pub(super) const RECORD_COUNTS: u8 = 0x25;
pub(super) const RECORD_PURGE: u8 = 0x26;
const INDEX: u8 = 0x30;
const BUCKET: u8 = 0x31;
pub(super) const NARROW_SET: u8 = 0x32;
pub(super) const SET: u8 = 0x33;

/// The length of the table byte and the base number, with which the keys of a base begin.
pub(super) const BASE_BYTES: usize = 5;

/// The tables of the store itself that have more than one key.
const STORE_TABLES: [u8; 4] = [TOKEN, TOKEN_USE, REQUEST, REQUEST_TIME];

/// The tables whose keys begin with a base number. A purge of the base empties all of them.
const BASE_TABLES: [u8; 13] = [
    HEADER,
    SETTINGS,
    BLOCK,
    COMMIT,
    RECORD,
    RECORD_NAME,
    TRANSACTION,
    RECORD_COUNTS,
    RECORD_PURGE,
    INDEX,
    BUCKET,
    NARROW_SET,
    SET,
];

/// The key of the meta record.
#[must_use]
pub fn meta() -> Key {
    vec![META]
}

/// The key of the number that the next base gets.
#[must_use]
pub fn next_base() -> Key {
    vec![NEXT_BASE]
}

/// The key of a token. Tokens are numbered in the order of their creation.
#[must_use]
pub fn token(number: u32) -> Key {
    numbered(TOKEN, number)
}

/// Every token, oldest first.
#[must_use]
pub fn tokens() -> KeyRange {
    KeyRange::prefix(&[TOKEN])
}

/// The key of the time when a token was last used.
#[must_use]
pub fn token_use(number: u32) -> Key {
    numbered(TOKEN_USE, number)
}

/// The times when tokens were last used.
#[must_use]
pub fn token_uses() -> KeyRange {
    KeyRange::prefix(&[TOKEN_USE])
}

/// The number in the key of a token's last use.
#[must_use]
pub fn token_use_number(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.strip_prefix(&[TOKEN_USE])?.try_into().ok()?))
}

/// The number in the key of a token.
#[must_use]
pub fn token_number(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.strip_prefix(&[TOKEN])?.try_into().ok()?))
}

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

/// The key of one bucket of a lookup.
#[must_use]
pub fn bucket(base: BaseNumber, lookup: u8, bucket: u32) -> Key {
    let mut key = of_base(BUCKET, base, 5);
    key.push(lookup);
    key.extend_from_slice(&bucket.to_be_bytes());
    key
}

/// The buckets of a lookup from `first` on.
#[must_use]
pub fn buckets_from(base: BaseNumber, lookup: u8, first: u32) -> KeyRange {
    let mut prefix = of_base(BUCKET, base, 1);
    prefix.push(lookup);
    let mut range = KeyRange::prefix(&prefix);
    range.start = Bound::Included(bucket(base, lookup, first));
    range
}

/// The buckets of all lookups of a base, from `lookup` on.
#[must_use]
pub fn lookups_from(base: BaseNumber, lookup: u8) -> KeyRange {
    let mut range = KeyRange::prefix(&of_base(BUCKET, base, 0));
    let mut start = of_base(BUCKET, base, 1);
    start.push(lookup);
    range.start = Bound::Included(start);
    range
}

/// Lookup and bucket in the key of a bucket.
#[must_use]
pub fn bucket_parts(key: &[u8]) -> Option<(u8, u32)> {
    let (&lookup, bucket) = own_part(BUCKET, key)?.split_first()?;
    Some((lookup, u32::from_be_bytes(bucket.try_into().ok()?)))
}

/// The ranges of all keys of a base, except its head and settings. A purge deletes these last and together,
/// so that an interrupted purge is continued.
pub fn all_of(base: BaseNumber) -> impl Iterator<Item = KeyRange> {
    let tables = BASE_TABLES.into_iter().rev().filter(|table| ![HEADER, SETTINGS].contains(table));
    tables.map(move |table| KeyRange::prefix(&of_base(table, base, 0)))
}

/// The tables of bases except that of the heads, each as a range over all bases and with its name in texts.
pub fn tables_of_bases() -> impl Iterator<Item = (&'static str, KeyRange)> {
    let name = |table| match table {
        SETTINGS => "settings",
        BLOCK => "blocks",
        COMMIT => "commits",
        RECORD => "records of members",
        RECORD_NAME => "names of records",
        TRANSACTION => "external ids of transactions",
        RECORD_COUNTS => "counts of records",
        RECORD_PURGE => "records to purge",
        INDEX => "index states",
        BUCKET => "buckets",
        _ => "set chunks",
    };
    let tables = BASE_TABLES.into_iter().filter(|table| *table != HEADER);
    tables.map(move |table| (name(table), KeyRange::prefix(&[table])))
}

/// The base in a key of one of the tables of bases.
#[must_use]
pub fn base_of(key: &[u8]) -> Option<BaseNumber> {
    Some(BaseNumber(u32::from_be_bytes(key.get(1..BASE_BYTES)?.try_into().ok()?)))
}

/// `range` without the keys up to and including those of `base` in the table of `key`, which is one of them.
#[must_use]
pub fn after_base(mut range: KeyRange, key: &[u8], base: BaseNumber) -> KeyRange {
    let table = key.get(..1).unwrap_or_default();
    let own: Key = [table, &base.0.to_be_bytes()].concat();
    range.start = match KeyRange::prefix(&own).end {
        Bound::Excluded(end) | Bound::Included(end) => Bound::Included(end),
        Bound::Unbounded => Bound::Excluded(key.to_vec()),
    };
    range
}

/// The ranges between the tables, in which no key may be.
#[must_use]
pub fn unclaimed() -> Vec<KeyRange> {
    let mut start = Bound::Unbounded;
    let mut gaps = Vec::new();
    for single in [META, NEXT_BASE] {
        gaps.push(KeyRange { start, end: Bound::Excluded(vec![single]) });
        start = Bound::Excluded(vec![single]);
    }
    for table in STORE_TABLES.into_iter().chain(BASE_TABLES) {
        gaps.push(KeyRange { start, end: Bound::Excluded(vec![table]) });
        start = Bound::Included(vec![table + 1]);
    }
    gaps.push(KeyRange { start, end: Bound::Unbounded });
    gaps
}

/// What follows the table and the base number in a key of this table.
pub(super) fn own_part(table: u8, key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(&[table])?.get(BASE_BYTES - 1..)
}

fn commits_of(base: BaseNumber, revision: u64) -> Key {
    let mut key = of_base(COMMIT, base, 12);
    key.extend_from_slice(&revision.to_be_bytes());
    key
}

fn numbered(table: u8, number: u32) -> Key {
    let mut key = vec![table];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

pub(super) fn of_base(table: u8, base: BaseNumber, more: usize) -> Key {
    let mut key = Vec::with_capacity(5 + more);
    key.push(table);
    key.extend_from_slice(&base.0.to_be_bytes());
    key
}
