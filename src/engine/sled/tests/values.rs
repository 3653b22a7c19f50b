//! Value files: torn, damaged, missing, and those of a store that has none yet.

use std::collections::BTreeMap;

use super::*;

fn folder(store: &Store) -> PathBuf {
    store.config.sled_dir().join("values")
}

pub(super) fn value_files(store: &Store) -> Vec<PathBuf> {
    files::list(&folder(store)).unwrap()
}

pub(super) fn key(n: u64) -> Vec<u8> {
    format!("key/{n:06}").into_bytes()
}

/// Writes the keys 0 to 19 with the values of `round`, one batch.
pub(super) async fn rewrite(engine: &SledEngine, round: u64) {
    let mut batch = Batch::default();
    (0..20).for_each(|n| batch.put(key(n), content(round * 100 + n)));
    engine.commit(batch).await.unwrap();
}

pub(super) async fn expect_round(engine: &SledEngine, round: u64) {
    let keys: Vec<_> = (0..20).map(key).collect();
    let expected: Vec<_> = (0..20).map(|n| Some(content(round * 100 + n))).collect();
    assert!(engine.get_many(&keys).await.unwrap() == expected, "not all values are of round {round}");
    let found = engine.scan(KeyRange::prefix(b"key/"), Direction::Backward, 100).await.unwrap();
    let expected: Vec<_> = (0..20).rev().map(|n| (key(n), content(round * 100 + n))).collect();
    assert!(found == expected, "a scan differs");
}

/// Waits until sled has everything that was published.
pub(super) async fn apply_all(engine: &SledEngine) {
    while engine.status().pending_bytes > 0 {
        engine.shared.backlog.wake_applier();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_write_of_value_files_in_turn_fails_and_the_store_heals() {
    for n in 1..=8 {
        let store = Store::new();
        let engine = store.open();
        store.config.faults.fail_value_write(n);
        for round in 0..8 {
            let mut batch = Batch::default();
            (0..20).for_each(|n| batch.put(key(n), content(round * 100 + n)));
            engine.append(batch).await.unwrap().publish();
            apply_all(&engine).await;
        }
        expect_round(&engine, 7).await;
        engine.close().await.unwrap();
        let (engine, lines) = store.open_told();
        assert_eq!(lines, [""; 0]);
        expect_round(&engine, 7).await;
    }
}

#[tokio::test]
async fn after_a_failed_sync_of_value_files_the_working_copy_is_rebuilt() {
    let store = Store::new();
    let engine = store.open();
    rewrite(&engine, 1).await;
    apply_all(&engine).await;
    store.config.faults.fail_value_sync(true);
    engine.close().await.unwrap_err();
    store.config.faults.fail_value_sync(false);
    let (engine, lines) = store.open_told();
    assert!(lines[0].contains("damage was found"), "{lines:?}");
    expect_round(&engine, 1).await;
}

/// Brings a closed store back to the form that it had before there were value files.
fn as_before_value_files(store: &Store, values: &BTreeMap<Vec<u8>, Value>) {
    fs::remove_dir_all(folder(store)).unwrap();
    let db = ::sled::open(store.config.sled_dir()).unwrap();
    let position = db.get(b"").unwrap().unwrap();
    db.insert(b"", &position[..24]).unwrap();
    values.iter().for_each(|(key, value)| drop(db.insert(key, value.as_ref()).unwrap()));
    db.flush().unwrap();
    drop(db);
    let path = store.log_dir().join("CONFIRMED");
    let confirmed = fs::read(&path).unwrap();
    let start = [&confirmed[..8], &1_u32.to_le_bytes()].concat();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&start), &confirmed[16..]).to_le_bytes();
    fs::write(path, [&start[..], &crc, &confirmed[16..]].concat()).unwrap();
}

