//! Backups that are brought up to date after kills: what the next start leaves in the log is in their chain of segments.

use super::super::backup;
use super::backups::{folder, restore, whole};
use super::snapshots::{confirm, names, small};
use super::*;

/// A store with five batches and a backup of them, after so many kills with nothing written between them.
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
async fn a_backup_goes_on_after_kills_with_nothing_written_between_them() {
    for kills in 1..=3 {
        let (stores, engine, out) = killed(kills).await;
        fill(&engine, 6..=7).await;
        let store = stores.last().unwrap();
        // The first one of a store never has a batch.
        let segments = names(&store.log_dir()).into_iter().filter(|name| name.ends_with(".log")).skip(1);
        // One that stands there already, as a backup left it that could not go on.
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
async fn a_backup_begins_anew_where_a_segment_without_batches_has_gone() {
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
