//! Backups: complete or not at all; the second transfers only what is new; every flipped bit is found;
//! restores work.

use super::super::super::backup::Held;
use super::super::backup::{self, Received, Receiver, Write};
use super::snapshots::{DISK_FAULTS, confirm, names, small, timeline_of, two_generations};
use super::*;

/// The operations of a kind that fail, one at a time.
pub(super) const FAILS_AT: [u64; 8] = [1, 2, 3, 4, 6, 10, 20, 40];

/// Transfers a backup of a running store into `out`: all of it, or only the first parts.
async fn back_up(engine: &SledEngine, out: &Path, parts: usize) -> Result<Received, EngineError> {
    receive(engine, Receiver::open(out)?, parts).await
}

pub(super) async fn receive(
    engine: &SledEngine,
    (mut receiver, held): (Receiver, Held),
    parts: usize,
) -> Result<Received, EngineError> {
    let backup = engine.backup(held).await?;
    receiver.begin(backup.outline().clone())?;
    let mut left = parts;
    for (index, file) in backup.outline().files.iter().enumerate() {
        let mut at = file.from;
        while at < file.bytes && left > 0 {
            let bytes = backup.read(index, at)?;
            // Small parts, so that an interruption can fall inside an entry.
            let part = &bytes[..bytes.len().min(500)];
            receiver.write(index, at, part)?;
            at += u64::try_from(part.len()).unwrap();
            left -= 1;
        }
    }
    receiver.finish()
}

pub(super) async fn whole(engine: &SledEngine, out: &Path) -> Received {
    back_up(engine, out, usize::MAX).await.unwrap()
}

pub(super) fn folder(store: &Store, name: &str) -> PathBuf {
    store.dir().parent().unwrap().join(name)
}

/// Restores into a new directory, up to the last batch below `end`, and opens it.
pub(super) fn restore(store: &Store, from: &Path, name: &str, end: Option<u64>) -> (SledEngine, Store) {
    let mut restored = small();
    restored.config.dir = folder(store, name);
    let mut is_late = |(key, _): Write<'_>| {
        Ok(end.is_some_and(|end| key >= format!("key/{end:06}").as_bytes() && key.starts_with(b"key/")))
    };
    backup::restore(from, &restored.config, &mut is_late).unwrap();
    let engine = restored.open();
    (engine, restored)
}

#[tokio::test]
async fn a_restored_backup_has_what_the_store_had_on_a_timeline_of_its_own() {
    let store = two_generations().await;
    let engine = store.open();
    fill(&engine, 51..=70).await;
    let out = folder(&store, "backup");
    let received = whole(&engine, &out).await;
    assert_eq!((received.position, received.extended), (70, false));
    fill(&engine, 71..=75).await;
    assert_eq!(backup::verify(&out).unwrap().damage, []);
    let (restored, copy) = restore(&store, &out, "copy", None);
    expect(&restored, 70).await;
    fill(&restored, 71..=72).await;
    restored.close().await.unwrap();
    expect(&copy.open(), 72).await;
    assert_ne!(timeline_of(&copy), timeline_of(&store));
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_open_is_copied_and_stays_unchanged() {
    let store = two_generations().await;
    let before = (names(&store.log_dir()), names(&store.config.snapshot_dir()));
    let out = folder(&store, "backup");
    assert_eq!(backup::copy(&store.config, &out).unwrap().position, 50);
    assert_eq!((names(&store.log_dir()), names(&store.config.snapshot_dir())), before);
    let (restored, _copy) = restore(&store, &out, "copy", None);
    expect(&restored, 50).await;
    let engine = store.open();
    assert!(matches!(backup::copy(&store.config, &out), Err(EngineError::InUse(_))));
    expect(&engine, 50).await;
}

#[tokio::test]
async fn data_of_a_killed_server_is_synced_before_it_is_copied() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=30).await;
    let (killed, out) = (store.copy(), folder(&store, "backup"));
    killed.config.faults.fail_sync(1);
    let refused = backup::copy(&killed.config, &out);
    assert!(matches!(refused, Err(EngineError::Io(_))), "{refused:?}");
    killed.config.faults.clear();
    assert_eq!(backup::copy(&killed.config, &out).unwrap().position, 30);
}

#[tokio::test]
async fn a_second_backup_transfers_only_what_is_new_and_keeps_the_rest() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=30).await;
    let out = folder(&store, "backup");
    let first = whole(&engine, &out).await;
    fill(&engine, 31..=35).await;
    let second = whole(&engine, &out).await;
    assert!(second.extended && second.added < first.added / 2, "{first:?} {second:?}");
    let nothing = whole(&engine, &out).await;
    assert_eq!((nothing.added, nothing.position), (0, 35));
    engine.snapshot().await.unwrap();
    confirm(&engine).await;
    fill(&engine, 36..=40).await;
    engine.snapshot().await.unwrap();
    assert_eq!(whole(&engine, &out).await.position, 40);
    assert_eq!(backup::verify(&out).unwrap().damage, []);
    for end in [1, 12, 31, 36, 41] {
        let (restored, _copy) = restore(&store, &out, &format!("copy {end}"), Some(end));
        expect(&restored, end - 1).await;
    }
}

