//! The table bytes, and the ranges that tables take in the key space.

use std::ops::Bound;

use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;

pub(super) const META: u8 = 0x01;
pub(super) const NEXT_BASE: u8 = 0x02;
pub(super) const TOKEN: u8 = 0x03;
pub(super) const TOKEN_USE: u8 = 0x04;
pub(in crate::stored) const REQUEST: u8 = 0x05;
pub(in crate::stored) const REQUEST_TIME: u8 = 0x06;
pub(in crate::stored) const JOB: u8 = 0x0a;
pub(in crate::stored) const JOB_DATA: u8 = 0x0b;
pub(super) const HEADER: u8 = 0x10;
pub(super) const SETTINGS: u8 = 0x11;
pub(in crate::stored) const AUDIENCE: u8 = 0x12;
pub(super) const BLOCK: u8 = 0x20;
pub(super) const COMMIT: u8 = 0x21;
pub(in crate::stored) const RECORD: u8 = 0x22;
pub(in crate::stored) const RECORD_NAME: u8 = 0x23;
pub(in crate::stored) const TRANSACTION: u8 = 0x24;
pub(in crate::stored) const RECORD_COUNTS: u8 = 0x25;
pub(in crate::stored) const RECORD_PURGE: u8 = 0x26;
pub(super) const INDEX: u8 = 0x30;
pub(super) const BUCKET: u8 = 0x31;
pub(in crate::stored) const NARROW_SET: u8 = 0x32;
pub(in crate::stored) const SET: u8 = 0x33;
pub(in crate::stored) const AUDIENCE_SET: u8 = 0x34;
pub(in crate::stored) const SEARCH: u8 = 0x35;
pub(super) const RECENT: u8 = 0x36;

/// The length of the table byte and the base number, with which the keys of a base begin.
pub(in crate::stored) const BASE_BYTES: usize = 5;

/// The tables of the store itself that have more than one key.
pub(super) const STORE_TABLES: [u8; 4] = [TOKEN, TOKEN_USE, REQUEST, REQUEST_TIME];

/// The tables whose keys begin with a base number. A purge of the base empties all of them.
pub(super) const BASE_TABLES: [u8; 19] = [
    JOB,
    JOB_DATA,
    HEADER,
    SETTINGS,
    AUDIENCE,
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
    AUDIENCE_SET,
    SEARCH,
    RECENT,
];

/// The ranges of all keys of a base, except its head and settings. A purge deletes these last and together,
/// so that an interrupted purge is continued.
pub fn all_of(base: BaseNumber) -> impl Iterator<Item = KeyRange> {
    let tables = BASE_TABLES.into_iter().rev().filter(|table| ![HEADER, SETTINGS].contains(table));
    tables.map(move |table| KeyRange::prefix(&of_base(table, base, 0)))
}

/// The tables of bases except that of the heads, each as a range over all bases and with its name in texts.
pub fn tables_of_bases() -> impl Iterator<Item = (&'static str, KeyRange)> {
    let name = |table| match table {
        JOB => "jobs",
        JOB_DATA => "data of jobs",
        SETTINGS => "settings",
        AUDIENCE => "audiences",
        BLOCK => "blocks",
        COMMIT => "commits",
        RECORD => "records of members",
        RECORD_NAME => "names of records",
        TRANSACTION => "external ids of transactions",
        RECORD_COUNTS => "counts of records",
        RECORD_PURGE => "records to purge",
        INDEX => "index states",
        BUCKET => "buckets",
        RECENT => "buckets of recent levels",
        AUDIENCE_SET => "chunks of audiences",
        SEARCH => "search sets",
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

/// The lease that a key belongs to: the number of its base. `None` for the keys of the store, and for those of
/// jobs, which the server that owns the store writes even while the base is lent.
#[must_use]
pub fn lease_of(key: &[u8]) -> Option<u32> {
    let table = key.first()?;
    let is_lent = BASE_TABLES.contains(table) && ![JOB, JOB_DATA].contains(table);
    base_of(key).filter(|_| is_lent).map(|base| base.0)
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
pub(in crate::stored) fn own_part(table: u8, key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(&[table])?.get(BASE_BYTES - 1..)
}

/// The beginning of a key of this table and base, with room for `more` bytes.
pub(in crate::stored) fn of_base(table: u8, base: BaseNumber, more: usize) -> Key {
    let mut key = Vec::with_capacity(BASE_BYTES + more);
    key.push(table);
    key.extend_from_slice(&base.0.to_be_bytes());
    key
}
