//! Limits and attributes that are counted over a whole tree.

use super::*;

#[test]
fn ten_thousand_values_are_accepted_and_no_more() {
    let list = |count| {
        let values = (0..count).map(|index: u32| text(&index.to_string())).collect();
        vec![RawFilter { in_: Some(values), ..on("ref") }]
    };
    let filter = parse(list(10_000)).unwrap();
    let found = |ref_: &str| {
        let mut member = Member::default();
        member.profile.ref_ = Some(Ref::parse(ref_).unwrap());
        let view = MemberView { row: Row(0), member: &member, fold: Fold::NEWEST, audiences: &NoAudiences };
        filter.matches(&view, &mut Effort::default())
    };
    assert!(found("0") && found("9999") && found("777") && !found("10000"));
    assert_eq!(faults(list(10_001)), (Reason::FilterTooLarge, vec!["filters[0].in".to_owned()]));
}

#[test]
fn the_values_of_all_lists_together_are_limited() {
    let list = |count: usize| RawFilter { nin: Some(vec![text("a"); count]), ..on("ref") };
    let nested = |count| RawFilter { or: Some(vec![list(1), list(count)]), ..RawFilter::default() };
    assert!(parse(vec![list(10_000), nested(999)]).is_ok());
    let too_many = vec![list(10_000), nested(1_000), list(10_000)];
    assert_eq!(faults(too_many), (Reason::FilterTooLarge, vec!["filters".to_owned()]));
}

#[test]
fn attributes_are_named_with_the_paths_of_their_keys() {
    let or = RawFilter { or: Some(vec![eq("attributes.b", text("x"))]), ..RawFilter::default() };
    let raw = vec![eq("attributes.a", text("x")), or];
    let named = Filter::parse_members(raw, &sealer(), BASE, Fold::NEWEST, today()).unwrap().named.attributes;
    let named: Vec<_> = named.0.iter().map(|named| (named.path.as_str(), named.key.as_str())).collect();
    assert_eq!(named, [("filters[0]", "a"), ("filters[1].or[0]", "b")]);
}
