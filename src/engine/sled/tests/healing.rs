//! The working copy is lost, damaged, behind or ahead: it is rebuilt from the log, and nothing is missing.

use super::*;
use crate::engine::sled::working::copy::Sled;

/// A closed store with batches 1 to 40 in several segments.
async fn closed() -> Store {
    let mut store = Store::new();
    store.config.segment_bytes = 4096;
    let engine = store.open();
    fill(&engine, 1..=40).await;
    engine.close().await.unwrap();
    store
}

async fn expect_rebuilt(store: &Store, why: &str) {
    let (engine, lines) = store.open_told();
    assert!(lines.iter().any(|l| l.contains(why)), "{lines:?}");
    expect(&engine, 40).await;
    fill(&engine, 41..=42).await;
    engine.close().await.unwrap();
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    expect(&engine, 42).await;
}

fn asides(store: &Store) -> Vec<String> {
    let names = files::list(store.dir()).unwrap().into_iter().map(|p| p.file_name().unwrap().to_owned());
    names.filter_map(|n| n.into_string().ok()).filter(|n| n.starts_with("sled.broken-")).collect()
}

#[tokio::test]
async fn a_deleted_sled_directory_loses_nothing() {
    let store = closed().await;
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    expect_rebuilt(&store, "it is gone").await;
    assert_eq!(asides(&store), [""; 0]);
}

#[tokio::test]
async fn an_empty_sled_directory_is_rebuilt() {
    let store = closed().await;
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    fs::create_dir(store.config.sled_dir()).unwrap();
    expect_rebuilt(&store, "it is empty").await;
}

#[tokio::test]
async fn an_unusable_sled_directory_is_moved_aside_and_only_the_latest_is_kept() {
    let store = closed().await;
    for round in 1..=3 {
        fs::remove_dir_all(store.config.sled_dir()).unwrap();
        fs::write(store.config.sled_dir(), "not a directory").unwrap();
        let (engine, lines) = store.open_told();
        assert!(lines[0].contains("not usable"), "{lines:?}");
        expect(&engine, 40).await;
        engine.close().await.unwrap();
        assert_eq!(asides(&store), [format!("sled.broken-{round}")]);
    }
}

#[tokio::test]
async fn sled_files_full_of_garbage_are_rebuilt() {
    for name in ["db", "conf"] {
        let store = closed().await;
        let path = store.config.sled_dir().join(name);
        let garbage = content(9).repeat(fs::read(&path).unwrap().len() / 300 + 1);
        fs::write(&path, garbage).unwrap();
        for snapshot in files::list(&store.config.sled_dir()).unwrap() {
            if snapshot.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
                fs::write(snapshot, content(3)).unwrap();
            }
        }
        let (engine, lines) = store.open_told();
        assert!(lines[0].contains("not usable"), "{name}: {lines:?}");
        expect(&engine, 40).await;
    }
}

#[tokio::test]
async fn an_unfinished_snapshot_of_sled_does_no_harm() {
    let store = closed().await;
    fs::write(store.config.sled_dir().join("snap.0000000000000001.generating"), content(1)).unwrap();
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    expect(&engine, 40).await;
}

#[tokio::test]
async fn a_copy_behind_the_confirmed_position_is_rebuilt() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=10).await;
    engine.close().await.unwrap();
    let old = store.copy();
    let engine = store.open();
    fill(&engine, 11..=40).await;
    engine.close().await.unwrap();
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    copy_dir(&old.config.sled_dir(), &store.config.sled_dir());
    expect_rebuilt(&store, "behind the confirmed batch 40").await;
}

#[tokio::test]
async fn a_copy_ahead_of_the_log_is_rebuilt() {
    let store = closed().await;
    let ahead = store.copy();
    let engine = ahead.open();
    fill(&engine, 41..=50).await;
    engine.close().await.unwrap();
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    copy_dir(&ahead.config.sled_dir(), &store.config.sled_dir());
    expect_rebuilt(&store, "after the log's last, 40").await;
}

#[tokio::test]
async fn a_copy_of_another_store_is_rebuilt() {
    let (store, other) = (closed().await, closed().await);
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    copy_dir(&other.config.sled_dir(), &store.config.sled_dir());
    expect_rebuilt(&store, "another store").await;
}

#[tokio::test]
async fn without_a_confirmed_position_the_whole_log_is_replayed() {
    let store = closed().await;
    for damage in [None, Some(&b"garbage"[..])] {
        fs::remove_file(store.log_dir().join("CONFIRMED")).unwrap();
        if let Some(damage) = damage {
            fs::write(store.log_dir().join("CONFIRMED"), damage).unwrap();
        }
        let engine = store.open();
        expect(&engine, 40).await;
        engine.close().await.unwrap();
    }
}

#[tokio::test]
async fn batches_after_the_confirmed_position_are_replayed_even_if_sled_claims_to_have_them() {
    let store = closed().await;
    let engine = store.open();
    fill(&engine, 41..=45).await;
    drop(engine);
    // sled has lost a key that it once had, which a power cut can do to an unsynced file.
    let sled = Sled::open(&store.config.sled_dir(), 1 << 20, &store.config.faults).unwrap();
    sled.set_position(timeline_of(&store), 45).unwrap();
    let lost = ops_of({
        let mut batch = Batch::default();
        batch.delete(b"key/000043".to_vec());
        batch
    });
    sled.write(&[lost]).unwrap();
    drop(sled);
    expect(&store.open(), 45).await;
}

/// A value that is small enough to lie in sled itself.
fn small(number: u64) -> Value {
    content(number).slice(..120)
}

