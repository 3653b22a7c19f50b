//! The registry of keys. All numbers are big-endian, so byte order is number order.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `01` meta | | [`crate::stored::meta::Meta`] |
//! | `02` next base | | the next base number, as [`crate::stored::meta::next_base`] writes it |
//! | `03` token | token u32 | [`crate::stored::token`] |
//! | `04` use of a token | token u32 | [`crate::stored::token`] (when it was last used) |
//! | `05` answer to a request | name u128, part u32 (u16 in stores of format 1) | [`crate::stored::idempotency`] |
//! | `06` time of a request | time u64, name u128 | [`crate::stored::idempotency`] (bytes and parts) |
//! | `10` head | base u32 | [`crate::stored::header::Head`]; up to version 3 the whole header |
//! | `11` settings | base u32 | the other record of [`crate::stored::header::Header`] |
//! | `20` block | base u32, block u64, first slot u8 | [`crate::stored::block`] |
//! | `21` commit | base u32, revision u64, part u32 (u16 in stores of format 1) | [`crate::stored::commit`] |
//! | `22` record of a member | base u32, row u64, kind u8, sequence u64 | [`crate::stored::member_record`] |
//! | `23` name of such a record | base u32, row u64, kind u8, 0 and the id u128, or 1 and the caller's name | [`crate::stored::member_record`] (a place) |
//! | `24` external id of a transaction | base u32, external id | [`crate::stored::member_record`] (a place) |
//! | `25` counts of a member's records | base u32, row u64 | [`crate::stored::member_record`] (counts) |
//! | `26` records to purge | base u32, row u64 | [`crate::stored::member_record::Purge`] |
//! | `30` index | base u32 | [`crate::stored::index::IndexState`] |
//! | `31` bucket | base u32, lookup u8, bucket u32 | [`crate::stored::bucket`] |
//! | `32` set, in stores of format 1 | base u32, field u8, value length u16, value, chunk u64 | [`crate::stored::index`] (a set chunk) |
//! | `33` set | base u32, field u16, value length u16, value, chunk u64 | [`crate::stored::index`] (a set chunk) |
//!
//! Reserved, and not used yet: `07` the store's revision, `08` fences of leases, `09` beats of leases, `0a` jobs, `0b` data of
//! jobs, `12` audiences.
//!
//! The keys of records are made in [`crate::stored::record_key`], those of requests in [`crate::stored::idempotency::key`], those of sets in
//! [`crate::stored::set_key`]. `00` belongs to engines. A table byte that falls out of use stays listed here, so that it is never
//! used again.

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

/// Bytes before what tells the keys of one base and table apart: the table, and the base's number.
pub(super) const BASE_BYTES: usize = 5;

/// The tables of what belongs to no base, of many keys each.
const STORE_TABLES: [u8; 4] = [TOKEN, TOKEN_USE, REQUEST, REQUEST_TIME];

/// The tables whose keys begin with a base's number: all that is purged with it.
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

/// The store's meta record.
#[must_use]
pub fn meta() -> Key {
    vec![META]
}

/// The number that the next base gets.
#[must_use]
pub fn next_base() -> Key {
    vec![NEXT_BASE]
}

/// A token, by its number: tokens are numbered as they are made.
#[must_use]
pub fn token(number: u32) -> Key {
    numbered(TOKEN, number)
}

/// Every token, oldest first.
#[must_use]
pub fn tokens() -> KeyRange {
    KeyRange::prefix(&[TOKEN])
}

/// When a token was last used.
#[must_use]
pub fn token_use(number: u32) -> Key {
    numbered(TOKEN_USE, number)
}

/// When each token was last used.
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

/// A base's header.
#[must_use]
pub fn header(base: BaseNumber) -> Key {
    of_base(HEADER, base, 0)
}

/// Every header, in order of base numbers.
#[must_use]
pub fn headers() -> KeyRange {
    KeyRange::prefix(&[HEADER])
}

/// A base's settings.
#[must_use]
pub fn settings(base: BaseNumber) -> Key {
    of_base(SETTINGS, base, 0)
}

/// Everything of a base in the table of its settings, which is one key.
#[must_use]
pub fn all_settings(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&settings(base))
}

/// The base of a header key.
#[must_use]
pub fn header_base(key: &[u8]) -> Option<BaseNumber> {
    let rest = key.strip_prefix(&[HEADER])?;
    Some(BaseNumber(u32::from_be_bytes(rest.try_into().ok()?)))
}

/// One part of a block: the one whose first slot is `first`.
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

/// Block and first slot of a block key.
#[must_use]
pub fn block_parts(key: &[u8]) -> Option<(u64, u8)> {
    let (block, first) = own_part(BLOCK, key)?.split_at_checked(8)?;
    let [first] = first else { return None };
    Some((u64::from_be_bytes(block.try_into().ok()?), *first))
}

/// One part of a commit.
#[must_use]
pub fn commit(base: BaseNumber, revision: u64, part: u32) -> Key {
    let mut key = commits_of(base, revision);
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// The commits of a base from `revision` on.
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

/// The revision in a commit key.
#[must_use]
pub fn commit_revision(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(5..13)?.try_into().ok()?))
}

/// Revision and part of a commit key. Parts had two bytes in stores of format 1.
#[must_use]
pub fn commit_parts(key: &[u8]) -> Option<(u64, u32)> {
    let (revision, part) = own_part(COMMIT, key)?.split_at_checked(8)?;
    let part = match part.len() {
        2 => u32::from(u16::from_be_bytes(part.try_into().ok()?)),
        _ => u32::from_be_bytes(part.try_into().ok()?),
    };
    Some((u64::from_be_bytes(revision.try_into().ok()?), part))
}

/// Everything of a base in the table of its index state, which is one key.
#[must_use]
pub fn indexes(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&index(base))
}

/// The state of a base's indexes.
#[must_use]
pub fn index(base: BaseNumber) -> Key {
    of_base(INDEX, base, 0)
}

/// One bucket of a lookup.
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

/// Lookup and bucket of a bucket key.
#[must_use]
pub fn bucket_parts(key: &[u8]) -> Option<(u8, u32)> {
    let (&lookup, bucket) = own_part(BUCKET, key)?.split_first()?;
    Some((lookup, u32::from_be_bytes(bucket.try_into().ok()?)))
}

/// Every range that holds keys of a base, but for its head and its settings: these go last and together, so that a purge cut
/// short is taken up again.
pub fn all_of(base: BaseNumber) -> impl Iterator<Item = KeyRange> {
    let tables = BASE_TABLES.into_iter().rev().filter(|table| ![HEADER, SETTINGS].contains(table));
    tables.map(move |table| KeyRange::prefix(&of_base(table, base, 0)))
}

/// The tables of what belongs to a base, its header aside, each with its name and as a range.
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

/// The base that a key of such a table belongs to.
#[must_use]
pub fn base_of(key: &[u8]) -> Option<BaseNumber> {
    Some(BaseNumber(u32::from_be_bytes(key.get(1..BASE_BYTES)?.try_into().ok()?)))
}

/// `range` without the keys up to and including those of `base`.
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

/// The key space outside of every table: nothing is ever there.
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
