//! One promise per test.

use super::*;

/// Turns every case into a test, for the engine that `$subject` creates.
macro_rules! all {
    ($subject:expr) => {
        cases::all!($subject;
            a_committed_batch_is_visible_whole,
            a_new_store_is_empty,
            numbers_grow_by_one_in_the_order_of_the_calls,
            a_durable_batch_is_hidden_until_published,
            dropping_a_durable_publishes_it,
            dropping_the_future_cancels_nothing,
            batches_may_be_published_in_any_order_and_the_later_number_wins,
            a_delete_hides_a_key_and_may_name_an_absent_one,
            an_empty_batch_is_a_batch,
            checks_see_batches_that_are_not_published,
            a_failed_check_writes_nothing_and_affects_no_other_batch,
            a_check_for_absence_fails_on_an_empty_value,
            of_writers_that_check_the_same_key_one_wins,
            limits_are_exact,
            scans_go_both_ways_and_respect_bounds_and_limit,
            scans_of_impossible_ranges_are_empty,
            scans_merge_what_is_pending_with_what_is_stored,
            scans_go_on_past_many_deleted_keys,
            any_bytes_are_keys,
            a_key_rewritten_again_and_again_keeps_its_last_value,
            everything_durable_is_there_after_a_close_and_after_a_kill,
            checks_hold_across_a_restart,
            a_closed_store_refuses_everything_and_closes_again,
            status_counts_durable_batches,
        );
    };
    ($subject:expr; $($case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(subject) = $subject {
                    cases::$case(subject).await;
                }
            }
        )*
    };
}
pub(super) use all;

pub(super) async fn a_new_store_is_empty(subject: Subject) {
    assert_eq!(get(&*subject.engine, "a").await, None);
    assert_eq!(scan_all(&*subject.engine).await, []);
    assert_eq!(subject.engine.status().durable, 0);
}

pub(super) async fn a_committed_batch_is_visible_whole(subject: Subject) {
    let engine = subject.engine;
    engine.commit(put(&[("a", "1"), ("b", "2")])).await.unwrap();
    let found = engine.get_many(&[key("b"), key("x"), key("a"), key("b")]).await.unwrap();
    assert_eq!(found, [Some(value("2")), None, Some(value("1")), Some(value("2"))]);
    assert_eq!(engine.get_many(&[]).await.unwrap(), []);
}

pub(super) async fn numbers_grow_by_one_in_the_order_of_the_calls(subject: Subject) {
    let appends: Vec<_> = (0..10).map(|_| subject.engine.append(put(&[("a", "1")]))).collect();
    for (append, expected) in appends.into_iter().zip(1..) {
        assert_eq!(append.await.unwrap().number(), expected);
    }
    assert_eq!(subject.engine.commit(put(&[("a", "1")])).await.unwrap(), 11);
}

pub(super) async fn a_durable_batch_is_hidden_until_published(subject: Subject) {
    let engine = subject.engine;
    engine.commit(put(&[("a", "old")])).await.unwrap();
    let mut batch = put(&[("a", "new"), ("b", "1")]);
    batch.delete(key("c"));
    let durable = engine.append(batch).await.unwrap();
    assert_eq!(get(&*engine, "a").await.unwrap(), "old");
    assert_eq!(scan_all(&*engine).await, [("a".into(), "old".into())]);
    durable.publish();
    assert_eq!(get(&*engine, "a").await.unwrap(), "new");
    assert_eq!(scan_all(&*engine).await, [("a".into(), "new".into()), ("b".into(), "1".into())]);
}

pub(super) async fn dropping_a_durable_publishes_it(subject: Subject) {
    drop(subject.engine.append(put(&[("a", "1")])).await.unwrap());
    assert_eq!(get(&*subject.engine, "a").await.unwrap(), "1");
}

pub(super) async fn dropping_the_future_cancels_nothing(subject: Subject) {
    drop(subject.engine.append(put(&[("a", "1")])));
    // A later batch is durable after the dropped one, and the dropped one is published no later than it is
    // durable.
    subject.engine.commit(put(&[("b", "1")])).await.unwrap();
    assert_eq!(get(&*subject.engine, "a").await.unwrap(), "1");
}

