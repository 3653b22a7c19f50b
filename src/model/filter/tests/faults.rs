//! Filters that are refused, and why.

use super::*;

#[test]
fn each_fault_is_reported_with_its_path() {
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
        (eq("phone", text("0171 1234567")), FilterInvalid, ".eq"),
        (eq("phone", text("+44")), FilterInvalid, ".eq"),
        (RawFilter { prefix: Some("0171".to_owned()), ..on("phone") }, FilterInvalid, ".prefix"),
        (RawFilter { prefix: Some("+44x".to_owned()), ..on("phone") }, FilterInvalid, ".prefix"),
        (RawFilter { lt: Some(text("0171")), ..on("phone") }, FilterInvalid, ".lt"),
        (eq("email", text("ada")), FilterInvalid, ".eq"),
        (RawFilter { nin: Some(vec![text("a@b.cd"), text("")]), ..on("email") }, FilterInvalid, ".nin[1]"),
        (eq("email", text("@")), FilterInvalid, ".eq"),
        (RawFilter { ne: Some(text("a@")), ..on("email") }, FilterInvalid, ".ne"),
        (RawFilter { in_: Some(vec![text("a@b@c")]), ..on("email") }, FilterInvalid, ".in[0]"),
        (RawFilter { nin: Some(vec![text("a b@c.de")]), ..on("email") }, FilterInvalid, ".nin[0]"),
        (RawFilter { prefix: Some("@example.com".to_owned()), ..on("email") }, FilterInvalid, ".prefix"),
        (RawFilter { prefix: Some("+1234567890123456".to_owned()), ..on("phone") }, FilterInvalid, ".prefix"),
        (eq("ref", text(&"x".repeat(513))), FilterInvalid, ".eq"),
        (eq("ref", text("a\nb")), FilterInvalid, ".eq"),
        (RawFilter { prefix: Some("a\t".to_owned()), ..on("company") }, FilterInvalid, ".prefix"),
        (eq("tier", text(&"x".repeat(65))), FilterInvalid, ".eq"),
        (eq("attributes.a", text(&"x".repeat(4_097))), FilterInvalid, ".eq"),
        (RawFilter { prefix: Some("x".repeat(4_097)), ..on("attributes.a") }, FilterInvalid, ".prefix"),
        (eq("dob", text("1899-12-31")), FilterInvalid, ".eq"),
        (eq("dob", text("2026-03-01")), FilterInvalid, ".eq"),
        (eq("tier", text("")), FilterInvalid, ".eq"),
        (RawFilter { ne: Some(text("")), ..on("company") }, FilterInvalid, ".ne"),
        (RawFilter { prefix: Some("Act".to_owned()), ..on("status") }, FilterInvalid, ".prefix"),
        (RawFilter { prefix: Some("fem".to_owned()), ..on("gender") }, FilterInvalid, ".prefix"),
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
fn a_fault_says_what_was_probably_meant() {
    let told = |raw: RawFilter| parse(vec![raw]).unwrap_err().violations.remove(0).description;
    for (raw, said) in [
        (eq("Tier", text("Gold")), "; did you mean tier?"),
        (eq("firstName", text("Ada")), "; did you mean first_name?"),
        (eq("workerid", text("7")), "; did you mean worker_id?"),
        (eq("phone", text("0171 1234567")), "must be `+`, the country code and the number"),
        (
            RawFilter { prefix: Some("0171".to_owned()), ..on("phone") },
            "must begin with `+` and the country code",
        ),
        (
            eq("dob", text("tomorrow")),
            "must be a calendar date written YYYY-MM-DD, from 1900-01-01 to today, as dob is",
        ),
        (
            eq("created_at", text("today")),
            "must be an RFC 3339 time such as 2026-02-03T04:05:06Z, as created_at is",
        ),
        (eq("status", text("Active")), "must be one of invited, active, inactive, as status is"),
        (eq("enable_payroll", text("yes")), "must be true or false, as enable_payroll is"),
        (eq("company", text("")), "must not be empty; use exists: false for absent values"),
        (eq("tier", text(&"x".repeat(65))), "must be at most 64 characters long, not 65, as tier is"),
        (eq("ref", text("a\n")), "such as line breaks and tabs: no ref has them"),
        (eq("email", text("@")), "must be an e-mail address, as email is"),
        (
            RawFilter { gt: Some(text("zzz")), ..on("status") },
            "must be less than \"invited\", the greatest value that status can have",
        ),
        (
            RawFilter { lte: Some(text("1899-12-31")), ..on("dob") },
            "must be at least 1900-01-01, the least value that dob can have",
        ),
    ] {
        assert!(told(raw.clone()).contains(said), "{raw:?}: {}", told(raw.clone()));
    }
}

#[test]
fn parts_of_values_are_good_where_values_are_put_in_order_or_begin_with_them() {
    for raw in [
        RawFilter { gte: Some(text("")), ..on("tier") },
        RawFilter { lt: Some(text("b")), ..on("email") },
        RawFilter { gt: Some(text("in")), ..on("status") },
        RawFilter { gte: Some(text("+44 (0)20")), ..on("phone") },
        RawFilter { prefix: Some("+".to_owned()), ..on("phone") },
        RawFilter { prefix: Some("inv".to_owned()), ..on("status") },
        RawFilter { prefix: Some("Non".to_owned()), ..on("gender") },
        eq("attributes.a", text("")),
    ] {
        assert!(parse(vec![raw.clone()]).is_ok(), "{raw:?}");
    }
}

#[test]
fn all_faults_of_a_tree_are_reported_at_once() {
    let inner = vec![eq("ref", text("a")), regex("ref", "[", false), on("tier")];
    let or = RawFilter { or: Some(inner), ..RawFilter::default() };
    let outer = RawFilter { and: Some(vec![eq("ref", text("a")), or]), ..RawFilter::default() };
    let (reason, paths) = faults(vec![eq("tier", text("Gold")), outer, eq("x", text("y"))]);
    assert_eq!(reason, Reason::RegexInvalid);
    assert_eq!(paths, ["filters[1].and[1].or[1].regex.pattern", "filters[1].and[1].or[2]", "filters[2].key"]);
}

#[test]
fn the_fault_of_a_pattern_is_reported_without_the_pattern() {
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
