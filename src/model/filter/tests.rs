//! Tests of filters: faults with their paths, and what each operator matches.

mod digests;
mod faults;
mod forms;
mod naive;
mod patterns;
mod whole_tree;

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::*;
use crate::model::attributes::attribute::{AttributePatch, AttributeValue, Attributes};
use crate::model::bank::account::AccountDetails;
use crate::model::contact::email::{Email, Fold};
use crate::model::contact::phone::{self, Phone};
use crate::model::id::{BaseNumber, IdKey, Row, Sealer};
use crate::model::membership::member::{Gender, Member, Status};
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::value::text::{Name, Ref, Tier};
use crate::model::value::time::{Date, Timestamp};

const BASE: BaseNumber = BaseNumber(3);

fn sealer() -> Sealer {
    Sealer::new(IdKey([7; 16]))
}

fn today() -> Date {
    Date::new(2026, 2, 28).unwrap()
}

fn text(text: &str) -> RawValue {
    RawValue::Text(text.to_owned())
}

fn on(key: &str) -> RawFilter {
    RawFilter { key: Some(key.to_owned()), ..RawFilter::default() }
}

fn eq(key: &str, value: RawValue) -> RawFilter {
    RawFilter { eq: Some(value), ..on(key) }
}

fn regex(key: &str, pattern: &str, case_insensitive: bool) -> RawFilter {
    RawFilter { regex: Some(RawRegex { pattern: pattern.to_owned(), case_insensitive }), ..on(key) }
}

fn parse(raw: Vec<RawFilter>) -> Result<Filter, Refusal> {
    Filter::parse_members(raw, &sealer(), BASE, Fold::NEWEST, today()).map(|parsed| parsed.filter)
}

fn member() -> Member {
    let mut patch = AttributePatch::default();
    patch.set("plan", AttributeValue::text("Pro").unwrap()).unwrap();
    patch.set("points", AttributeValue::number(7.0).unwrap()).unwrap();
    patch.set("vip", AttributeValue::bool(true)).unwrap();
    patch.set("tags", AttributeValue::list(vec!["red".to_owned(), "blue".to_owned()]).unwrap()).unwrap();
    patch.set("none", AttributeValue::list(vec![]).unwrap()).unwrap();
    let mut member = Member { attributes: Attributes::default().patched(&patch, false), ..Member::default() };
    member.created_at = Timestamp::parse("2026-02-03T04:05:06Z").unwrap();
    member.updated_at = Timestamp::parse("2026-02-04T00:00:00Z").unwrap();
    let profile = &mut member.profile;
    profile.ref_ = Some(Ref::parse("user_001").unwrap());
    profile.email = Some(Email::parse("Zoë@Example.com").unwrap());
    profile.first_name = Some(Name::parse("Zoë").unwrap());
    profile.phone = Some(Phone::parse("+442079460018").unwrap());
    profile.tier = Some(Tier::parse("Gold").unwrap());
    profile.dob = Date::new(1990, 2, 28);
    profile.gender = Some(Gender::NonBinary);
    profile.enable_payroll = Some(false);
    profile.account_details = Some(AccountDetails::parse_eu("Zoë", "DE89370400440532013000").unwrap());
    member
}

fn matches(raw: RawFilter) -> bool {
    let member = member();
    let view = MemberView { row: Row(9), member: &member, fold: Fold::NEWEST, audiences: &NoAudiences };
    parse(vec![raw]).unwrap().matches(&view, &mut Effort::default())
}

#[test]
fn no_filter_matches_everything() {
    assert_eq!(parse(vec![]), Ok(Filter::True));
}

#[test]
fn one_entry_stands_for_itself_and_several_combine_with_and() {
    let gold = || eq("tier", text("Gold"));
    let condition =
        Filter::Condition(Condition { field: Field::Tier, op: Operator::Eq(Operand::Text("Gold".into())) });
    assert_eq!(parse(vec![gold()]), Ok(condition.clone()));
    assert_eq!(parse(vec![gold(), gold()]), Ok(Filter::And(vec![condition.clone(), condition.clone()])));
    let or = RawFilter { or: Some(vec![gold(), gold()]), ..RawFilter::default() };
    assert_eq!(parse(vec![or]), Ok(Filter::Or(vec![condition.clone(), condition])));
}

