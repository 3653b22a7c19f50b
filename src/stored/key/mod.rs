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
//! | `12` audience | base u32, audience u32 (0: [`Numbers`]) | [`Record`] |
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
//! | `34` rows of an audience | base u32, audience u32, kind u8, chunk u64 | chunk, in [`index`][index_value] |
//! | `35` search sets | base u32, group u16, chunk u64, first place u8 | sets, in [`search`][search_value] |
//! | `36` bucket of the recent level | base u32, lookup u8, bucket u32 | [`bucket`][bucket_value] |
//!
//! The name in table `23` is either 0 and the id u128, or 1 and the name that the caller chose.
//!
//! Reserved, and not used yet: `07` the store's revision, `08` fences of leases, `09` beats of leases, `0a`
//! jobs, `0b` data of jobs.
//!
//! The keys of records are in [`record_key`], those of results in [`idempotency::key`], those of sets in
//! [`set_key`], those of audiences in [`audience`], those of search sets in [`search`][search_value]. `00`
//! belongs to engines. A table byte that falls out of use stays in this list, so that it is never used again.
//!
//! [`Meta`]: crate::stored::meta::Meta
//! [`Numbers`]: crate::stored::audience::Numbers
//! [`Record`]: crate::stored::audience::Record
//! [`audience`]: crate::stored::audience
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
//! [search_value]: crate::stored::search
//! [`record_key`]: crate::stored::record_key
//! [`idempotency::key`]: crate::stored::idempotency::key
//! [`set_key`]: crate::stored::set_key

mod base;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use self::base::{
    Level, all_settings, block, block_parts, blocks, bucket, bucket_parts, buckets_from, commit, commit_of,
    commit_parts, commit_revision, commits, commits_from, header, header_base, headers, index, indexes,
    lookups_from, settings,
};
pub use self::store::{
    meta, next_base, token, token_number, token_use, token_use_number, token_uses, tokens,
};
pub(super) use self::table::{
    AUDIENCE, AUDIENCE_SET, BASE_BYTES, JOB, JOB_DATA, NARROW_SET, RECORD, RECORD_COUNTS, RECORD_NAME,
    RECORD_PURGE, REQUEST, REQUEST_TIME, SEARCH, SET, TRANSACTION, of_base, own_part,
};
pub use self::table::{after_base, all_of, base_of, lease_of, tables_of_bases, unclaimed};
