//! Operands are refused exactly if no value can match them because of their form.
//!
//! The model itself is the reference: a filter accepts what the model accepts as a value of the key, and
//! refuses what the model refuses.

use proptest::prelude::*;
use proptest::sample::select;

use super::naive::naive;
use super::*;
use crate::model::contact::email;
use crate::model::samples;
use crate::model::value::invisible::is_stray;
use crate::model::value::text::WorkerId;
use crate::model::value::time::Dob;

/// Every key of members whose values are texts.
const TEXTS: [&str; 11] = [
    "ref",
    "email",
    "first_name",
    "last_name",
    "phone",
    "worker_id",
    "tier",
    "status",
    "gender",
    "role",
    "company",
];
/// Keys whose values lose stray characters at their ends today, but did not in older stores.
const TRIMMED: [&str; 5] = ["first_name", "last_name", "tier", "role", "company"];

/// A member with `text` under `key`; `None` if the model refuses it.
fn who_has(key: &str, text: &str) -> Option<Member> {
    let mut member = Member::default();
    let profile = &mut member.profile;
    let name = || Name::parse(text).ok();
    match key {
        "ref" => profile.ref_ = Some(Ref::parse(text).ok()?),
        "email" => profile.email = Some(Email::parse(text).ok()?),
        "first_name" => profile.first_name = Some(name()?),
        "last_name" => profile.last_name = Some(name()?),
        // Older stores have numbers that today's rules refuse.
        "phone" => profile.phone = Some(Phone::from_stored(phone::as_stored(text.to_owned()).ok()?)),
        "worker_id" => profile.worker_id = Some(WorkerId::parse(text).ok()?),
        "tier" => profile.tier = Some(Tier::parse(text).ok()?),
        "status" => member.status = Status::parse(text).ok()?,
        "dob" => profile.dob = Some(Dob::parse(text, today()).ok()?),
        "gender" => profile.gender = Some(Gender::parse(text).ok()?),
        "role" => profile.role = Some(name()?),
        "company" => profile.company = Some(name()?),
        _ => unreachable!("{key}"),
    }
    Some(member)
}

/// Whether an older store may have `text`, although today's rules refuse it.
fn was_taken(key: &str, text: &str) -> bool {
    match key {
        "email" => email::may_be_stored(text),
        key => TRIMMED.contains(&key) && text.starts_with(is_stray),
    }
}

fn is_taken(raw: RawFilter) -> bool {
    parse(vec![raw]).is_ok()
}

/// Texts of all forms, valid for some keys and not for others.
fn texts() -> impl Strategy<Value = String> {
    let long =
        (select(vec!["x", "é", "a@b.cd "]), select(vec![1_usize, 63, 64, 65, 254, 255, 256, 257, 512, 513]))
            .prop_map(|(letter, count)| letter.repeat(count));
    let words = select(vec![
        "",
        " ",
        "\n",
        "@",
        "a@",
        "@b.cd",
        "a@b@c",
        "a@b@c.de",
        "a b@c.de",
        "a@b.cd",
        "A@B.CD",
        "a@-b.cd",
        "\"a b\"@c.de",
        "+",
        "+0",
        "+44",
        "+4420794",
        "+442079460018",
        "+44 20 7946 0018",
        "+123456789012345",
        "+1234567890123456",
        "1899-12-31",
        "1900-01-01",
        "2026-02-28",
        "2026-03-01",
        "2026-02-30",
        "2100-01-01",
        "active",
        "Active",
        "Female",
        "female",
        "a\u{85}",
        "\u{200b}",
    ]);
    prop_oneof![4 => words.prop_map(str::to_owned), 1 => long, 1 => "[ -~é\u{200b}\n]{0,6}"]
}

/// A key and a valid value for it.
fn values() -> impl Strategy<Value = (&'static str, String)> {
    select(TEXTS.to_vec()).prop_flat_map(|key| {
        let value = match key {
            "email" => "[a-c]{1,3}(\\.[ü!]{1,2})?@[ab]{1,3}\\.(com|de)".boxed(),
            "phone" => "\\+[0-9]{7,15}".boxed(),
            "status" => samples::status().prop_map(|status| status.as_str().to_owned()).boxed(),
            "gender" => select(Gender::ALL.to_vec()).prop_map(|gender| gender.as_str().to_owned()).boxed(),
            _ => "[ -~éü]{1,6}".boxed(),
        };
        (Just(key), value)
    })
}

