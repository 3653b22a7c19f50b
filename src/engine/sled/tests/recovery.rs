//! Opening after kills, power cuts and damage to the log.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::super::log::entry::{self, ALIGN};
use super::super::log::header::{FIRST_ENTRY, HEADER_BYTES};
use super::*;

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// Zeros a range, as if its bytes had never reached the disk in a file with zeros written ahead.
fn zero(path: &Path, range: std::ops::Range<u64>) {
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].fill(0);
    fs::write(path, bytes).unwrap();
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// The size of an entry of [`fill`], which is the same for all.
fn entry_bytes() -> u64 {
    let payload = payload::encode(&ops_of(batch(1)), &[], false).unwrap();
    (entry::HEADER_BYTES + payload.stored.len()).next_multiple_of(ALIGN) as u64
}

fn offset_of(entry: u64) -> u64 {
    FIRST_ENTRY + (entry - 1) * entry_bytes()
}

#[tokio::test]
async fn a_copy_taken_while_the_store_is_open_has_everything_acknowledged() {
    let store = Store::new();
    let engine = store.open();
    for round in 1..=5 {
        fill(&engine, (round - 1) * 30 + 1..=round * 30).await;
        let copy = store.copy();
        let opened = copy.open();
        expect(&opened, round * 30).await;
        fill(&opened, round * 30 + 1..=round * 30 + 3).await;
        drop(opened);
        expect(&copy.open(), round * 30 + 3).await;
    }
}

#[tokio::test]
async fn a_tail_torn_at_any_unit_of_alignment_is_cut_off() {
    let store = Store::new();
    let engine = store.open();
    // One group: none of its entries says that another one is durable.
    let appends: Vec<_> = (1..=4).map(|n| engine.append(batch(n))).collect();
    for append in appends {
        append.await.unwrap();
    }
    drop(engine);
    let whole = fs::read(&store.segments()[1]).unwrap();
    let end = usize::try_from(offset_of(5)).unwrap();
    assert!(whole.len() > end && whole[end..].iter().all(|byte| *byte == 0), "room follows");
    for cut in (HEADER_BYTES..=end).step_by(ALIGN) {
        let in_room = [&whole[..cut], &vec![0; whole.len() - cut]].concat();
        for torn in [&whole[..cut], &in_room] {
            let copy = Store::new();
            copy_dir(&store.log_dir(), &copy.log_dir());
            fs::write(&copy.segments()[1], torn).unwrap();
            let expected = (cut - HEADER_BYTES) as u64 / entry_bytes();
            for open in 0..3 {
                let engine = copy.open();
                expect(&engine, expected + open).await;
                fill(&engine, expected + open + 1..=expected + open + 1).await;
            }
        }
    }
}

#[tokio::test]
async fn a_segment_that_has_no_whole_header_yet_is_forgotten() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=3).await;
    engine.close().await.unwrap();
    for leftover in [&b""[..], &[0; 64], &[7; 30]] {
        fs::write(store.log_dir().join("0000000003.log"), leftover).unwrap();
        fs::write(store.log_dir().join("0000000009.new"), leftover).unwrap();
        expect(&store.open(), 3).await;
        assert_eq!(store.segments().len(), 2);
        assert!(!store.log_dir().join("0000000009.new").exists());
    }
}

#[tokio::test]
async fn damage_that_a_later_entry_proves_is_an_error_with_file_and_offset() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=5).await;
    drop(engine);
    let path = store.segments()[1].clone();
    for (entry, is_lost) in (1..=4).flat_map(|entry| [(entry, false), (entry, true)]) {
        let copy = Store::new();
        copy_dir(&store.log_dir(), &copy.log_dir());
        if is_lost {
            zero(&copy.segments()[1], offset_of(entry)..offset_of(entry + 1));
        } else {
            flip(&copy.segments()[1], offset_of(entry) + 100);
        }
        let error = copy.try_open().unwrap_err();
        let EngineError::Corrupt { file, offset, .. } = &error else { panic!("{error}") };
        assert_eq!(file, &copy.segments()[1].display().to_string());
        assert_eq!(*offset, offset_of(entry));
    }
    flip(&path, offset_of(5) + 100);
    expect(&store.open(), 4).await;
}

#[tokio::test]
async fn after_a_clean_close_damage_to_the_last_entry_is_corruption_too() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=5).await;
    engine.close().await.unwrap();
    flip(&store.segments()[1], offset_of(5) + 3);
    let error = store.try_open().unwrap_err();
    assert!(matches!(&error, EngineError::Corrupt { offset, .. } if *offset == offset_of(5)), "{error}");
}

#[tokio::test]
async fn a_log_cut_below_the_confirmed_position_is_corruption() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=5).await;
    engine.close().await.unwrap();
    let file = OpenOptions::new().write(true).open(&store.segments()[1]).unwrap();
    file.set_len(offset_of(4)).unwrap();
    let error = store.try_open().unwrap_err();
    assert!(matches!(&error, EngineError::Corrupt { offset, .. } if *offset == offset_of(4)), "{error}");
}

