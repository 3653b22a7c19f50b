use super::*;

fn key(text: &str) -> Option<Key> {
    Some(Key::Ref(text.to_owned()))
}

fn id(number: u128) -> Option<Key> {
    Some(Key::Id(number))
}

#[test]
fn a_later_row_overtakes_all_before_it_that_failed_and_none_after_it() {
    let mut rows = Overtaken::default();
    for (line, text) in [(2, "a"), (3, "b"), (5, "a"), (9, "a")] {
        rows.failed(line, key(text), None);
    }
    rows.applied(4, key("c"), id(3));
    assert_eq!(rows.lines().len(), 0);
    rows.applied(7, key("a"), id(1));
    assert_eq!(rows.lines(), BTreeMap::from([(2, 7), (5, 7)]));
    rows.applied(12, key("a"), id(1));
    assert_eq!(rows.lines(), BTreeMap::from([(2, 7), (5, 7), (9, 12)]));
    assert!(!rows.is_unsure());
}

#[test]
fn a_row_that_the_server_applied_to_the_member_by_another_key_overtakes_too() {
    let mut rows = Overtaken::default();
    rows.failed(2, key("a"), id(1));
    rows.failed(3, id(2), None);
    rows.failed(4, key("c"), id(3));
    rows.applied(5, key("former a"), id(1));
    rows.applied(6, key("b"), id(2));
    rows.applied(7, key("d"), id(4));
    assert_eq!(rows.lines(), BTreeMap::from([(2, 5), (3, 6)]));
    assert!(!rows.has_to_learn() && !rows.is_unsure(), "there is nothing to ask");
    assert_eq!([2, 3, 4].map(|line| rows.standing(line) == Standing::Overtaken), [true, true, false]);
}

#[test]
fn whom_a_key_names_by_now_marks_a_row_and_does_not_decide_whether_it_is_tried() {
    let mut rows = Overtaken::default();
    rows.failed(3, key("b"), None);
    rows.applied(6, key("new b"), id(2));
    rows.failed(9, key("c"), None);
    assert!(rows.has_to_learn() && !rows.has_to_learn_now());
    rows.learn(&[(3, Key::Id(2)), (9, Key::Id(2))]);
    assert_eq!(rows.lines(), BTreeMap::from([(3, 6)]), "line 6 is older than line 9");
    assert!(!rows.has_to_learn());
    // Later rows are compared with the result of the lookup as well.
    rows.applied(10, key("another b"), id(2));
    assert_eq!(rows.lines(), BTreeMap::from([(3, 6), (9, 10)]));
    assert_eq!([3, 9].map(|line| rows.standing(line)), [Standing::Newest; 2]);
    // A row that is applied in the end is not a failed row any more, and has overtaken those with its key.
    rows.failed(1, key("b"), None);
    rows.created(3, &Key::Ref("b".into()));
    assert_eq!(rows.lines(), BTreeMap::from([(1, 3), (9, 10)]));
}

#[test]
fn rows_before_one_without_a_known_member_may_have_been_overtaken() {
    let mut rows = Overtaken::default();
    rows.applied(1, key("z"), None);
    rows.failed(2, key("a"), id(1));
    rows.cannot_learn();
    assert!(rows.standing(2) == Standing::Newest && !rows.is_unsure(), "no row came after it");
    rows.failed(3, key("b"), None);
    // If rows are matched by id, their keys are the ids.
    rows.applied(4, id(7), None);
    assert_eq!(rows.standing(2), Standing::Newest);
    rows.applied(5, key("c"), None);
    rows.failed(6, key("d"), id(4));
    let unknown = Standing::Unknown { later: 5 };
    assert_eq!([2, 3, 6].map(|line| rows.standing(line)), [unknown, unknown, Standing::Newest]);
    assert!(rows.is_unsure() && rows.lines().is_empty(), "nothing is marked that is not known");
    rows.applied(7, key("a"), None);
    assert_eq!(rows.standing(2), Standing::Overtaken);
}

#[test]
fn rows_without_keys_from_the_server_are_unsure_and_decide_nothing() {
    let mut rows = Overtaken::default();
    rows.failed(2, key("a"), None);
    rows.applied(3, key("b"), id(1));
    rows.cannot_learn();
    assert!(rows.is_unsure() && rows.lines().is_empty());
    assert_eq!(rows.standing(2), Standing::Newest);
}

#[test]
fn keys_are_learned_before_too_many_are_remembered() {
    let mut rows = Overtaken::default();
    (1..=MAX_OPEN as u64).for_each(|line| rows.failed(line, key(&line.to_string()), None));
    assert!(!rows.has_to_learn_now(), "nothing was applied yet");
    rows.applied(MAX_OPEN as u64 + 1, key("other"), id(1));
    assert!(rows.has_to_learn_now());
    rows.learn(&[]);
    rows.failed(MAX_OPEN as u64 + 2, key("last"), None);
    rows.applied = vec![(0, 0); MAX_APPLIED - 1];
    assert!(!rows.has_to_learn_now());
    rows.applied(MAX_OPEN as u64 + 3, key("other"), id(1));
    assert!(rows.has_to_learn_now());
}
