//! Where values lie that were read before: reads find what was written last.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use super::values::{apply_all, key, rewrite};
use super::*;

#[tokio::test]
async fn a_value_that_was_read_is_read_anew_after_each_kind_of_change() {
    let store = Store::new();
    let engine = store.open();
    let read = async || engine.get_many(&[key(3)]).await.unwrap().pop().unwrap();
    for round in 1..=3 {
        rewrite(&engine, round).await;
        apply_all(&engine).await;
        assert_eq!(read().await, Some(content(round * 100 + 3)), "asked of sled");
        assert_eq!(read().await, Some(content(round * 100 + 3)), "known");
    }
    let change = async |value: Option<Value>| {
        let mut batch = Batch::default();
        match value {
            Some(value) => batch.put(key(3), value),
            None => batch.delete(key(3)),
        }
        engine.commit(batch).await.unwrap();
        apply_all(&engine).await;
    };
    change(None).await;
    assert_eq!(read().await, None);
    change(Some(content(7))).await;
    assert_eq!((read().await, read().await), (Some(content(7)), Some(content(7))));
    // So short that it lies in sled.
    change(Some(Value::from_static(b"short"))).await;
    assert_eq!(read().await, Some(Value::from_static(b"short")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_finds_what_was_replaced_before_it_began() {
    const ROUNDS: u64 = 60;
    let store = Store::new();
    let engine = Arc::new(store.open());
    rewrite(&engine, 1).await;
    let last = Arc::new(AtomicU64::new(1));
    let readers = (0..3).map(|n| {
        let (engine, last) = (Arc::clone(&engine), Arc::clone(&last));
        let rounds: HashMap<Value, u64> =
            (1..=ROUNDS).map(|round| (content(round * 100 + n), round)).collect();
        tokio::spawn(async move {
            let mut reads = 0_u64;
            loop {
                let least = last.load(Ordering::SeqCst);
                let found = engine.get_many(&[key(n)]).await.unwrap().pop().flatten().unwrap();
                assert!(rounds[&found] >= least, "{} after {least}", rounds[&found]);
                reads += 1;
                if least == ROUNDS {
                    return reads;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for round in 2..=ROUNDS {
        rewrite(&engine, round).await;
        last.store(round, Ordering::SeqCst);
        if round % 2 == 0 {
            apply_all(&engine).await;
        }
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}