#[tokio::test]
async fn damage_in_an_earlier_segment_is_corruption_when_it_is_read() {
    let mut store = Store::new();
    store.config.segment_bytes = 1024;
    let engine = store.open();
    fill(&engine, 1..=20).await;
    drop(engine);
    assert!(store.segments().len() > 5);
    let damaged = store.segments()[2].clone();
    flip(&damaged, len(&damaged) - 64);
    let error = store.try_open().unwrap_err();
    assert!(
        matches!(&error, EngineError::Corrupt { file, .. } if *file == damaged.display().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_segment_is_corruption() {
    let mut store = Store::new();
    store.config.segment_bytes = 1024;
    let engine = store.open();
    fill(&engine, 1..=20).await;
    engine.close().await.unwrap();
    fs::remove_file(&store.segments()[2]).unwrap();
    assert!(matches!(store.try_open().unwrap_err(), EngineError::Corrupt { .. }));
}

#[tokio::test]
async fn a_store_that_lost_its_whole_log_is_not_taken_for_a_new_one() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=3).await;
    engine.close().await.unwrap();
    store.segments().iter().for_each(|path| fs::remove_file(path).unwrap());
    assert!(matches!(store.try_open().unwrap_err(), EngineError::Corrupt { .. }));
    fs::remove_dir_all(store.log_dir()).unwrap();
    assert!(matches!(store.try_open().unwrap_err(), EngineError::Corrupt { .. }));
}

#[tokio::test]
async fn opening_appends_to_no_old_segment_and_copies_what_is_not_proven() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=5).await;
    drop(engine);
    let before: Vec<_> = store.segments().iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect();
    assert_eq!(before.len(), 2);

    // Batch 5 is the only one whose durability no entry states.
    drop(store.open());
    let after = store.segments();
    assert_eq!(after.len(), 3);
    assert_eq!(len(&after[2]), FIRST_ENTRY + entry_bytes() + ALIGN as u64);
    for (path, content) in &before {
        assert_eq!(&fs::read(path).unwrap(), content);
    }

    // Now it is proven durable, so further opens and closes write nothing.
    store.open().close().await.unwrap();
    drop(store.open());
    assert_eq!(store.segments().len(), 3);
    // The original may be damaged: the copy has replaced it.
    flip(&after[1], offset_of(5) + 50);
    expect(&store.open(), 5).await;
}

#[tokio::test]
async fn the_log_continues_in_new_segments() {
    let mut store = Store::new();
    store.config.segment_bytes = 2000;
    let engine = store.open();
    fill(&engine, 1..=50).await;
    assert!(store.segments().len() > 5);
    let bytes: u64 = store.segments().iter().map(|p| len(p)).sum();
    assert_eq!(engine.status().log_bytes, bytes);
    drop(engine);
    let engine = store.open();
    expect(&engine, 50).await;
    fill(&engine, 51..=60).await;
    engine.close().await.unwrap();
    expect(&store.open(), 60).await;
}

#[tokio::test]
async fn differences_are_replayed_after_a_kill_and_after_a_restart_of_the_machine() {
    let store = Store::new();
    let engine = store.open();
    let mut values = vec![None::<Value>; 3];
    for round in 0..60_u8 {
        for (key, value) in (0_u8..).zip(&mut values) {
            let mut batch = Batch::default();
            match (round + key) % 20 {
                19 => {
                    *value = Some(Value::new());
                    batch.put(vec![b'v', key], Value::new());
                }
                18 => {
                    *value = None;
                    batch.delete(vec![b'v', key]);
                }
                id => {
                    *value = Some(put_item(&mut batch, vec![b'v', key], value.as_deref(), id % 9, round, 40))
                }
            }
            engine.commit(batch).await.unwrap();
        }
        if round % 7 == 0 {
            for restarts in [false, true] {
                let copy = store.copy();
                if restarts {
                    copy.restart_machine();
                }
                let keys: Vec<_> = (0_u8..3).map(|key| vec![b'v', key]).collect();
                let found = copy.open().get_many(&keys).await.unwrap();
                assert_eq!(found, values, "{round} {restarts}");
            }
        }
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_with_both_versions() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=3).await;
    engine.close().await.unwrap();
    let newest = store.segments().pop().unwrap();
    let file = OpenOptions::new().write(true).open(&newest).unwrap();
    file.write_all_at(&7_u32.to_le_bytes(), 8).unwrap();
    let expected = EngineError::NewerFormat { file: newest.display().to_string(), found: 7, supported: 2 };
    assert_eq!(store.try_open().unwrap_err(), expected);
}

#[tokio::test]
async fn a_directory_in_use_is_rejected_until_the_store_is_closed_or_dropped() {
    let store = Store::new();
    let engine = store.open();
    let error = store.try_open().unwrap_err();
    assert_eq!(error, EngineError::InUse(store.dir().display().to_string()));
    fill(&engine, 1..=1).await;
    engine.close().await.unwrap();
    let engine = store.open();
    drop(engine);
    expect(&store.open(), 1).await;
}

#[test]
fn a_data_directory_without_a_parent_is_an_error() {
    let store = Store::new();
    let mut config = store.config.clone();
    config.dir = store.dir().join("no").join("such");
    assert!(matches!(SledEngine::open(config, |_| {}), Err(EngineError::Io(_))));
}
