//! Filters that are refused, and why.

use super::*;

#[test]
fn each_fault_is_told_with_its_path() {
    use Reason::{FilterInvalid, IdMalformed, RegexInvalid};
    let at = |path: &str| vec![format!("filters[0]{path}")];
    let value = || Some(text("a"));
    for (raw, reason, path) in [
        (RawFilter::default(), FilterInvalid, ""),
        (on("ref"), FilterInvalid, ""),
        (RawFilter { eq: value(), ..RawFilter::default() }, FilterInvalid, ".key"),
        (RawFilter { eq: value(), ..on("") }, FilterInvalid, ".key"),
        (RawFilter { eq: value(), ..on("shoe_size") }, FilterInvalid, ".key"),
        (RawFilter { eq: value(), ..on("name") }, FilterInvalid, ".key"),
        (RawFilter { eq: value(), ..on("attributes.") }, FilterInvalid, ".key"),
        (RawFilter { eq: value(), ..on("attributes.a b") }, FilterInvalid, ".key"),
        (RawFilter { eq: value(), ne: value(), ..on("ref") }, FilterInvalid, ""),
        (RawFilter { eq: value(), and: Some(vec![on("ref")]), ..on("ref") }, FilterInvalid, ""),
        (RawFilter { and: Some(vec![on("ref")]), ..on("ref") }, FilterInvalid, ".key"),
        (RawFilter { and: Some(vec![]), ..RawFilter::default() }, FilterInvalid, ".and"),
        (RawFilter { or: Some(vec![]), ..RawFilter::default() }, FilterInvalid, ".or"),
        (eq("ref", RawValue::Null), FilterInvalid, ".eq"),
        (eq("ref", RawValue::Number(1.0)), FilterInvalid, ".eq"),
        (eq("ref", RawValue::List(vec![])), FilterInvalid, ".eq"),
        (eq("attributes.a", RawValue::Object), FilterInvalid, ".eq"),
        (eq("attributes.a", RawValue::List(vec![])), FilterInvalid, ".eq"),
        (eq("attributes.a", RawValue::Number(9_007_199_254_740_992.0)), FilterInvalid, ".eq"),
        (eq("attributes.a", RawValue::Number(f64::NAN)), FilterInvalid, ".eq"),
        (eq("enable_payroll", text("true")), FilterInvalid, ".eq"),
        (eq("status", text("gone")), FilterInvalid, ".eq"),
        (eq("gender", text("man")), FilterInvalid, ".eq"),
        (eq("dob", text("1990-02-30")), FilterInvalid, ".eq"),
        (eq("created_at", text("2026-02-03")), FilterInvalid, ".eq"),
        (eq("account_details", text("DE89370400440532013000")), FilterInvalid, ".eq"),
        (eq("id", text("user_001")), IdMalformed, ".eq"),
        (eq("id", text("mb_00000000000000000000000000")), IdMalformed, ".eq"),
        (RawFilter { in_: Some(vec![text("a"), RawValue::Null]), ..on("ref") }, FilterInvalid, ".in[1]"),
        (RawFilter { nin: Some(vec![RawValue::Bool(true)]), ..on("ref") }, FilterInvalid, ".nin[0]"),
        (RawFilter { gt: Some(RawValue::Bool(true)), ..on("attributes.a") }, FilterInvalid, ".gt"),
        (RawFilter { lte: Some(RawValue::Bool(true)), ..on("enable_payroll") }, FilterInvalid, ".lte"),
        (RawFilter { gte: Some(text(&sealer().member_id(BASE, Row(1)))), ..on("id") }, FilterInvalid, ".gte"),
        (RawFilter { lt: value(), ..on("account_details") }, FilterInvalid, ".lt"),
        (RawFilter { prefix: Some("m_".to_owned()), ..on("id") }, FilterInvalid, ".prefix"),
        (RawFilter { prefix: Some("19".to_owned()), ..on("dob") }, FilterInvalid, ".prefix"),
        (RawFilter { prefix: Some(String::new()), ..on("ref") }, FilterInvalid, ".prefix"),
        (RawFilter { prefix: Some(" (-".to_owned()), ..on("phone") }, FilterInvalid, ".prefix"),
        (RawFilter { gte: Some(text("-")), ..on("phone") }, FilterInvalid, ".gte"),
        (RawFilter { nin: Some(vec![text(" ")]), ..on("phone") }, FilterInvalid, ".nin[0]"),
        (regex("created_at", "2026", false), FilterInvalid, ".regex"),
        (regex("ref", "", false), RegexInvalid, ".regex.pattern"),
        (regex("ref", "a(", false), RegexInvalid, ".regex.pattern"),
        (regex("ref", "(?=a)", false), RegexInvalid, ".regex.pattern"),
        (regex("ref", &"x".repeat(513), false), RegexInvalid, ".regex.pattern"),
        (regex("ref", "\\w{1000}", false), RegexInvalid, ".regex.pattern"),
    ] {
        assert_eq!(faults(vec![raw.clone()]), (reason, at(path)), "{raw:?}");
    }
}

#[test]
fn all_faults_of_a_tree_are_told_at_once() {
    let inner = vec![eq("ref", text("a")), regex("ref", "[", false), on("tier")];
    let or = RawFilter { or: Some(inner), ..RawFilter::default() };
    let outer = RawFilter { and: Some(vec![eq("ref", text("a")), or]), ..RawFilter::default() };
    let (reason, paths) = faults(vec![eq("tier", text("Gold")), outer, eq("x", text("y"))]);
    assert_eq!(reason, Reason::RegexInvalid);
    assert_eq!(paths, ["filters[1].and[1].or[1].regex.pattern", "filters[1].and[1].or[2]", "filters[2].key"]);
}

#[test]
fn the_fault_of_a_pattern_is_told_without_the_pattern() {
    let refusal = parse(vec![regex("ref", "secret(", false)]).unwrap_err();
    assert_eq!(refusal.violations[0].description, "must be a regular expression: unclosed group");
}

fn nested(levels: usize) -> RawFilter {
    (1..levels).fold(eq("ref", text("a")), |inner, level| {
        let (and, or) = if level % 2 == 0 { (Some(vec![inner]), None) } else { (None, Some(vec![inner])) };
        RawFilter { and, or, ..RawFilter::default() }
    })
}

#[test]
fn eight_levels_are_accepted_and_nine_are_not() {
    assert!(parse(vec![nested(8)]).is_ok());
    assert_eq!(faults(vec![nested(9)]).0, Reason::FilterTooDeep);
    assert_eq!(faults(vec![nested(90)]).0, Reason::FilterTooDeep);
}

#[test]
fn a_thousand_conditions_are_accepted_and_no_more() {
    let many = |count| {
        let parts = (0..count).map(|index| eq("ref", text(&index.to_string()))).collect();
        vec![RawFilter { or: Some(parts), ..RawFilter::default() }]
    };
    assert!(parse(many(1_000)).is_ok());
    assert_eq!(faults(many(1_001)), (Reason::FilterTooLarge, vec!["filters".to_owned()]));
    assert_eq!(faults([many(999), many(2), many(3)].concat()).1, ["filters"]);
}

#[test]
fn regular_expressions_are_limited_in_number() {
    let many = |count| vec![regex("ref", "a+", false); count];
    assert!(parse(many(32)).is_ok());
    assert_eq!(faults(many(40)), (Reason::FilterTooLarge, vec!["filters".to_owned()]));
}