/// A closed store with some megabytes in sled, so that nothing of it is in memory after opening.
async fn large() -> Store {
    let store = Store::new();
    let engine = store.open();
    for first in (0..5000).step_by(100) {
        let mut batch = Batch::default();
        (first..first + 100).for_each(|n| batch.put(format!("key/{n:06}").into_bytes(), small(n)));
        engine.commit(batch).await.unwrap();
    }
    engine.close().await.unwrap();
    store
}

/// Overwrites sled's file, except its beginning, in a way that opening does not notice.
fn damage_sled(store: &Store) {
    let path = store.config.sled_dir().join("db");
    let mut bytes = fs::read(&path).unwrap();
    let from = bytes.len() / 4;
    bytes[from..].iter_mut().skip(4096).step_by(97).for_each(|b| *b ^= 0x55);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
}

async fn read_all(engine: &SledEngine) -> Result<(), EngineError> {
    for n in 0..5000 {
        let found = engine.get_many(&[format!("key/{n:06}").into_bytes()]).await?;
        assert_eq!(found, [Some(small(n))]);
    }
    Ok(())
}

#[tokio::test]
async fn damage_found_while_reading_is_an_error_and_then_healed_in_place() {
    let store = large().await;
    let engine = store.open();
    damage_sled(&store);
    assert!(matches!(read_all(&engine).await, Err(EngineError::Io(_))));
    while read_all(&engine).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(asides(&store).len(), 1);
    engine.close().await.unwrap();
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    read_all(&engine).await.unwrap();
}

#[tokio::test]
async fn a_copy_noted_as_damaged_is_rebuilt_at_the_next_open() {
    let store = closed().await;
    confirmed::distrust(&store.log_dir()).unwrap();
    expect_rebuilt(&store, "damage was found").await;
}

#[tokio::test]
async fn unconfirmed_writes_of_sled_are_trusted_after_a_kill_but_not_after_a_restart() {
    let store = closed().await;
    for (round, restarted) in [(1, false), (2, true), (3, false)] {
        let (before, last) = (38 + 2 * round, 40 + 2 * round);
        let engine = store.open();
        fill(&engine, before + 1..=last).await;
        drop(engine);
        if restarted {
            store.restart_machine();
        }
        let notes = check(store.dir(), |_| {}).unwrap().notes;
        assert_eq!(notes.iter().any(|n| n.contains("may lack")), restarted, "{notes:?}");
        let (engine, lines) = store.open_told();
        assert_eq!(lines.iter().any(|l| l.contains("restarted")), restarted, "{lines:?}");
        expect(&engine, last).await;
        drop(engine);
    }
    assert_eq!(asides(&store), [""; 0], "only a damaged working copy is kept");
}

#[tokio::test]
async fn a_missing_or_damaged_note_of_the_boot_counts_as_a_restart() {
    let store = closed().await;
    for (last, damage) in (41..).zip([None, Some(vec![]), Some(vec![0xff; 3]), Some(vec![b'7'; 1 << 20])]) {
        let engine = store.open();
        fill(&engine, last..=last).await;
        drop(engine);
        let note = store.log_dir().join("BOOT");
        match damage {
            Some(damage) => fs::write(note, damage).unwrap(),
            None => fs::remove_file(note).unwrap(),
        }
        let (engine, lines) = store.open_told();
        assert!(lines.iter().any(|l| l.contains("restarted")), "{lines:?}");
        expect(&engine, last).await;
        drop(engine);
        assert_eq!(store.open_told().1, [""; 0], "BOOT is written again");
    }
}

#[tokio::test]
async fn sled_that_was_confirmed_to_have_everything_is_trusted_after_a_restart() {
    let store = closed().await;
    for _ in 0..2 {
        store.restart_machine();
        let (engine, lines) = store.open_told();
        assert_eq!(lines, [""; 0]);
        expect(&engine, 40).await;
        // Not closed: nothing was written, so the confirmed position still holds.
        drop(engine);
    }
}

#[tokio::test]
async fn a_copied_sled_with_unconfirmed_writes_is_rebuilt() {
    let store = closed().await;
    let engine = store.open();
    fill(&engine, 41..=42).await;
    drop(engine);
    let aside = store.config.sled_dir().with_extension("aside");
    fs::rename(store.config.sled_dir(), &aside).unwrap();
    copy_dir(&aside, &store.config.sled_dir());
    let (engine, lines) = store.open_told();
    assert!(lines.iter().any(|l| l.contains("store copied")), "{lines:?}");
    expect(&engine, 42).await;
}

#[tokio::test]
async fn a_rebuild_continues_after_a_kill_but_not_after_a_restart_of_the_machine() {
    let store = closed().await;
    let engine = store.open();
    fill(&engine, 41..=42).await;
    drop(engine);
    for restarted in [false, true] {
        // A rebuild was interrupted after it had opened a new sled.
        fs::remove_dir_all(store.config.sled_dir()).unwrap();
        confirmed::write(&store.log_dir(), timeline_of(&store), 0).unwrap();
        drop(Sled::open(&store.config.sled_dir(), 1 << 20, &store.config.faults).unwrap());
        boot::note(&store.log_dir(), &store.config.sled_dir()).unwrap();
        if restarted {
            store.restart_machine();
        }
        let (engine, lines) = store.open_told();
        assert_eq!(!lines.is_empty(), restarted, "{lines:?}");
        expect(&engine, 42).await;
        drop(engine);
    }
}

fn timeline_of(store: &Store) -> Timeline {
    segment::list(&store.log_dir()).unwrap().segments[0].header.timeline
}