#[tokio::test]
async fn two_backups_never_write_into_one_folder() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=5).await;
    for out in [folder(&store, "new"), folder(&store, "backup")] {
        if out.ends_with("backup") {
            whole(&engine, &out).await;
        }
        let first = Receiver::open(&out).unwrap();
        let begun = names(&out);
        let refused = Receiver::open(&out).unwrap_err().to_string();
        assert!(refused.contains("another backup is being written into it"), "{refused}");
        assert_eq!(names(&out), begun);
        assert_eq!(receive(&engine, first, usize::MAX).await.unwrap().position, 5);
        assert_eq!(backup::verify(&out).unwrap().damage, []);
        assert_eq!(whole(&engine, &out).await.added, 0);
    }
}

#[tokio::test]
async fn an_incremental_backup_after_the_log_was_removed_is_complete_by_itself() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=10).await;
    let out = folder(&store, "backup");
    whole(&engine, &out).await;
    for last in [30, 50] {
        fill(&engine, last - 19..=last).await;
        confirm(&engine).await;
        engine.snapshot().await.unwrap();
    }
    let received = whole(&engine, &out).await;
    assert_eq!((received.position, received.extended), (50, false));
    assert_eq!(backup::verify(&out).unwrap().damage, []);
    let (restored, _copy) = restore(&store, &out, "copy", None);
    expect(&restored, 50).await;
}

#[tokio::test]
async fn an_interrupted_backup_continues_and_the_one_before_stays_good() {
    let store = two_generations().await;
    let engine = store.open();
    let out = folder(&store, "backup");
    let mut parts = 1;
    let mut attempts = 0;
    while back_up(&engine, &out, parts).await.is_err() {
        assert!(backup::verify(&out).is_err(), "nothing is finished yet");
        parts += 3;
        attempts += 1;
    }
    assert!(attempts > 2);
    fill(&engine, 51..=80).await;
    back_up(&engine, &out, 2).await.unwrap_err();
    assert_eq!(backup::verify(&out).unwrap().damage, []);
    let (restored, _copy) = restore(&store, &out, "before", None);
    expect(&restored, 50).await;
    assert_eq!(whole(&engine, &out).await.position, 80);
    let (restored, _copy) = restore(&store, &out, "after", None);
    expect(&restored, 80).await;
}

#[tokio::test]
async fn a_running_backup_can_read_files_that_the_store_has_removed() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=20).await;
    let out = folder(&store, "backup");
    let (mut receiver, held) = Receiver::open(&out).unwrap();
    let backup = engine.backup(held).await.unwrap();
    for last in [40, 60, 80] {
        fill(&engine, last - 19..=last).await;
        confirm(&engine).await;
        engine.snapshot().await.unwrap();
    }
    assert!(!store.log_dir().join("0000000001.log").exists());
    receiver.begin(backup.outline().clone()).unwrap();
    for (index, file) in backup.outline().files.iter().enumerate() {
        receiver.write(index, file.from, &backup.read(index, file.from).unwrap()).unwrap();
    }
    assert_eq!(receiver.finish().unwrap().position, 20);
}

#[tokio::test]
async fn a_backup_whose_disk_fails_at_any_operation_is_continued_and_the_one_before_stays_good() {
    for (kind, fail) in DISK_FAULTS {
        let mut failures = 0;
        for n in FAILS_AT {
            let store = two_generations().await;
            let engine = store.open();
            let out = folder(&store, "backup");
            whole(&engine, &out).await;
            fill(&engine, 51..=60).await;
            confirm(&engine).await;
            engine.snapshot().await.unwrap();
            fill(&engine, 61..=65).await;
            confirm(&engine).await;
            engine.snapshot().await.unwrap();
            fill(&engine, 66..=90).await;
            let receiving = Receiver::open(&out).unwrap();
            fail(receiving.0.faults(), n);
            let outcome = receive(&engine, receiving, usize::MAX).await;
            let verified = backup::verify(&out).unwrap();
            assert_eq!(verified.damage, [], "{kind} {n}");
            let (restored, _copy) = restore(&store, &out, "copy", None);
            let last = restored.status().durable;
            assert!(last == if outcome.is_ok() { 90 } else { 50 } || kind == "remove", "{kind} {n}: {last}");
            expect(&restored, last).await;
            assert_eq!(whole(&engine, &out).await.position, 90, "{kind} {n}");
            let (restored, _copy) = restore(&store, &out, "again", None);
            expect(&restored, 90).await;
            match outcome {
                Ok(_) => break,
                Err(_) => failures += 1,
            }
        }
        assert!(failures > 0, "{kind} never happened");
    }
}

