//! Another program removes files of the log while the store is open.

use super::super::super::EngineError::{CommitUnknown, Refusing};
use super::snapshots::two_generations;
use super::*;

#[tokio::test]
async fn no_write_into_a_log_file_without_a_name_is_acknowledged() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=3).await;
    let open = store.segments().pop().unwrap();
    fs::remove_file(&open).unwrap();
    let error = engine.commit(batch(4)).await.unwrap_err();
    assert!(matches!(&error, CommitUnknown(why) if why.contains(open.to_str().unwrap())), "{error}");
    let error = engine.commit(batch(5)).await.unwrap_err();
    assert!(matches!(&error, Refusing(why) if why.contains(open.to_str().unwrap())), "{error}");
    assert!(engine.status().refusing_writes.unwrap().contains("removed"));
    expect(&engine, 3).await;
}

#[tokio::test]
async fn any_log_file_that_was_moved_or_replaced_is_noticed() {
    for replace in [false, true] {
        for which in 0..2 {
            let store = Store::new();
            let engine = store.open();
            fill(&engine, 1..=3).await;
            engine.shared.look_after_log();
            assert_eq!(engine.status().refusing_writes, None);
            let path = store.segments()[which].clone();
            let aside = path.with_extension("aside");
            fs::rename(&path, &aside).unwrap();
            if replace {
                fs::copy(&aside, &path).unwrap();
            }
            engine.shared.look_after_log();
            let error = engine.commit(batch(4)).await.unwrap_err();
            assert!(matches!(&error, Refusing(why) if why.contains(path.to_str().unwrap())), "{error}");
            expect(&engine, 3).await;
            engine.close().await.unwrap();
            // Once the file is put back, everything acknowledged is present.
            fs::rename(&aside, &path).unwrap();
            expect(&store.open(), 3).await;
        }
    }
}

#[tokio::test]
async fn log_files_that_a_snapshot_replaces_may_be_removed() {
    let store = two_generations().await;
    let engine = store.open();
    for last in [60, 70, 80] {
        let before = store.segments().len();
        fill(&engine, last - 9..=last).await;
        super::snapshots::confirm(&engine).await;
        engine.snapshot().await.unwrap();
        engine.shared.look_after_log();
        assert_eq!(engine.status().refusing_writes, None, "{before} segments before");
    }
    assert!(!store.log_dir().join("0000000001.log").exists());
    expect(&engine, 80).await;
}
