//! Backups that are extended after kills: their chain of segments includes what the next start left in the
//! log. Older clients do not say which of their files belong to their backup; the leftovers of an interrupted
//! backup must not be mistaken for files of the backup.

use super::super::backup::{self, Received, Receiver};
use super::backups::{folder, receive, restore, whole};
use super::snapshots::{confirm, names, small};
use super::*;

/// A store with five batches and a backup of them, after `kills` kills without writes between them.
async fn killed(kills: usize) -> (Vec<Store>, SledEngine, PathBuf) {
    let mut stores = vec![small()];
    let mut engine = stores[0].open();
    fill(&engine, 1..=5).await;
    let out = folder(&stores[0], "backup");
    whole(&engine, &out).await;
    for _ in 0..kills {
        let next = stores.last().unwrap().copy();
        drop(std::mem::replace(&mut engine, next.open()));
        stores.push(Store {
            config: SledConfig { dir: next.dir().to_owned(), ..stores[0].config.clone() },
            ..next
        });
    }
    (stores, engine, out)
}

#[tokio::test]
async fn a_backup_continues_after_kills_with_nothing_written_between_them() {
    for kills in 1..=3 {
        let (stores, engine, out) = killed(kills).await;
        fill(&engine, 6..=7).await;
        let store = stores.last().unwrap();
        // The first segment of a store never has a batch.
        let segments = names(&store.log_dir()).into_iter().filter(|name| name.ends_with(".log")).skip(1);
        // A file that exists already, as a backup left it that could not continue.
        let newest = store.segments().pop().unwrap();
        fs::copy(&newest, out.join("wal").join(newest.file_name().unwrap())).unwrap();
        let received = whole(&engine, &out).await;
        assert_eq!((received.position, received.extended), (7, true), "{kills}");
        assert_eq!(names(&out.join("wal")), segments.collect::<Vec<_>>(), "{kills}");
        assert_eq!(backup::verify(&out).unwrap().damage, []);
        fill(&engine, 8..=9).await;
        assert_eq!(whole(&engine, &out).await.position, 9);
        let other = folder(store, "other");
        assert_eq!(whole(&engine, &other).await.position, 9);
        for (from, name) in [(&out, "copy"), (&other, "other copy")] {
            let (restored, _copy) = restore(store, from, name, None);
            expect(&restored, 9).await;
        }
    }
}

#[tokio::test]
async fn a_backup_begins_anew_if_a_segment_without_batches_is_gone() {
    let (stores, engine, out) = killed(2).await;
    confirm(&engine).await;
    engine.snapshot().await.unwrap();
    fill(&engine, 6..=7).await;
    confirm(&engine).await;
    engine.snapshot().await.unwrap();
    let store = stores.last().unwrap();
    let first = segment::list(&store.log_dir()).unwrap().segments[0].header;
    let held = segment::read(files::list(&out.join("wal")).unwrap().last().unwrap()).unwrap().header;
    assert!(first.first == 6 && first.sequence > held.sequence + 1, "{first:?} {held:?}");
    let received = whole(&engine, &out).await;
    assert_eq!((received.position, received.extended), (7, false));
    assert_eq!(backup::verify(&out).unwrap().damage, []);
    let (restored, _copy) = restore(store, &out, "copy", None);
    expect(&restored, 7).await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Older,
    Newer,
}

const CLIENTS: [Client; 2] = [Client::Older, Client::Newer];

/// Transfers a backup into `out`: all of it, or only the first parts.
async fn carry(
    client: Client,
    engine: &SledEngine,
    out: &Path,
    parts: usize,
) -> Result<Received, EngineError> {
    let (receiver, mut held) = Receiver::open(out)?;
    if client == Client::Older {
        held.files.iter_mut().for_each(|file| file.in_backup = false);
    }
    receive(engine, (receiver, held), parts).await
}

/// A complete backup up to `last`, which can be restored.
async fn complete(client: Client, engine: &SledEngine, store: &Store, out: &Path, last: u64) -> Received {
    let received = carry(client, engine, out, usize::MAX).await.unwrap();
    assert_eq!(received.position, last);
    assert_eq!(backup::verify(out).unwrap().damage, []);
    let (restored, _copy) = restore(store, out, &format!("copy of {last}"), None);
    expect(&restored, last).await;
    received
}

#[tokio::test]
async fn a_backup_interrupted_anywhere_after_kills_continues_for_any_report_of_its_client() {
    for (client, kills) in CLIENTS.into_iter().flat_map(|client| (0..=2).map(move |kills| (client, kills))) {
        for parts in 0.. {
            let (stores, engine, out) = killed(kills).await;
            let store = stores.last().unwrap();
            fill(&engine, 6..=7).await;
            if carry(client, &engine, &out, parts).await.is_ok() {
                assert!(parts > kills, "{client:?}, {kills} kills: {parts}");
                break;
            }
            assert_eq!(backup::verify(&out).unwrap().damage, []);
            fill(&engine, 8..=9).await;
            let received = complete(client, &engine, store, &out, 9).await;
            assert!(received.extended, "{client:?}, {kills} kills, {parts} parts: {received:?}");
            fill(&engine, 10..=11).await;
            assert!(complete(client, &engine, store, &out, 11).await.extended);
        }
    }
}

#[tokio::test]
async fn an_interrupted_backup_begins_anew_if_the_files_that_follow_are_gone() {
    for client in CLIENTS {
        for parts in 0.. {
            let (stores, engine, out) = killed(2).await;
            confirm(&engine).await;
            engine.snapshot().await.unwrap();
            fill(&engine, 6..=7).await;
            if carry(client, &engine, &out, parts).await.is_ok() {
                assert!(parts > 2, "{client:?}: {parts}");
                break;
            }
            confirm(&engine).await;
            engine.snapshot().await.unwrap();
            let store = stores.last().unwrap();
            let first = segment::list(&store.log_dir()).unwrap().segments[0].header;
            assert!(first.first == 6 && first.sequence > 2, "{first:?}");
            let received = complete(client, &engine, store, &out, 7).await;
            assert!(!received.extended, "{client:?}, {parts} parts: {received:?}");
        }
    }
}

#[tokio::test]
async fn a_backup_transfers_only_new_data_even_if_old_log_is_gone_and_for_any_report_of_the_client() {
    for client in CLIENTS {
        let store = small();
        let engine = store.open();
        let out = folder(&store, "backup");
        fill(&engine, 1..=35).await;
        let first = carry(client, &engine, &out, usize::MAX).await.unwrap();
        let mut log_begins = 0;
        for last in [40, 45, 50, 55] {
            log_begins = segment::list(&store.log_dir()).unwrap().segments[0].header.sequence;
            fill(&engine, last - 4..=last).await;
            let received = complete(client, &engine, &store, &out, last).await;
            assert!(received.extended && received.added < first.added / 2, "{client:?}: {received:?}");
            confirm(&engine).await;
            engine.snapshot().await.unwrap();
        }
        // The first segment of a store never has a batch.
        assert!(out.join("wal/0000000002.log").exists() && log_begins > 3, "{client:?}: {log_begins}");
    }
}