#[tokio::test]
async fn no_backup_extends_a_damaged_one() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=30).await;
    engine.close().await.unwrap();
    let out = folder(&store, "backup");
    backup::copy(&store.config, &out).unwrap();
    let engine = store.open();
    fill(&engine, 31..=35).await;
    engine.close().await.unwrap();
    let log = files::list(&out.join("wal")).unwrap();
    assert!(log.len() > 2, "{log:?}");
    for path in [&log[0], &log[log.len() / 2], log.last().unwrap()] {
        let good = fs::read(path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(path, bad).unwrap();
        let refused = backup::copy(&store.config, &out).unwrap_err();
        let EngineError::Corrupt { file, detail, .. } = refused else { panic!("{refused:?}") };
        assert!(
            file == path.display().to_string() && detail.contains("make one in another folder"),
            "{detail}"
        );
        fs::write(path, good).unwrap();
    }
    assert_eq!(backup::copy(&store.config, &out).unwrap().position, 35);
}

#[tokio::test]
async fn flipped_bits_of_a_backup_are_found_and_named() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=2).await;
    engine.snapshot().await.unwrap();
    fill(&engine, 3..=4).await;
    let out = folder(&store, "backup");
    whole(&engine, &out).await;
    let mut paths = vec![out.join("MANIFEST")];
    paths.extend(["wal", "snapshots"].iter().flat_map(|name| files::list(&out.join(name)).unwrap()));
    assert!(paths.len() >= 3);
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        for bit in (0..bytes.len() * 8).step_by(11) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).unwrap();
            let found = backup::verify(&out).map(|verified| verified.damage);
            let named = |error: &EngineError| error.to_string().contains(path.to_str().unwrap());
            match found {
                Ok(damage) => assert!(damage.iter().any(named), "{}, bit {bit}: {damage:?}", path.display()),
                Err(error) => assert!(named(&error), "{}, bit {bit}: {error}", path.display()),
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(backup::verify(&out).unwrap().damage, []);
}

#[tokio::test]
async fn a_folder_with_the_backup_of_another_store_is_refused() {
    let (store, other) = (small(), small());
    let (engine, second) = (store.open(), other.open());
    fill(&engine, 1..=5).await;
    fill(&second, 1..=5).await;
    let out = folder(&store, "backup");
    whole(&engine, &out).await;
    let error = back_up(&second, &out, usize::MAX).await.unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
    assert_eq!(backup::verify(&out).unwrap().damage, []);
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let store = two_generations().await;
    let out = folder(&store, "backup");
    backup::copy(&store.config, &out).unwrap();
    let path = files::list(&out.join("wal")).unwrap().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut config = store.config.clone();
    config.dir = folder(&store, "copy");
    assert!(matches!(backup::restore(&out, &config, &mut |_| Ok(false)), Err(EngineError::Corrupt { .. })));
    assert!(!config.dir.join("wal").exists());
}

#[tokio::test]
async fn names_that_lead_out_of_the_folder_are_refused() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=2).await;
    for name in
        ["../escape", "wal/../../escape", "/etc/passwd", "wal/0000000001.log/x", "MANIFEST", "wal/1.log"]
    {
        let (mut receiver, held) = Receiver::open(&folder(&store, "backup")).unwrap();
        let mut outline = engine.backup(held).await.unwrap().outline().clone();
        outline.files[0].name = name.to_owned();
        assert!(receiver.begin(outline).is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_check_reads_everything_and_writes_nothing() {
    let store = two_generations().await;
    let before = (names(store.dir()), names(&store.log_dir()), names(&store.config.snapshot_dir()));
    let checked = check(store.dir(), |_| {}).unwrap();
    assert_eq!((checked.last, &checked.damage), (50, &vec![]));
    assert!(checked.batches >= 30, "{checked:?}");
    assert_eq!((names(store.dir()), names(&store.log_dir()), names(&store.config.snapshot_dir())), before);
    let snapshot = files::list(&store.config.snapshot_dir()).unwrap().pop().unwrap();
    let segment =
        files::list(&store.log_dir()).unwrap().into_iter().find(|p| p.extension().unwrap() == "log");
    for path in [snapshot, segment.unwrap()] {
        let bytes = fs::read(&path).unwrap();
        let mut damaged = bytes.clone();
        damaged[100] ^= 1;
        fs::write(&path, damaged).unwrap();
        let damage = check(store.dir(), |_| {}).unwrap().damage;
        assert!(damage.iter().any(|error| error.to_string().contains(path.to_str().unwrap())), "{damage:?}");
        fs::write(&path, bytes).unwrap();
    }
    let engine = store.open();
    assert!(matches!(check(store.dir(), |_| {}), Err(EngineError::InUse(_))));
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_check_finds_that_the_log_begins_after_all_snapshots() {
    let store = two_generations().await;
    fs::remove_dir_all(store.config.snapshot_dir()).unwrap();
    let damage = check(store.dir(), |_| {}).unwrap().damage;
    assert!(damage.iter().any(|error| error.to_string().contains("no whole snapshot")), "{damage:?}");
}