#[test]
fn equality_matches_values_of_every_type() {
    let id = sealer().member_id(BASE, Row(9));
    for (key, good, bad) in [
        ("id", text(&id), text(&sealer().member_id(BASE, Row(8)))),
        (
            "id",
            text(&id.to_uppercase().replace("M_", "mem_")),
            text(&sealer().member_id(BaseNumber(4), Row(9))),
        ),
        ("ref", text("user_001"), text("USER_001")),
        ("email", text("zoË@EXAMPLE.com"), text("zoe@example.com")),
        ("first_name", text("Zoë"), text("zoë")),
        ("phone", text("+44 (20) 7946-0018"), text("+44 20 7946 0019")),
        ("tier", text("Gold"), text("Golden")),
        ("status", text("active"), text("inactive")),
        ("dob", text("1990-02-28"), text("1990-02-27")),
        ("gender", text("NonBinary"), text("Male")),
        ("enable_payroll", RawValue::Bool(false), RawValue::Bool(true)),
        ("created_at", text("2026-02-03T05:05:06+01:00"), text("2026-02-03T05:05:06Z")),
        ("attributes.plan", text("Pro"), text("pro")),
        ("attributes.points", RawValue::Number(7.0), text("7")),
        ("attributes.vip", RawValue::Bool(true), RawValue::Number(1.0)),
        ("attributes.tags", text("blue"), text("green")),
    ] {
        for (value, expected) in [(good, true), (bad, false)] {
            assert_eq!(matches(eq(key, value.clone())), expected, "{key} eq {value:?}");
            assert_eq!(
                matches(RawFilter { ne: Some(value.clone()), ..on(key) }),
                !expected,
                "{key} ne {value:?}"
            );
            let list = vec![value.clone(), value.clone()];
            assert_eq!(
                matches(RawFilter { in_: Some(list.clone()), ..on(key) }),
                expected,
                "{key} in {value:?}"
            );
            assert_eq!(matches(RawFilter { nin: Some(list), ..on(key) }), !expected, "{key} nin {value:?}");
        }
    }
}

#[test]
fn lists_of_mixed_types_find_their_value() {
    let mixed =
        vec![text("x"), RawValue::Number(7.0), RawValue::Bool(false), text("Pro"), RawValue::Number(-1.0)];
    for (key, expected) in [
        ("attributes.plan", true),
        ("attributes.points", true),
        ("attributes.vip", false),
        ("attributes.tags", false),
        ("attributes.other", false),
    ] {
        assert_eq!(matches(RawFilter { in_: Some(mixed.clone()), ..on(key) }), expected, "{key}");
    }
}

#[test]
fn an_absent_value_matches_nothing_but_negations() {
    for key in ["worker_id", "last_name", "role", "company", "attributes.other"] {
        let value = || Some(text("a"));
        for (raw, expected) in [
            (RawFilter { eq: value(), ..on(key) }, false),
            (RawFilter { ne: value(), ..on(key) }, true),
            (RawFilter { in_: Some(vec![text("a")]), ..on(key) }, false),
            (RawFilter { nin: Some(vec![text("a")]), ..on(key) }, true),
            (RawFilter { gt: value(), ..on(key) }, false),
            (RawFilter { gte: value(), ..on(key) }, false),
            (RawFilter { lt: value(), ..on(key) }, false),
            (RawFilter { lte: value(), ..on(key) }, false),
            (RawFilter { prefix: Some("a".to_owned()), ..on(key) }, false),
            (regex(key, ".*", false), false),
            (RawFilter { exists: Some(true), ..on(key) }, false),
            (RawFilter { exists: Some(false), ..on(key) }, true),
        ] {
            assert_eq!(matches(raw.clone()), expected, "{raw:?}");
        }
    }
}

#[test]
fn empty_lists_match_nothing_and_everything() {
    assert!(!matches(RawFilter { in_: Some(vec![]), ..on("tier") }));
    assert!(matches(RawFilter { nin: Some(vec![]), ..on("tier") }));
}

#[test]
fn order_is_that_of_bytes_numbers_dates_and_instants() {
    // A bound that no value can fulfil is refused, and counts here as matching nobody.
    let matches = |raw: RawFilter| parse(vec![raw.clone()]).is_ok() && matches(raw);
    for (key, less, same, more) in [
        ("ref", text("user_0009"), text("user_001"), text("user_0010")),
        ("email", text("ZZZ"), text("Zoë@Example.com"), text("a")),
        ("status", text("Active"), text("active"), text("b")),
        ("dob", text("1990-02-27"), text("1990-02-28"), text("1990-03-01")),
        (
            "updated_at",
            text("2026-02-03T23:59:59.999999Z"),
            text("2026-02-04T00:00:00Z"),
            text("2026-02-04T00:00:00.000001Z"),
        ),
        ("attributes.points", RawValue::Number(6.5), RawValue::Number(7.0), RawValue::Number(10.0)),
        ("attributes.plan", text("P"), text("Pro"), text("Pro ")),
    ] {
        for (operand, [gt, gte, lt, lte]) in [
            (less, [true, true, false, false]),
            (same, [false, true, false, true]),
            (more, [false, false, true, true]),
        ] {
            let operand = Some(operand);
            let results = [
                matches(RawFilter { gt: operand.clone(), ..on(key) }),
                matches(RawFilter { gte: operand.clone(), ..on(key) }),
                matches(RawFilter { lt: operand.clone(), ..on(key) }),
                matches(RawFilter { lte: operand.clone(), ..on(key) }),
            ];
            assert_eq!(results, [gt, gte, lt, lte], "{key} {operand:?}");
        }
    }
    assert!(!matches(RawFilter { gte: Some(text("")), ..on("attributes.points") }));
    assert!(!matches(RawFilter { lte: Some(text("zzz")), ..on("attributes.points") }));
    assert!(matches(RawFilter { lt: Some(text("blue ")), ..on("attributes.tags") }));
}