#[tokio::test]
async fn a_store_without_value_files_is_opened_as_it_is_and_refused_by_older_programs_from_then_on() {
    let store = Store::new();
    let engine = store.open();
    rewrite(&engine, 1).await;
    engine.close().await.unwrap();
    as_before_value_files(&store, &(0..20).map(|n| (key(n), content(100 + n))).collect());
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0], "nothing is rebuilt");
    let confirmed = fs::read(store.log_dir().join("CONFIRMED")).unwrap();
    assert_eq!(
        confirmed[8..12],
        2_u32.to_le_bytes(),
        "a program that reads up to version 1 refuses the store"
    );
    assert!(value_files(&store).is_empty());
    expect_round(&engine, 1).await;
    // Some values move over, and the others stay.
    let mut batch = Batch::default();
    batch.put(key(3), content(777));
    batch.delete(key(4));
    engine.commit(batch).await.unwrap();
    apply_all(&engine).await;
    engine.close().await.unwrap();
    assert_eq!(value_files(&store).len(), 1);
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    let found = engine.get_many(&[key(2), key(3), key(4)]).await.unwrap();
    assert_eq!(found, [Some(content(102)), Some(content(777)), None]);
    rewrite(&engine, 2).await;
    apply_all(&engine).await;
    expect_round(&engine, 2).await;
}

#[tokio::test]
async fn a_store_without_value_files_that_was_killed_is_brought_up_to_date() {
    let store = Store::new();
    let engine = store.open();
    rewrite(&engine, 1).await;
    engine.close().await.unwrap();
    let engine = store.open();
    rewrite(&engine, 2).await;
    apply_all(&engine).await;
    drop(engine);
    as_before_value_files(&store, &(0..20).map(|n| (key(n), content(200 + n))).collect());
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    expect_round(&engine, 2).await;
}

/// A closed store whose values were written in three rounds.
pub(super) async fn closed() -> Store {
    let store = Store::new();
    let engine = store.open();
    for round in 1..=3 {
        rewrite(&engine, round).await;
        apply_all(&engine).await;
    }
    engine.close().await.unwrap();
    store
}

#[tokio::test]
async fn a_flipped_bit_in_a_value_file_is_never_an_answer_and_is_healed() {
    for step in [1, 7, 331, 1009] {
        let store = closed().await;
        for path in value_files(&store) {
            let mut bytes = fs::read(&path).unwrap();
            bytes.iter_mut().skip(64 + step % 64).step_by(step).for_each(|byte| *byte ^= 0x10);
            fs::write(path, bytes).unwrap();
        }
        let engine = store.open();
        let keys: Vec<_> = (0..20).map(key).collect();
        let right: Vec<_> = (0..20).map(|n| Some(content(300 + n))).collect();
        let mut failed = 0;
        loop {
            match engine.get_many(&keys).await {
                Ok(found) => {
                    assert!(found == right, "a wrong answer");
                    break;
                }
                Err(error) => {
                    assert!(matches!(error, EngineError::Io(_)), "{error}");
                    failed += 1;
                }
            }
            tokio::task::yield_now().await;
        }
        assert!(failed > 0);
        expect_round(&engine, 3).await;
        rewrite(&engine, 4).await;
        engine.close().await.unwrap();
        let (engine, lines) = store.open_told();
        assert_eq!(lines, [""; 0]);
        expect_round(&engine, 4).await;
    }
}

#[tokio::test]
async fn missing_value_files_are_rebuilt_and_a_copy_aside_has_none() {
    let store = closed().await;
    fs::remove_file(value_files(&store).last().unwrap()).unwrap();
    let (engine, lines) = store.open_told();
    assert!(lines[0].contains("is missing or damaged"), "{lines:?}");
    expect_round(&engine, 3).await;
    assert!(store.dir().join("sled.broken-1/db").exists());
    assert!(!store.dir().join("sled.broken-1/values").exists());
}

#[tokio::test]
async fn a_cut_off_value_file_is_never_an_answer_and_is_healed() {
    let store = closed().await;
    for path in value_files(&store) {
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let engine = store.open();
    let keys: Vec<_> = (0..20).map(key).collect();
    while engine.get_many(&keys).await.is_err() {
        tokio::task::yield_now().await;
    }
    expect_round(&engine, 3).await;
}

#[tokio::test]
async fn a_torn_tail_of_a_value_file_does_no_harm() {
    let store = closed().await;
    for (path, garbage) in
        value_files(&store).iter().zip([&b"\0\0\0\0\x03"[..], &[7; 5000], &[0; 9]].iter().cycle())
    {
        fs::write(path, [&fs::read(path).unwrap()[..], garbage].concat()).unwrap();
    }
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    expect_round(&engine, 3).await;
    for round in 4..20 {
        rewrite(&engine, round).await;
        apply_all(&engine).await;
    }
    expect_round(&engine, 19).await;
    assert_eq!(engine.status().failing_reads, None);
}
