//! Fuzz targets: each passes any bytes to code that reads such bytes from a caller or from disk. No target
//! may panic, nor take more memory than its input and the limits of what it reads allow.
//!
//! This module is not part of the crate's interface; only `fuzz/` and `tests/it/fuzz.rs` use it.

use crate::api::grpc::fuzz as wire;
use crate::engine::sled::fuzz as log;
use crate::lists::fuzz as lists;
use crate::model::{
    BaseName, BaseNumber, BaseSettings, Cursor, CursorKey, IdKey, JobNumber, RecordKind, Sealer, Timestamp,
};
use crate::stored::bucket::Width;
use crate::stored::commit::CommitPart;
use crate::stored::header::{self, Head, Header};
use crate::stored::idempotency::StoredResult;
use crate::stored::index::{IndexState, decode_chunk};
use crate::stored::key::Level;
use crate::stored::meta::{self, Meta};
use crate::stored::{
    block, bucket, idempotency, job, key, member, member_record, record_key, search, set_key, token,
};

/// A target: its name, which is also the name of the folder with its seeds, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 13] = [
    ("log", log::segment),
    ("snapshot", log::snapshot),
    ("payload", log::payload),
    ("records", records),
    ("filter", wire::filter),
    ("rows", wire::rows),
    ("texts", texts),
    ("csv", lists::table),
    ("ndjson", lists::ndjson),
    ("workbook", lists::workbook),
    ("xlsx", lists::xlsx),
    ("ods", lists::ods),
    ("xls", lists::xls),
];

/// Runs the target of this name.
///
/// # Panics
///
/// If there is no such target, or if the target found a fault.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(of, _)| *of == name);
    assert!(target.is_some(), "there is no target {name}");
    target.into_iter().for_each(|(_, target)| target(bytes));
}

/// The stored forms and the keys.
fn records(bytes: &[u8]) {
    let at = Timestamp::from_micros(0);
    let shared = bytes::Bytes::copy_from_slice(bytes);
    if let Ok(mut block) = block::Block::decode_first(&shared) {
        let _ = block.decode_more(&shared);
        // A block that was decoded can be encoded.
        let _ = block.write();
    }
    if let Ok(member) = member::decode(bytes) {
        let _ = member::encode(&member);
    }
    for width in [Width::Plain, Width::Fingerprint] {
        let _ = (bucket::bits(bytes), bucket::decode(width, bytes));
        let _ = bucket::find(width, bytes, 0).map(Iterator::count);
    }
    if let Ok(mut part) = CommitPart::open(bytes) {
        while let Ok(Some(_)) = part.next_change() {}
    }
    let _ = Head::decode(bytes);
    let _ = Header::decode(bytes, None).map(|header| (header.encode_head(), header.encode_settings()));
    let head = Header::new(BaseSettings::named(BaseName::from_stored(String::new())), at, 0).encode_head();
    let _ = Header::decode(&head, Some(bytes)).map(|header| header.encode_settings());
    let _ = header::may_precede(bytes, 1);
    let _ = IndexState::decode(bytes).map(|state| state.encode());
    let _ = decode_chunk(bytes);
    let _ = Meta::format(bytes);
    let _ = Meta::decode(bytes).map(|meta| meta.encode());
    let _ = meta::decode_next_base(bytes);
    let _ = token::decode(bytes).map(|(token, hash)| token::encode(&token, &hash));
    let _ = token::decode_use(bytes);
    if let Ok(mut stored) = StoredResult::decode(bytes) {
        let _ = stored.join(bytes);
        let _ = stored.encode();
    }
    let _ = (
        idempotency::Size::decode(bytes).map(|size| size.encode()),
        idempotency::key::request_parts(bytes),
        idempotency::key::request_time_parts(bytes),
    );
    jobs(bytes);
    for kind in RecordKind::ALL {
        if let Ok(record) = member_record::decode(kind, bytes) {
            let again = member_record::decode(kind, &member_record::encode(&record));
            assert_eq!(again, Ok(record), "encoding and decoding must return the same record");
        }
    }
    let _ = member_record::Purge::decode(bytes).map(|purge| purge.encode());
    let _ = (member_record::decode_counts(bytes), member_record::decode_place(bytes));
    let _ = (record_key::record_place(bytes), record_key::record_name_parts(bytes));
    let _ = (record_key::transaction_name(bytes), record_key::counted_row(bytes));
    let _ = (
        key::header_base(bytes),
        key::commit_revision(bytes),
        set_key::set_parts(bytes),
        key::base_of(bytes),
    );
    let mut entries = Vec::new();
    if search::decode(bytes, |place, rows| rows.entries(place, &mut entries)).is_ok() {
        let _ = search::encode(&entries);
    }
    let _ = search::part_of(bytes);
    let _ = (key::token_number(bytes), key::token_use_number(bytes));
    let _ = (key::block_parts(bytes), key::commit_parts(bytes));
    let _ = [Level::Main, Level::Recent].map(|level| key::bucket_parts(level, bytes));
}

/// The stored forms and the keys of jobs.
fn jobs(bytes: &[u8]) {
    let (base, number) = (BaseNumber(1), JobNumber(2));
    let _ = job::decode(base, number, bytes).map(|job| job::encode(&job));
    let _ = job::unpack(bytes).map(|plain| job::pack(&plain));
    let _ = job::decode_planned(bytes).map(|rows| job::encode_planned(&rows));
    let _ = job::decode_removals(bytes).map(|rows| job::encode_removals(&rows));
    let _ = job::decode_step(bytes).map(|step| job::encode_step(&step));
    let _ = (job::job_number(bytes), job::job_parts(bytes));
}

/// Cursors and ids, which callers send as text.
fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let sealer = Sealer::new(IdKey([7; 16]));
    if let Ok((base, row)) = sealer.open_member(&text) {
        let _ = sealer.member_id(base, row);
    }
    let _ = sealer.open_base(&text);
    let _ = Cursor::open(&text, &CursorKey([9; 16]), 0);
}