#[test]
fn exists_matches_any_value() {
    for key in ["id", "status", "account_details", "attributes.none", "enable_payroll"] {
        assert!(matches(RawFilter { exists: Some(true), ..on(key) }), "{key}");
        assert!(!matches(RawFilter { exists: Some(false), ..on(key) }), "{key}");
    }
}

#[test]
fn prefixes_and_patterns_look_at_stored_texts() {
    let prefix = |key, prefix: &str| matches(RawFilter { prefix: Some(prefix.to_owned()), ..on(key) });
    assert!(prefix("ref", "user_") && !prefix("ref", "USER_") && !prefix("ref", "ser_"));
    assert!(prefix("email", "Zoë@E") && !prefix("email", "zoë@e"));
    assert!(prefix("phone", "+44 20") && prefix("attributes.tags", "bl") && prefix("status", "act"));
    assert!(!prefix("attributes.points", "7"));
    let found = |key, pattern, case_insensitive| matches(regex(key, pattern, case_insensitive));
    assert!(
        found("ref", "_0+1", false) && found("ref", "^user_\\d{3}$", false) && !found("ref", "^0", false)
    );
    assert!(!found("email", "zoë", false) && found("email", "ZOË@", true));
    assert!(found("attributes.tags", "^re", false) && !found("attributes.vip", "true", false));
    assert!(found("gender", "binary$", true) && found("status", "^(active|invited)$", false));
}

/// The violations of a filter: the reason of the first, and all paths.
fn faults(raw: Vec<RawFilter>) -> (Reason, Vec<String>) {
    let refusal = parse(raw).unwrap_err();
    (refusal.reason, refusal.violations.into_iter().map(|violation| violation.field).collect())
}

#[test]
fn unknown_ids_are_left_out() {
    let known = sealer().member_id(BASE, Row(9));
    let elsewhere = sealer().member_id(BaseNumber(4), Row(9));
    let invented = format!("m_{}", "0".repeat(26));
    let operator = |raw| match parse(vec![raw]).unwrap() {
        Filter::Condition(condition) => condition.op,
        other => panic!("{other:?}"),
    };
    let ids = vec![text(&invented), text(&known), text(&elsewhere), text(&known)];
    assert_eq!(operator(RawFilter { in_: Some(ids), ..on("id") }), Operator::In(vec![Operand::Row(Row(9))]));
    assert_eq!(operator(eq("id", text(&elsewhere))), Operator::In(vec![]));
    assert_eq!(operator(RawFilter { ne: Some(text(&invented)), ..on("id") }), Operator::NotIn(vec![]));
}

#[test]
fn memberbases_are_found_by_their_four_keys() {
    let sealer = sealer();
    let view = BaseView {
        number: BaseNumber(5),
        name: "Müller & Söhne",
        created_at: Timestamp::parse("2026-02-03T04:05:06Z").unwrap(),
        updated_at: Timestamp::parse("2026-02-04T04:05:06Z").unwrap(),
    };
    let found = |raw| {
        let filter = Filter::parse_bases(vec![raw], &sealer).unwrap().filter;
        filter.matches_base(&view, &mut Effort::default())
    };
    assert!(found(eq("id", text(&sealer.base_id(BaseNumber(5))))));
    assert!(!found(eq("id", text(&sealer.base_id(BaseNumber(6))))));
    assert!(found(regex("name", "^müller", true)) && !found(regex("name", "^müller", false)));
    assert!(found(eq("name", text("Müller & Söhne"))));
    assert!(found(RawFilter { gt: Some(text("2026-02-03T04:05:05Z")), ..on("created_at") }));
    assert!(!found(RawFilter { gt: Some(text("2026-02-04T04:05:06Z")), ..on("updated_at") }));
    for key in ["ref", "attributes.a", "status"] {
        let refusal = Filter::parse_bases(vec![eq(key, text("a"))], &sealer).unwrap_err();
        assert_eq!(refusal.violations[0].field, "filters[0].key");
    }
}

fn digest(filter: &Filter) -> u64 {
    let mut hasher = SipHasher13::new();
    filter.digest(&mut hasher);
    hasher.finish()
}
