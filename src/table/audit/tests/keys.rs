//! Keys that are lost or unknown, and values that are cut short.

use super::*;
use crate::model::JobNumber;
use crate::stored::job::{self, JobPart};

#[tokio::test]
async fn the_loss_of_any_key_is_found() {
    let store = Store::new().await;
    for (key, _) in store.all().await {
        let found = store.found_with(key.clone(), None).await;
        // These may be missing: the first commit, because the indexes have it; the time when a token was last
        // used; the records of a deleted member, which the purge removes one by one; and a job, whose data then
        // look like those of an upload that was interrupted, as do data without a job. (A header may also
        // be missing if its base has no other key, as after a purge, but there is no such base here.)
        let doomed = record_key::record_place(&key).is_some_and(|place| place.row == Row(50))
            || record_key::record_name_parts(&key).is_some_and(|(row, _)| row == Row(50))
            || key == record_key::transaction(BASE, "tx 50");
        // A base without a checkpoint needs no index state.
        let is_unused = key == key::index(BaseNumber(2));
        let is_of_upload = job::job_parts(&key).is_some_and(|(_, number, ..)| number.0 == 9);
        let is_job = job::job_number(&key).is_some() || is_of_upload;
        let may_go =
            key == key::commit(BASE, 1, 0) || key == key::token_use(2) || doomed || is_unused || is_job;
        assert_eq!(found.is_empty(), may_go, "{}: {found:#?}", hex(&key));
    }
}

#[tokio::test]
async fn a_value_cut_short_is_found_wherever_it_is() {
    let store = Store::new().await;
    for (key, value) in store.all().await {
        // Data without a job are not read.
        if job::job_parts(&key).is_some_and(|(_, number, ..)| number.0 == 9) {
            continue;
        }
        let cut = value[..value.len() - 1].to_vec();
        let found = store.found_with(key.clone(), Some(cut)).await;
        assert!(!found.is_empty(), "{}", hex(&key));
    }
}

#[tokio::test]
async fn unknown_keys_are_found() {
    let store = Store::new().await;
    let long = |key: Key| [key, vec![7]].concat();
    let strangers = [
        vec![0],
        vec![1, 0],
        vec![2, 9],
        vec![0x0f],
        vec![0x11, 0, 0, 0, 1, 7],
        vec![0x12, 1],
        vec![0x20],
        vec![0x22],
        vec![0x27],
        vec![0x31, 0, 0],
        vec![0x40, 1],
        vec![0xff; 20],
        long(key::header(BASE)),
        long(job::job(BASE, JobNumber(7))),
        long(job::value(BASE, JobNumber(7), JobPart::Input, 0)),
        long(job::value(BASE, JobNumber(10), JobPart::Input, 0)),
        vec![0x0a, 0, 0, 0, 1],
        vec![0x0b, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 99, 0, 0, 0, 0, 0, 0, 0, 0],
        long(key::block(BASE, 3, 0)),
        long(key::commit(BASE, 2, 0)),
        long(key::index(BASE)),
        long(key::bucket(BASE, Level::Main, 0, 0)),
        long(record_key::record(BASE, LOST)),
        long(record_key::record_counts(BASE, Row(60))),
        long(record_key::record_purge(BASE, Row(50))),
        long(key::token(1)),
        long(key::token_use(1)),
        long(key::bucket(BASE, Level::Recent, 0, 0)),
        key::bucket(BASE, Level::Main, 3, 0),
        key::bucket(BASE, Level::Recent, 3, 0),
        set_key::set(BASE, FieldNumber(2), "x", 0),
        vec![0x33, 0, 0, 0, 1, 0],
        vec![0x32, 0, 0, 0, 1, 0],
    ];
    for stranger in strangers {
        let digits = hex(&stranger);
        found!(store.found_with(stranger, Some(vec![1])).await, Damage::UnknownKey { key } if *key == digits);
    }
    let nobody = BaseNumber(9);
    for (table, key) in [
        ("blocks", key::block(nobody, 0, 0)),
        ("commits", key::commit(nobody, 1, 0)),
        ("records of members", record_key::record(nobody, LOST)),
        ("names of records", record_key::record_name(nobody, Row(0), RecordKind::Clip, RecordName::Id(1))),
        ("external ids of transactions", record_key::transaction(nobody, "x")),
        ("counts of records", record_key::record_counts(nobody, Row(0))),
        ("records to purge", record_key::record_purge(nobody, Row(0))),
        ("index states", key::index(nobody)),
        ("buckets", key::bucket(nobody, Level::Main, 0, 0)),
        ("buckets of recent levels", key::bucket(nobody, Level::Recent, 0, 0)),
        ("set chunks", set_key::set(nobody, FieldNumber(0), "active", 0)),
        ("set chunks", set_key::narrow_set(nobody, 0, "active", 0)),
        ("settings", key::settings(nobody)),
        ("jobs", job::job(nobody, JobNumber(7))),
        ("data of jobs", job::value(nobody, JobNumber(7), JobPart::Input, 0)),
    ] {
        found!(store.found_with(key, Some(vec![1])).await, Damage::NoHeader { table: of, .. } if *of == table);
    }
    found!(store.found_with(key::token(1), None).await, Damage::TokensMissing { from: 1, to: 1 });
    found!(
        store.found_with(key::token(4), Some(token_record(4))).await,
        Damage::TokensMissing { from: 3, to: 3 }
    );
    found!(store.found_with(key::meta(), None).await, Damage::MetaMissing);
    found!(
        store.found_with(key::next_base(), Some(meta::next_base(2))).await,
        Damage::NumberNotHandedOut { next: 2 }
    );
    found!(store.found_with(key::header(BASE), Some(vec![1, 1])).await, Damage::Unreadable { .. });
}
