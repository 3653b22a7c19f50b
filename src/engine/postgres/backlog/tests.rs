mod remembered;

use super::*;
use crate::engine::Batch;
use crate::engine::pending::ops_of;

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

fn shown(backlog: &Backlog, key: &str) -> Option<Option<Value>> {
    backlog.shown(&[key.as_bytes().to_vec()]).values.remove(0)
}

#[test]
fn readers_see_the_value_beneath_until_a_batch_is_published() {
    let backlog = Backlog::new(7, 0);
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut Read::new()), Numbered::Unread);
    let beneath = read("a", Some("0"));
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut beneath.clone()), Numbered::As(8));
    assert_eq!(backlog.number(&[], &ops("a", None), &mut Read::new()), Numbered::As(9));
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
    let backlog = Backlog::new(0, 0);
    let beneath = read("a", None);
    for n in ["1", "2", "3"] {
        assert!(matches!(backlog.number(&[], &ops("a", Some(n)), &mut beneath.clone()), Numbered::As(_)));
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
    let backlog = Backlog::new(0, 0);
    let check = |value: Option<&str>| vec![(b"a".to_vec(), value.map(self::value))];
    let beneath = read("a", Some("0"));
    assert_eq!(backlog.number(&check(Some("0")), &ops("b", None), &mut Read::new()), Numbered::Unread);
    let both = Read::from_iter(beneath.clone().into_iter().chain(read("b", None)));
    let conflict = Numbered::Refused(EngineError::Conflict);
    assert_eq!(backlog.number(&check(None), &ops("b", None), &mut both.clone()), conflict);
    assert_eq!(
        backlog.number(&check(Some("0")), &ops("a", Some("1")), &mut beneath.clone()),
        Numbered::As(1)
    );
    assert_eq!(backlog.number(&check(Some("0")), &ops("a", Some("2")), &mut beneath.clone()), conflict);
    assert_eq!(backlog.number(&check(Some("1")), &ops("a", None), &mut Read::new()), Numbered::As(2));
    assert_eq!(backlog.number(&check(None), &ops("a", Some("3")), &mut Read::new()), Numbered::As(3));
    backlog.refuse(EngineError::Closed);
    assert_eq!(
        backlog.number(&[], &ops("a", None), &mut both.clone()),
        Numbered::Refused(EngineError::Closed)
    );
}

#[test]
fn what_was_read_grows_old_when_a_batch_leaves() {
    let backlog = Backlog::new(0, 0);
    let mut read = read("a", Some("0"));
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut read), Numbered::As(1));
    backlog.durable(1);
    backlog.publish(1);
    let check = vec![(b"a".to_vec(), Some(value("1")))];
    assert_eq!(backlog.number(&check, &ops("a", Some("2")), &mut read), Numbered::As(2));
    assert_eq!(shown(&backlog, "a"), Some(Some(value("1"))));
}

#[test]
fn a_value_that_cannot_be_read_fails_only_the_batches_that_need_it() {
    let backlog = Backlog::new(0, 0);
    let mut read = read("a", Some("0"));
    read.insert(Bytes::from("bad"), Err(EngineError::Closed));
    let refused = Numbered::Refused(EngineError::Closed);
    assert_eq!(backlog.number(&[], &ops("bad", Some("1")), &mut read), refused);
    assert_eq!(backlog.number(&[(b"bad".to_vec(), None)], &ops("a", Some("1")), &mut read), refused);
    assert_eq!(backlog.number(&[], &ops("a", Some("1")), &mut read), Numbered::As(1));
}
