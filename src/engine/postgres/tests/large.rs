//! Batches and values of every size.

use super::*;
use crate::engine::{Direction, KeyRange};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_many_statements_is_one_write() {
    let Some(dsn) = cluster::fresh() else { return };
    let engine = open(&config(dsn.clone(), &TestClock::new())).await;
    let value = |n: u32| n.to_be_bytes().repeat(15_000);
    let mut batch = Batch::default();
    (0..200).for_each(|n: u32| batch.put(format!("{n:03}").into_bytes(), value(n)));
    engine.commit(batch).await.unwrap();
    // Again, with shorter values and without some of them.
    let mut batch = Batch::default();
    (0..200_u32)
        .filter(|n| n % 2 == 0)
        .for_each(|n| batch.put(format!("{n:03}").into_bytes(), vec![1; 50_000]));
    (0..200_u32)
        .filter(|n| n % 2 == 1 && n % 3 == 0)
        .for_each(|n| batch.delete(format!("{n:03}").into_bytes()));
    assert_eq!(engine.commit(batch).await.unwrap(), 2);
    let expected: Vec<_> = (0..200_u32)
        .filter(|n| n % 2 == 0 || n % 3 != 0)
        .map(|n| (format!("{n:03}").into_bytes(), if n % 2 == 0 { vec![1; 50_000] } else { value(n) }))
        .collect();
    for direction in [Direction::Forward, Direction::Backward] {
        let mut found = engine.scan(KeyRange::prefix(b""), direction, usize::MAX).await.unwrap();
        if direction == Direction::Backward {
            found.reverse();
        }
        assert!(found.iter().map(|(k, v)| (k, &v[..])).eq(expected.iter().map(|(k, v)| (k, &v[..]))));
        let one = engine.scan(KeyRange::prefix(b"00"), direction, 1).await.unwrap();
        assert_eq!(one.len(), 1);
    }
    let keys: Vec<_> = (0..1500_u32).map(|n| format!("{:03}", n % 200).into_bytes()).collect();
    let found = engine.get_many(&keys).await.unwrap();
    assert_eq!(found[2].as_ref().unwrap().len(), 50_000);
    assert_eq!(found[203], None);
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_may_stand_between_if_the_dsn_says_so() {
    let Some(dsn) = cluster::fresh() else { return };
    // Without its marks a connection looks as one through a pooler does.
    let pooled = Dsn { transaction_pooler: true, ..dsn.clone() };
    let engine = open(&config(pooled, &TestClock::new())).await;
    let mut batch = Batch::default();
    (0..100).for_each(|n: u32| batch.put(n.to_be_bytes().to_vec(), vec![1; 60_000]));
    engine.commit(batch).await.unwrap();
    engine.commit(put("a", "1")).await.unwrap();
    assert_eq!(get(&engine, "a").await.unwrap(), "1");
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_grows_gets_statistics() {
    let Some(dsn) = cluster::fresh() else { return };
    let engine = open(&config(dsn.clone(), &TestClock::new())).await;
    let link = link(&dsn).await;
    let mut batch = Batch::default();
    (0..2000).for_each(|n: u32| batch.put(n.to_be_bytes().to_vec(), vec![1; 1500]));
    engine.commit(batch).await.unwrap();
    let known = format!("SELECT 1 FROM pg_stats WHERE schemaname = '{}' AND tablename = 'kv'", dsn.schema());
    while link.query(&known, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while engine.status().disk_bytes < 2000 * 1500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    engine.close().await.unwrap();
}
