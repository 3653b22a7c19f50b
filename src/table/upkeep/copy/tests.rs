//! Copies between engines in memory: whole ones, and those that end early at each operation.

use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::memory::MemoryEngine;
use crate::model::Timestamp;
use crate::table::{Table, TableConfig};

fn engine() -> Arc<dyn Engine> {
    Arc::new(MemoryEngine::new())
}

fn quiet(_: String) {}

/// A store with its metadata, and more keys than are read at once, some of them before the metadata.
async fn store() -> Arc<dyn Engine> {
    let engine = engine();
    let clock = Arc::new(|| Timestamp::from_micros(1));
    // The engine stays open: only the table is let go.
    drop(Table::open(Arc::clone(&engine), clock, TableConfig::default()).await.unwrap());
    let mut batch = Batch::default();
    batch.put(vec![0], &b"before the metadata"[..]);
    for n in 0..3 * READ_AT_ONCE {
        let length = n % 7 * 100;
        batch.put([&[0xf0][..], &n.to_be_bytes()].concat(), vec![n.to_le_bytes()[0]; length]);
    }
    engine.commit(batch).await.unwrap();
    engine
}

async fn pairs(engine: &Arc<dyn Engine>) -> Vec<(Key, Value)> {
    engine.scan(everything(), Direction::Forward, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn a_copy_has_every_key_and_value_and_says_what_it_has() {
    let (from, to) = (store().await, engine());
    let copied = copy(&from, &to, &quiet).await.unwrap();
    assert_eq!(pairs(&from).await, pairs(&to).await);
    let mut hash = Sha256::new();
    let mut bytes = 0;
    // The metadata comes first in the hash, whatever its place.
    let (first, rest): (Vec<_>, Vec<_>) =
        pairs(&to).await.into_iter().partition(|(key, _)| *key == key::meta());
    for (key, value) in first.iter().chain(&rest) {
        for part in [&key[..], &value[..]] {
            hash.update(u32::try_from(part.len()).unwrap().to_be_bytes());
            hash.update(part);
            bytes += part.len() as u64;
        }
    }
    let keys = 1 + rest.len() as u64;
    assert_eq!(copied, Contents { keys, bytes, hash: hash.finalize().into() });
}

#[tokio::test]
async fn only_a_store_is_copied_and_only_into_an_empty_place() {
    assert_eq!(copy(&engine(), &engine(), &quiet).await, Err(CopyError::NoStore));
    // One that lost everything is not one that never was.
    let lost = store().await;
    let mut batch = Batch::default();
    pairs(&lost).await.into_iter().for_each(|(key, _)| batch.delete(key));
    lost.commit(batch).await.unwrap();
    let refused = copy(&lost, &engine(), &quiet).await;
    assert!(matches!(refused, Err(CopyError::Table(TableError::Damaged(_)))), "{refused:?}");
    let (from, to) = (store().await, engine());
    let mut batch = Batch::default();
    batch.put(vec![9], &b"x"[..]);
    to.commit(batch).await.unwrap();
    let before = pairs(&to).await;
    assert_eq!(copy(&from, &to, &quiet).await, Err(CopyError::NotEmpty));
    assert_eq!(pairs(&to).await, before);
    let other = store().await;
    let before = pairs(&other).await;
    assert_eq!(copy(&from, &other, &quiet).await, Err(CopyError::NotEmpty));
    assert_eq!(pairs(&other).await, before);
}

#[tokio::test]
async fn a_copy_that_ended_early_is_no_store_and_is_continued() {
    let from = store().await;
    let metadata = metadata(&from).await.unwrap().unwrap();
    let operations = {
        let counted = Arc::new(Faulty::new(engine()));
        copy(&from, &(Arc::clone(&counted) as Arc<dyn Engine>), &quiet).await.unwrap();
        counted.operations()
    };
    let mut unfinished = 0;
    for n in 1..=operations {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let inner = engine();
            // What an earlier version of the source left, and what the source never had.
            let old = Arc::new(Faulty::new(Arc::clone(&inner)).fail_at(n, fault));
            copy(&from, &(old as Arc<dyn Engine>), &quiet).await.unwrap_err();
            let found = super::metadata(&inner).await.unwrap();
            if found == Some(metadata.clone()) {
                assert_eq!(pairs(&from).await, pairs(&inner).await, "the metadata came before the rest");
                continue;
            }
            if found.is_some() {
                unfinished += 1;
                let clock = Arc::new(|| Timestamp::from_micros(1));
                let opened = Table::open(Arc::clone(&inner), clock, TableConfig::default()).await;
                assert_eq!(opened.err(), Some(TableError::UnfinishedCopy));
                let unfinished = copy(&inner, &engine(), &quiet).await;
                assert_eq!(unfinished, Err(TableError::UnfinishedCopy.into()));
                let mut batch = Batch::default();
                batch.put(vec![0xf0], &b"not in the source"[..]);
                batch.put([&[0xf0][..], &1_usize.to_be_bytes()].concat(), &b"another value"[..]);
                batch.delete([&[0xf0][..], &2_usize.to_be_bytes()].concat());
                inner.commit(batch).await.unwrap();
            }
            copy(&from, &inner, &quiet).await.unwrap();
            assert_eq!(pairs(&from).await, pairs(&inner).await, "operation {n}");
        }
    }
    assert!(unfinished > 6, "{unfinished}");
}

#[tokio::test]
async fn a_source_that_changes_during_the_copy_leaves_it_unfinished() {
    let (from, to) = (store().await, engine());
    let writes = Arc::clone(&from);
    let progress = move |line: String| {
        if line.starts_with("comparing") {
            let mut batch = Batch::default();
            batch.put(vec![0xf1], &b"late"[..]);
            // In memory, a batch is durable and visible at once.
            drop(futures_util::FutureExt::now_or_never(writes.append(batch)));
        }
    };
    let failed = copy(&from, &to, &progress).await.unwrap_err();
    assert!(matches!(failed, CopyError::Differs { .. }), "{failed}");
    assert_eq!(metadata(&to).await.unwrap().unwrap(), meta::unfinished());
    copy(&from, &to, &quiet).await.unwrap();
    assert_eq!(pairs(&from).await, pairs(&to).await);
}