pub(super) async fn batches_may_be_published_in_any_order_and_the_later_number_wins(subject: Subject) {
    let engine = subject.engine;
    let first = engine.append(put(&[("a", "1"), ("b", "1")])).await.unwrap();
    let second = engine.append(put(&[("a", "2")])).await.unwrap();
    let third = engine.append(delete(&["b"])).await.unwrap();
    third.publish();
    assert_eq!(get(&*engine, "b").await, None);
    second.publish();
    assert_eq!(get(&*engine, "a").await.unwrap(), "2");
    first.publish();
    assert_eq!(scan_all(&*engine).await, [("a".into(), "2".into())]);
}

pub(super) async fn a_delete_hides_a_key_and_may_name_an_absent_one(subject: Subject) {
    let engine = subject.engine;
    engine.commit(put(&[("a", "1"), ("b", "2")])).await.unwrap();
    engine.commit(delete(&["a", "nothing"])).await.unwrap();
    assert_eq!(get(&*engine, "a").await, None);
    assert_eq!(scan_all(&*engine).await, [("b".into(), "2".into())]);
}

pub(super) async fn an_empty_batch_is_a_batch(subject: Subject) {
    assert_eq!(subject.engine.commit(Batch::default()).await.unwrap(), 1);
    assert_eq!(subject.engine.commit(Batch::default()).await.unwrap(), 2);
}

pub(super) async fn checks_see_batches_that_are_not_published(subject: Subject) {
    let engine = subject.engine;
    let first = engine.append(put(&[("a", "1")]));
    let second = engine.append(check(put(&[("a", "2")]), "a", Some("1")));
    let late = engine.append(check(put(&[("a", "3")]), "a", Some("1")));
    let third = engine.append(check(delete(&["a"]), "a", Some("2")));
    let fourth = engine.append(check(put(&[("a", "4")]), "a", None));
    assert_eq!(late.await.unwrap_err(), EngineError::Conflict);
    for append in [first, second, third, fourth] {
        append.await.unwrap().publish();
    }
    assert_eq!(get(&*engine, "a").await.unwrap(), "4");
}

pub(super) async fn a_failed_check_writes_nothing_and_affects_no_other_batch(subject: Subject) {
    let engine = subject.engine;
    let before = engine.append(put(&[("a", "1")]));
    let mut batch = check(put(&[("b", "1")]), "a", Some("1"));
    batch.checks.push((key("c"), Some(value("expected"))));
    let refused = engine.append(batch);
    let after = engine.append(put(&[("d", "1")]));
    assert_eq!(refused.await.unwrap_err(), EngineError::Conflict);
    assert_eq!(before.await.unwrap().number(), 1);
    assert_eq!(after.await.unwrap().number(), 2);
    assert_eq!(get(&*engine, "b").await, None);
}

pub(super) async fn a_check_for_absence_fails_on_an_empty_value(subject: Subject) {
    let engine = subject.engine;
    engine.commit(put(&[("a", "")])).await.unwrap();
    let refused = engine.commit(check(put(&[("a", "1")]), "a", None)).await;
    assert_eq!(refused.unwrap_err(), EngineError::Conflict);
    engine.commit(check(put(&[("a", "1")]), "a", Some(""))).await.unwrap();
}

pub(super) async fn of_writers_that_check_the_same_key_one_wins(subject: Subject) {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let engine = Arc::clone(&subject.engine);
        writers.spawn(async move {
            let mut won = 0;
            for round in 0..20 {
                let expected = (round > 0).then(|| (round - 1).to_string());
                let mut batch = check(Batch::default(), "round", expected.as_deref());
                batch.put(key("round"), round.to_string());
                batch.put(key(&format!("winner/{round:02}")), writer.to_string());
                match engine.commit(batch).await {
                    Ok(_) => won += 1,
                    Err(error) => assert_eq!(error, EngineError::Conflict),
                }
                // The losers wait until the round is decided and published.
                while get(&*engine, "round").await.is_none_or(|r| r.parse::<u32>().unwrap() < round) {
                    tokio::task::yield_now().await;
                }
            }
            won
        });
    }
    let wins: u32 = writers.join_all().await.into_iter().sum();
    assert_eq!(wins, 20);
    assert_eq!(get(&*subject.engine, "round").await.unwrap(), "19");
}

