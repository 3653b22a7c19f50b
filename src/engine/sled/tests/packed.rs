//! Packed values: nothing compresses them on their way into a snapshot, while everything else is compressed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::Range;

use super::super::config::SnapshotSizes;
use super::super::log::entry::{Kind, read_entry};
use super::super::log::header::FIRST_ENTRY;
use super::super::log::payload::{self, Write};
use super::super::snapshot::Writes;
use super::snapshots::{generations, small};
use super::*;

/// Many runs of several blocks, some of them merged. A block has seven values of [`put`].
fn store() -> Store {
    let mut store = small();
    store.config.segment_bytes = 64 * 1024;
    store.config.snapshot_sizes =
        SnapshotSizes { block_bytes: 8 * 1024, memory_bytes: 40 * 1024, most_runs: 3 };
    store
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Puts values of 1,206 bytes, all of which would compress to a few, five in a batch.
async fn put(engine: &SledEngine, model: &mut Model, table: &str, numbers: Range<usize>, is_packed: bool) {
    let numbers: Vec<usize> = numbers.collect();
    for of_batch in numbers.chunks(5) {
        let mut batch = Batch { is_packed, ..Batch::default() };
        for number in of_batch {
            let key = format!("{table}/{number:04}").into_bytes();
            let value = format!("{:04}-{number:04}", engine.status().durable).repeat(134).into_bytes();
            model.insert(key.clone(), value.clone());
            batch.put(key, value);
        }
        engine.commit(batch).await.unwrap();
    }
}

/// The blocks of the newest snapshot: whether each is compressed, and the first bytes of its keys. All of its
/// writes must be those of `model`.
fn blocks_of(store: &Store, model: &Model) -> Vec<(bool, Vec<u8>)> {
    let path = generations(store).remove(0);
    let seed = Writes::open(&path).unwrap().header.seed();
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(FIRST_ENTRY)).unwrap();
    let (mut blocks, mut found) = (Vec::new(), Model::new());
    loop {
        let (entry, _) = read_entry(&mut file, u64::MAX, seed).unwrap().unwrap();
        if entry.header.kind == Kind::End {
            assert!(found == *model, "{} keys where {} were expected", found.len(), model.len());
            return blocks;
        }
        let writes = payload::decode(&entry.payload).unwrap();
        let mut tables: Vec<u8> = writes.iter().map(|write| write.key[0]).collect();
        tables.dedup();
        blocks.push((entry.payload.plain_len.is_some(), tables));
        for write in writes {
            let Write::Value(value) = write.write else { panic!("{write:?}") };
            found.insert(write.key.to_vec(), value.to_vec());
        }
    }
}

/// Asserts that the packed values, and only they, lie in blocks that are not compressed.
fn expect_parted(store: &Store, model: &Model) {
    let blocks = blocks_of(store, model);
    for table in [b'a', b'p', b'z'] {
        assert!(blocks.iter().filter(|(_, tables)| *tables == [table]).count() > 10, "{blocks:?}");
    }
    for (is_compressed, tables) in &blocks {
        assert_eq!(*is_compressed, *tables != [b'p'], "{blocks:?}");
        assert_eq!(tables.len(), 1, "{blocks:?}");
    }
}

#[tokio::test]
async fn packed_values_stay_as_they_are_through_runs_merges_and_snapshots() {
    let store = store();
    let engine = store.open();
    let mut model = Model::new();
    for part in 0..4 {
        let numbers = part * 50..part * 50 + 50;
        put(&engine, &mut model, "z", numbers.clone(), false).await;
        put(&engine, &mut model, "p", numbers.clone(), true).await;
        put(&engine, &mut model, "a", numbers, false).await;
    }
    // Too few bytes to tell whether they are packed.
    let mut note = Batch::default();
    note.put(b"p/0100-note".to_vec(), b"short".to_vec());
    model.insert(b"p/0100-note".to_vec(), b"short".to_vec());
    engine.commit(note).await.unwrap();
    engine.snapshot().await.unwrap();
    expect_parted(&store, &model);
    // From the snapshot on, with values that replace others.
    for again in [20..60, 30..180, 100..200] {
        put(&engine, &mut model, "p", again.clone(), true).await;
        put(&engine, &mut model, "a", again, false).await;
    }
    engine.snapshot().await.unwrap();
    expect_parted(&store, &model);
    let mut last = Batch::default();
    last.put(b"a/0000".to_vec(), b"last".to_vec());
    model.insert(b"a/0000".to_vec(), b"last".to_vec());
    engine.commit(last).await.unwrap();
    engine.snapshot().await.unwrap();
    expect_parted(&store, &model);
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_block_with_other_values_than_packed_ones_is_compressed_as_a_whole() {
    let store = store();
    let engine = store.open();
    let mut model = Model::new();
    // Too few of one kind in a row for a block of their own.
    for number in 0..200 {
        put(&engine, &mut model, "p", number..number + 1, true).await;
        put(&engine, &mut model, &format!("p/{number:04}"), 0..2, false).await;
    }
    engine.snapshot().await.unwrap();
    let blocks = blocks_of(&store, &model);
    assert!(blocks.len() > 50 && blocks.iter().all(|(is_compressed, _)| *is_compressed), "{blocks:?}");
    engine.close().await.unwrap();
}
