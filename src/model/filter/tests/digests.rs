//! The digests of filters.

use super::*;

#[test]
fn a_list_means_the_same_in_any_order() {
    let list = |values: &[&str]| {
        let values = values.iter().map(|value| text(value)).collect();
        digest(&parse(vec![RawFilter { in_: Some(values), ..on("ref") }]).unwrap())
    };
    assert_eq!(list(&["a", "b", "c"]), list(&["c", "a", "b", "a"]));
    assert_ne!(list(&["a", "b", "c"]), list(&["a", "bc"]));
    assert_eq!(
        Operator::one_of(vec![Operand::Row(Row(2)), Operand::Row(Row(1)), Operand::Row(Row(2))]),
        Operator::In(vec![Operand::Row(Row(1)), Operand::Row(Row(2))])
    );
}

/// Cursors that clients hold depend on the digest. Another program computed the number.
#[test]
fn digests_never_change() {
    let list = RawFilter {
        nin: Some(vec![text("a"), RawValue::Number(1.5), RawValue::Bool(true)]),
        ..on("attributes.a")
    };
    let or = RawFilter {
        or: Some(vec![regex("email", "x", true), list, eq("dob", text("1990-01-01"))]),
        ..RawFilter::default()
    };
    let filter =
        parse(vec![eq("status", text("active")), or, RawFilter { exists: Some(true), ..on("role") }])
            .unwrap();
    assert_eq!(digest(&filter), 10_786_056_200_163_739_657);
}