pub(super) async fn limits_are_exact(subject: Subject) {
    let engine = subject.engine;
    let put = |key_len: usize, value_len: usize| {
        let mut batch = Batch::default();
        batch.put(vec![7; key_len], vec![8; value_len]);
        batch
    };
    engine.commit(put(MAX_KEY_BYTES, MAX_VALUE_BYTES)).await.unwrap();
    for (key_len, value_len, what) in
        [(0, 1, "key"), (MAX_KEY_BYTES + 1, 1, "key"), (1, MAX_VALUE_BYTES + 1, "value")]
    {
        let refused = engine.commit(put(key_len, value_len)).await.unwrap_err();
        assert!(matches!(refused, EngineError::TooLarge { what: w, .. } if w == what), "{refused}");
    }
    let found = engine.get_many(&[vec![7; MAX_KEY_BYTES]]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().len(), MAX_VALUE_BYTES);
    assert_eq!(engine.status().durable, 1);
}

pub(super) async fn scans_go_both_ways_and_respect_bounds_and_limit(subject: Subject) {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let engine = subject.engine;
    engine.commit(put(&[("a", "1"), ("b", "2"), ("ba", "3"), ("c", "4")])).await.unwrap();
    for (start, end, direction, limit, expected) in [
        (Unbounded, Unbounded, Direction::Forward, 9, "a b ba c"),
        (Unbounded, Unbounded, Direction::Backward, 9, "c ba b a"),
        (Unbounded, Unbounded, Direction::Backward, 1, "c"),
        (Unbounded, Unbounded, Direction::Forward, 0, ""),
        (Included("b"), Unbounded, Direction::Forward, 2, "b ba"),
        (Excluded("b"), Unbounded, Direction::Forward, 9, "ba c"),
        (Included("aa"), Included("ba"), Direction::Forward, 9, "b ba"),
        (Included("aa"), Excluded("ba"), Direction::Backward, 9, "b"),
        (Unbounded, Included("bb"), Direction::Backward, 2, "ba b"),
        (Included("b"), Included("b"), Direction::Backward, 9, "b"),
    ] {
        let range = KeyRange { start: start.map(key), end: end.map(key) };
        let found = engine.scan(range.clone(), direction, limit).await.unwrap();
        let names: Vec<_> = found.iter().map(|(k, _)| std::str::from_utf8(k).unwrap()).collect();
        assert_eq!(names.join(" "), expected, "{range:?} {direction:?} {limit}");
    }
    let found = engine.scan(KeyRange::prefix(b"b"), Direction::Forward, 9).await.unwrap();
    assert_eq!(found, [(key("b"), value("2")), (key("ba"), value("3"))]);
}

pub(super) async fn scans_of_impossible_ranges_are_empty(subject: Subject) {
    use std::ops::Bound::{Excluded, Included};
    let engine = subject.engine;
    engine.commit(put(&[("a", "1"), ("b", "2"), ("c", "3")])).await.unwrap();
    for (start, end) in [
        (Included("c"), Included("a")),
        (Included("b"), Excluded("b")),
        (Excluded("b"), Included("b")),
        (Excluded("b"), Excluded("b")),
        (Excluded("c"), Excluded("a")),
    ] {
        for direction in [Direction::Forward, Direction::Backward] {
            let range = KeyRange { start: start.map(key), end: end.map(key) };
            assert_eq!(engine.scan(range, direction, 9).await.unwrap(), []);
        }
    }
}

