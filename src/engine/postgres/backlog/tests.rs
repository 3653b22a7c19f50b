mod remembered;

use super::*;
use crate::engine::Batch;
use crate::engine::pending::ops_of;
use crate::engine::postgres::scope::Scope;

fn value(text: &str) -> Value {
    Bytes::copy_from_slice(text.as_bytes())
}

fn ops(key: &str, value: Option<&str>) -> Ops {
    let mut batch = Batch::default();
    match value {
        Some(value) => batch.put(key.as_bytes().to_vec(), value.to_owned()),
        None => batch.delete(key.as_bytes().to_vec()),
    }
    ops_of(batch)
}

fn read(key: &str, value: Option<&str>) -> Read {
    Read::from([(Bytes::copy_from_slice(key.as_bytes()), Ok(value.map(self::value)))])
}

fn of(read: &Read) -> Beneath {
    Beneath { values: read.clone(), ..Beneath::default() }
}

/// Keys that begin with `b/` have the lease 7.
fn keys() -> Keys {
    Keys::new(Scope::Store, |key| key.starts_with(b"b/").then_some(7))
}

fn backlog(last: u64) -> Backlog {
    Backlog::new(last, 0, keys())
}

fn shown(backlog: &Backlog, key: &str) -> Option<Option<Value>> {
    backlog.shown(&[key.as_bytes().to_vec()]).values.remove(0)
}

#[test]
fn readers_see_the_value_beneath_until_a_batch_is_published() {
    let backlog = backlog(7);
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut Beneath::default()), Numbered::Unread);
    let beneath = read("a", Some("0"));
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut of(&beneath)), Numbered::As(8));
    assert_eq!(backlog.number(&[], &ops("a", None), &mut Beneath::default()), Numbered::As(9));
    backlog.durable(9);
    assert_eq!(shown(&backlog, "a"), Some(Some(value("0"))));
    assert_eq!(backlog.before(b"a", 8), Some(value("0")));
    assert_eq!(backlog.before(b"a", 9), Some(value("1")));
    backlog.publish(8);
    assert_eq!(shown(&backlog, "a"), Some(Some(value("1"))));
    assert_eq!(backlog.before(b"a", 9), Some(value("1")), "the batch before has left");
    assert_eq!(backlog.shown_in(b"", None), [(Bytes::from("a"), Some(value("1")))]);
    backlog.publish(9);
    assert_eq!(shown(&backlog, "a"), None, "now the tables know");
    assert_eq!(backlog.counts(), (9, 0));
}

#[test]
fn batches_that_are_published_out_of_order_stay_until_all_before_them_are() {
    let backlog = backlog(0);
    let beneath = read("a", None);
    for n in ["1", "2", "3"] {
        assert!(matches!(backlog.number(&[], &ops("a", Some(n)), &mut of(&beneath)), Numbered::As(_)));
    }
    backlog.publish(2);
    assert_eq!(shown(&backlog, "a"), Some(Some(value("2"))));
    backlog.publish(1);
    assert_eq!(shown(&backlog, "a"), Some(Some(value("2"))));
    backlog.publish(3);
    assert_eq!(shown(&backlog, "a"), None);
}

#[test]
fn checks_see_pending_batches_then_what_is_beneath_then_what_was_read() {
    let backlog = backlog(0);
    let check = |value: Option<&str>| vec![(b"a".to_vec(), value.map(self::value))];
    let beneath = read("a", Some("0"));
    assert_eq!(backlog.number(&check(Some("0")), &ops("b", None), &mut Beneath::default()), Numbered::Unread);
    let both = Read::from_iter(beneath.clone().into_iter().chain(read("b", None)));
    let conflict = Numbered::Refused(EngineError::Conflict);
    assert_eq!(backlog.number(&check(None), &ops("b", None), &mut of(&both)), conflict);
    assert_eq!(backlog.number(&check(Some("0")), &ops("a", Some("1")), &mut of(&beneath)), Numbered::As(1));
    assert_eq!(backlog.number(&check(Some("0")), &ops("a", Some("2")), &mut of(&beneath)), conflict);
    assert_eq!(backlog.number(&check(Some("1")), &ops("a", None), &mut Beneath::default()), Numbered::As(2));
    assert_eq!(backlog.number(&check(None), &ops("a", Some("3")), &mut Beneath::default()), Numbered::As(3));
    backlog.refuse(EngineError::Closed);
    assert_eq!(backlog.number(&[], &ops("a", None), &mut of(&both)), Numbered::Refused(EngineError::Closed));
}

