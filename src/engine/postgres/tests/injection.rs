//! Every statement of the engine meets every kind of failure: what is acknowledged is done, once.

use super::proxy::{Fault, Plan, through};
use super::*;
use crate::engine::{Direction, KeyRange};

/// A serialization failure, a deadlock, a completion that the database does not know itself, and lost
/// connections. The database either did nothing, or everything and nobody was told.
pub(super) const FAULTS: [Fault; 6] = [
    Fault::Refused("40001"),
    Fault::Refused("40P01"),
    Fault::Refused("40003"),
    Fault::Answered("40003"),
    Fault::CutBefore,
    Fault::CutAfter,
];
/// How many of a statement in a row, so that the second try fails as well.
const TIMES: usize = 2;
/// Values of this many bytes, and how many of them are more than fits one statement.
const LARGE: usize = 60_000;
const MANY: usize = 80;

/// Opens a store through a proxy, writes, reads and closes it, while statements that begin with `begins` and
/// have `has` meet `fault`: at the opening or later.
async fn meets(begins: &'static str, has: &'static str, fault: Fault, at_opening: bool) {
    let Some(dsn) = cluster::fresh() else { return };
    let plan = Arc::new(Plan::new(begins, has, fault));
    let config = config(through(&dsn, &plan).await, &TestClock::new());
    if at_opening {
        plan.arm(TIMES);
    }
    let engine = open(&config).await;
    if !at_opening {
        plan.arm(TIMES);
    }
    assert_eq!(engine.commit(put("a", "1")).await.unwrap(), 1);
    let mut large = put("b", "1");
    (0..MANY).for_each(|n| large.put(format!("l{n:02}").into_bytes(), vec![7; LARGE]));
    large.put(b"a".to_vec(), b"2".to_vec());
    assert_eq!(engine.commit(large).await.unwrap(), 2);
    assert_eq!(get(&engine, "a").await.unwrap(), "2");
    let mut last = put("c", "1");
    last.delete(b"b".to_vec());
    assert_eq!(engine.commit(last).await.unwrap(), 3);
    assert_has_all(&engine).await;
    // Renewals come by themselves.
    while plan.done() < TIMES && has.contains("beat") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    engine.close().await.unwrap();
    // What was run although nobody was told need not be sent again.
    let least = if matches!(fault, Fault::CutAfter | Fault::Answered(_)) { 1 } else { TIMES };
    assert!(plan.done() >= least, "{begins} {has} is not a statement of this: {fault:?}");
    // As the database has it. A batch that was done twice would have a number more.
    let again = open(&super::config(dsn.clone(), &TestClock::new())).await;
    assert_eq!(again.status().durable, 3);
    assert_has_all(&again).await;
    again.close().await.unwrap();
}

async fn assert_has_all(engine: &PostgresEngine) {
    let found = engine.scan(KeyRange::prefix(b""), Direction::Forward, usize::MAX).await.unwrap();
    let expected = [("a".to_owned(), b"2".to_vec()), ("c".to_owned(), b"1".to_vec())];
    let large = (0..MANY).map(|n| (format!("l{n:02}"), vec![7; LARGE]));
    let expected: Vec<_> = expected.into_iter().chain(large).collect();
    let found: Vec<_> =
        found.into_iter().map(|(key, value)| (String::from_utf8(key).unwrap(), value.to_vec())).collect();
    let sizes = found.iter().map(|(key, value)| (key, value.len())).collect::<Vec<_>>();
    assert!(found == expected, "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_ends_well_whichever_statement_fails() {
    for fault in FAULTS {
        for (begins, has) in [
            ("SELECT pg_is_in_recovery", ""),
            ("SELECT c.relname", ""),
            ("START TRANSACTION", ""),
            ("CREATE TABLE", "kv"),
            ("COMMIT", ""),
            ("SELECT k, v FROM", ""),
            ("UPDATE", "'beat'::bytea AND v ="),
            ("UPDATE", "'fence'::bytea AND v ="),
            ("UPDATE", "SET v = substring"),
        ] {
            meets(begins, has, fault, true).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_done_once_whichever_statement_fails() {
    for fault in FAULTS {
        for (begins, has) in [
            // A whole group, and one in parts: its beginning, fence, data, last word and end.
            ("WITH f AS", ""),
            ("START TRANSACTION", ""),
            ("UPDATE", "'fence'::bytea AND v ="),
            ("WITH p AS", ""),
            ("SELECT current_setting('synchronous_standby_names'), 1", ""),
            ("COMMIT", ""),
            // A renewal.
            ("UPDATE", "'beat'::bytea AND substring"),
            // Reads by key and in order.
            ("SELECT 1::int2", "k = ANY"),
            ("SELECT 1::int2", "ORDER BY"),
        ] {
            meets(begins, has, fault, false).await;
        }
    }
}