fn bounds(key: &str, bound: &str) -> [RawFilter; 4] {
    let bound = || Some(text(bound));
    [
        RawFilter { gt: bound(), ..on(key) },
        RawFilter { gte: bound(), ..on(key) },
        RawFilter { lt: bound(), ..on(key) },
        RawFilter { lte: bound(), ..on(key) },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_filter_refuses_exactly_the_values_that_the_model_refuses(
        key in select([TEXTS.to_vec(), vec!["dob"]].concat()),
        operand in texts(),
    ) {
        let taken = [
            is_taken(eq(key, text(&operand))),
            is_taken(RawFilter { ne: Some(text(&operand)), ..on(key) }),
            is_taken(RawFilter { in_: Some(vec![text(&operand)]), ..on(key) }),
            is_taken(RawFilter { nin: Some(vec![text(&operand)]), ..on(key) }),
        ];
        // Only members of older stores have a text with stray characters at its ends.
        let has_stray_end = operand.starts_with(is_stray) || operand.ends_with(is_stray);
        let is_stray = TRIMMED.contains(&key) && has_stray_end;
        if who_has(key, &operand).is_some() && !is_stray {
            prop_assert_eq!(taken, [true; 4], "{} {:?} is good", key, operand);
        } else if !was_taken(key, &operand) && !is_stray {
            prop_assert_eq!(taken, [false; 4], "{} {:?} is refused by the model", key, operand);
        }
    }

    #[test]
    fn an_operand_that_some_member_matches_is_accepted(
        (key, value) in values(),
        (end, more) in (any::<prop::sample::Index>(), select(vec!["", "", "!", "a", "\n", "\u{10ffff}"])),
    ) {
        let member = who_has(key, &value).unwrap();
        let ends: Vec<usize> = (0..=value.len()).filter(|end| value.is_char_boundary(*end)).collect();
        let operand = format!("{}{more}", &value[..*end.get(&ends)]);
        let [gt, gte, lt, lte] = bounds(key, &operand);
        let prefix = Some(operand.clone()).filter(|prefix| !prefix.is_empty());
        let prefix = RawFilter { prefix, ..on(key) };
        let one_of = RawFilter { in_: Some(vec![text(&operand)]), ..on(key) };
        let all = [eq(key, text(&operand)), one_of, gt, gte, lt, lte];
        // Operands on phone numbers must begin as phone numbers do.
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_bound = key != "phone" || operand.strip_prefix('+').is_some_and(is_number);
        for raw in all.into_iter().chain(prefix.prefix.is_some().then_some(prefix)) {
            if is_bound && naive(&raw, &member) {
                prop_assert!(is_taken(raw.clone()), "{} {:?} matches {:?}", key, raw, value);
            }
        }
    }
}

#[test]
fn values_between_the_ends_of_what_a_key_can_be_are_good_bounds() {
    for (key, least, greatest) in [
        ("dob", "1900-01-01", "2026-02-28"),
        ("status", "active", "invited"),
        ("gender", "Female", "NonBinary"),
        ("phone", "+0000000", "+999999999999999"),
        ("created_at", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        let taken = |bound: &str| bounds(key, bound).map(is_taken);
        assert_eq!(taken(least), [true, true, false, true], "{key}");
        assert_eq!(taken(greatest), [false, true, true, true], "{key}");
    }
    for (key, below, above) in [
        ("dob", "1899-12-31", "2026-03-01"),
        ("dob", "0001-01-01", "9999-12-31"),
        ("status", "", "zzz"),
        ("gender", "F", "female"),
        ("phone", "+", "+9999999999999990"),
    ] {
        assert_eq!(bounds(key, below).map(is_taken), [true, true, false, false], "{key} {below}");
        assert_eq!(bounds(key, above).map(is_taken), [false, false, true, true], "{key} {above}");
    }
    for key in ["ref", "email", "company", "tier"] {
        assert_eq!(bounds(key, "").map(is_taken), [true, true, false, false], "{key}");
        assert_eq!(bounds(key, &"x".repeat(600)).map(is_taken), [true; 4], "{key}");
        assert_eq!(bounds(key, "a\n").map(is_taken), [true; 4], "{key}");
    }
    assert_eq!(bounds("attributes.a", "").map(is_taken), [true, true, false, true]);
    let number = |number: f64| {
        let bound = || Some(RawValue::Number(number));
        [RawFilter { gt: bound(), ..on("attributes.a") }, RawFilter { lt: bound(), ..on("attributes.a") }]
            .map(is_taken)
    };
    assert_eq!(number(9_007_199_254_740_991.0), [false, true]);
    assert_eq!(number(-9_007_199_254_740_991.0), [true, false]);
    assert_eq!(number(0.0), [true, true]);
}

#[test]
fn names_of_memberbases_obey_their_limit() {
    let taken = |name: &str| Filter::parse_bases(vec![eq("name", text(name))], &sealer()).is_ok();
    assert!(taken(&"é".repeat(256)) && !taken(&"é".repeat(257)) && !taken("a\nb") && !taken(""));
    let before = RawFilter { lt: Some(text("")), ..on("name") };
    assert!(Filter::parse_bases(vec![before], &sealer()).is_err());
}

/// Older stores have values that today's rules refuse, and filters must still find them.
#[test]
fn values_of_an_older_store_are_found() {
    for (key, value) in [
        ("email", "a@-example.com"),
        ("email", "a\u{200b}@example.com"),
        ("tier", "\u{feff}Gold"),
        ("company", "\u{200b}"),
    ] {
        assert!(is_taken(eq(key, text(value))), "{key} {value:?}");
    }
}