pub(super) async fn scans_merge_what_is_pending_with_what_is_stored(subject: Subject) {
    let engine = subject.engine;
    engine.commit(put(&[("a", "1"), ("c", "1"), ("e", "1")])).await.unwrap();
    // Held back, so that everything after it stays pending however fast the engine is.
    let held = engine.append(put(&[("hidden", "1")])).await.unwrap();
    let mut batch = put(&[("b", "2"), ("c", "2"), ("f", "2")]);
    batch.delete(key("e"));
    engine.commit(batch).await.unwrap();
    let expected = [("a", "1"), ("b", "2"), ("c", "2"), ("f", "2")];
    assert_eq!(scan_all(&*engine).await, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    let last_two = engine.scan(KeyRange::prefix(b""), Direction::Backward, 2).await.unwrap();
    assert_eq!(last_two, [(key("f"), value("2")), (key("c"), value("2"))]);
    held.publish();
    assert_eq!(get(&*engine, "hidden").await.unwrap(), "1");
}

pub(super) async fn scans_go_on_past_many_deleted_keys(subject: Subject) {
    let engine = subject.engine;
    let names: Vec<_> = (0..3000).map(|i| format!("{i:05}")).collect();
    let mut batch = Batch::default();
    names.iter().for_each(|n| batch.put(key(n), n.clone()));
    engine.commit(batch).await.unwrap();
    let held = engine.append(Batch::default()).await.unwrap();
    let mut batch = Batch::default();
    names[1..2999].iter().for_each(|n| batch.delete(key(n)));
    engine.commit(batch).await.unwrap();
    for (direction, ends) in
        [(Direction::Forward, ["00000", "02999"]), (Direction::Backward, ["02999", "00000"])]
    {
        let found = engine.scan(KeyRange::prefix(b"0"), direction, 2).await.unwrap();
        assert_eq!(found.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>(), ends.map(key));
    }
    drop(held);
}

pub(super) async fn any_bytes_are_keys(subject: Subject) {
    let keys = [vec![0], vec![0, 0], vec![0, 255], vec![1], vec![255], vec![255, 255]];
    let mut batch = Batch::default();
    keys.iter().for_each(|k| batch.put(k.clone(), k.clone()));
    subject.engine.commit(batch).await.unwrap();
    let engine = (subject.restart)(subject.engine, Stop::Closed);
    let found = engine.scan(KeyRange::prefix(b""), Direction::Forward, 99).await.unwrap();
    assert_eq!(found.into_iter().map(|(k, _)| k).collect::<Vec<_>>(), keys);
    let found = engine.scan(KeyRange::prefix(&[255]), Direction::Backward, 99).await.unwrap();
    assert_eq!(found.len(), 2);
}

pub(super) async fn a_key_rewritten_again_and_again_keeps_its_last_value(subject: Subject) {
    let engine = subject.engine;
    let appends: Vec<_> = (0..500).map(|i| engine.append(put(&[("header", &i.to_string())]))).collect();
    for append in appends {
        append.await.unwrap().publish();
    }
    assert_eq!(get(&*engine, "header").await.unwrap(), "499");
    let engine = (subject.restart)(engine, Stop::Closed);
    assert_eq!(get(&*engine, "header").await.unwrap(), "499");
}

pub(super) async fn everything_durable_is_there_after_a_close_and_after_a_kill(subject: Subject) {
    let mut engine = subject.engine;
    for (round, stop) in [Stop::Closed, Stop::Killed, Stop::Killed, Stop::Closed].into_iter().enumerate() {
        let durable = engine.append(put(&[("unpublished", &round.to_string())])).await.unwrap();
        for i in 0..20 {
            engine.commit(put(&[(&format!("{round}/{i}"), &"x".repeat(i * 100))])).await.unwrap();
        }
        drop(durable);
        let number = engine.status().durable;
        engine = (subject.restart)(engine, stop);
        assert_eq!(engine.status().durable, number);
        assert_eq!(get(&*engine, "unpublished").await.unwrap(), round.to_string());
        for i in 0..20 {
            assert_eq!(get(&*engine, &format!("{round}/{i}")).await.unwrap().len(), i * 100);
        }
    }
    assert_eq!(scan_all(&*engine).await.len(), 81);
}

pub(super) async fn checks_hold_across_a_restart(subject: Subject) {
    subject.engine.commit(put(&[("a", "1")])).await.unwrap();
    let engine = (subject.restart)(subject.engine, Stop::Killed);
    assert_eq!(engine.commit(check(put(&[("a", "2")]), "a", None)).await.unwrap_err(), EngineError::Conflict);
    assert_eq!(engine.commit(check(put(&[("a", "2")]), "a", Some("1"))).await.unwrap(), 2);
}

pub(super) async fn a_closed_store_refuses_everything_and_closes_again(subject: Subject) {
    let engine = subject.engine;
    engine.commit(put(&[("a", "1")])).await.unwrap();
    engine.close().await.unwrap();
    assert_eq!(engine.get_many(&[key("a")]).await.unwrap_err(), EngineError::Closed);
    let scanned = engine.scan(KeyRange::prefix(b""), Direction::Forward, 1).await;
    assert_eq!(scanned.unwrap_err(), EngineError::Closed);
    assert_eq!(engine.commit(put(&[("b", "1")])).await.unwrap_err(), EngineError::Closed);
    engine.close().await.unwrap();
}

pub(super) async fn status_counts_durable_batches(subject: Subject) {
    let engine = subject.engine;
    for number in 1..=3 {
        engine.commit(put(&[("a", "1")])).await.unwrap();
        assert_eq!(engine.status().durable, number);
    }
    assert_eq!(engine.status().refusing_writes, None);
    let held = engine.append(put(&[("b", "1")])).await.unwrap();
    assert!(engine.status().pending_bytes > 0);
    drop(held);
}