#[test]
fn what_was_read_grows_old_when_a_batch_leaves() {
    let backlog = backlog(0);
    let mut read = of(&read("a", Some("0")));
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut read), Numbered::As(1));
    backlog.durable(1);
    backlog.publish(1);
    let check = vec![(b"a".to_vec(), Some(value("1")))];
    assert_eq!(backlog.number(&check, &ops("a", Some("2")), &mut read), Numbered::As(2));
    assert_eq!(shown(&backlog, "a"), Some(Some(value("1"))));
}

#[test]
fn a_value_that_cannot_be_read_fails_only_the_batches_that_need_it() {
    let backlog = backlog(0);
    let mut read = read("a", Some("0"));
    read.insert(Bytes::from("bad"), Err(EngineError::Closed));
    let mut read = of(&read);
    let refused = Numbered::Refused(EngineError::Closed);
    assert_eq!(backlog.number(&[], &ops("bad", Some("1")), &mut read), refused);
    assert_eq!(backlog.number(&[(b"bad".to_vec(), None)], &ops("a", Some("1")), &mut read), refused);
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut read), Numbered::As(1));
}

#[test]
fn while_keys_are_lent_batches_with_them_are_refused_and_nothing_shared_is_remembered() {
    let backlog = Backlog::new(0, 1 << 20, keys());
    let all = ["a", "b/1"];
    let remembered = || all.map(|key| shown(&backlog, key).flatten());
    let keep = |at: Moment, text: &str| all.iter().for_each(|key| backlog.keep(at, &read(key, Some(text))));
    let now = || backlog.shown(&[]).at;
    let before = now();
    keep(before, "1");
    assert_eq!(remembered(), [Some(value("1")), Some(value("1"))]);
    assert!(backlog.lend(7) && !backlog.lend(7) && backlog.is_lent(7));
    assert_eq!(remembered(), [None, None]);
    keep(now(), "2");
    assert_eq!(remembered(), [None, None]);
    let number = |key: &str, check: &str| {
        let checks = vec![(check.as_bytes().to_vec(), None)];
        let both = Read::from_iter(read(key, None).into_iter().chain(read(check, None)));
        backlog.number(&checks, &ops(key, Some("3")), &mut of(&both))
    };
    assert!(matches!(number("b/1", "c"), Numbered::Refused(EngineError::Lent(_))));
    assert!(
        matches!(number("c", "b/1"), Numbered::Refused(EngineError::Lent(_))),
        "it may not hold any more"
    );
    assert_eq!(number("c", "d"), Numbered::As(1));
    assert!(!backlog.has_pending(7));
    backlog.take_back(7);
    assert!(backlog.lent().is_empty());
    // What was asked for before may be old.
    keep(before, "1");
    assert_eq!(remembered(), [None, None]);
    keep(now(), "4");
    assert_eq!(remembered(), [Some(value("4")), Some(value("4"))]);
}

#[test]
fn what_was_read_before_keys_were_taken_back_numbers_no_batch() {
    let backlog = Backlog::new(0, 1 << 20, keys());
    let mut beneath = of(&read("b/1", Some("old")));
    backlog.lend(7);
    backlog.take_back(7);
    let number = |beneath: &mut Beneath| backlog.number(&[], &ops("b/1", Some("1")), beneath);
    assert_eq!(number(&mut beneath), Numbered::Unread);
    beneath.values = read("b/1", Some("new"));
    assert_eq!(number(&mut beneath), Numbered::As(1));
    assert_eq!(backlog.before(b"b/1", 1), Some(value("new")));
    backlog.lend(7);
    assert!(backlog.has_pending(7));
    backlog.durable(1);
    backlog.publish(1);
    assert!(!backlog.has_pending(7));
    assert_eq!(shown(&backlog, "b/1"), None, "what leaves is not remembered either");
}
