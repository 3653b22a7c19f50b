//! Which regular expressions are accepted.

use super::*;

#[test]
fn patterns_too_costly_for_one_member_are_refused_with_their_paths() {
    let told = |raw: Vec<RawFilter>| {
        let refusal = parse(raw).unwrap_err();
        assert_eq!(refusal.reason, Reason::RegexInvalid);
        let told = refusal.violations.into_iter().map(|fault| (fault.field, fault.description));
        told.collect::<Vec<_>>()
    };
    let faults = told(vec![regex("tier", "a", false), regex("attributes.a", "a{1,500}!", false)]);
    let description = "must have at most 512 characters, classes and choices on this key, counting repeated \
                       ones as often as they may repeat, not 1000";
    assert_eq!(faults, [("filters[1].regex.pattern".to_owned(), description.to_owned())]);
    // Other texts are shorter.
    assert!(parse(vec![regex("first_name", "a{1,500}!", false)]).is_ok());
    // Expressions on different attributes share the bytes of the member; those on the same attribute do not.
    let of = |key: fn(usize) -> String, count| {
        (0..count).map(|place| regex(&key(place), "a{1,250}", false)).collect::<Vec<_>>()
    };
    assert!(parse(of(|place| format!("attributes.a{place}"), 32)).is_ok());
    assert!(parse(of(|_| "attributes.a".to_owned(), 4)).is_ok());
    let faults = told(of(|_| "attributes.a".to_owned(), 6));
    let paths: Vec<&str> = faults.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["filters[4].regex.pattern", "filters[5].regex.pattern"]);
    assert!(faults[0].1.ends_with("the limit is 67108864"), "{faults:?}");
}

#[test]
fn patterns_that_people_write_are_accepted() {
    for pattern in [
        "^[A-Z]{2}\\d{2}[A-Z0-9]{11,30}$",
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$",
        "(?i)\\b(north|south|east|west) (street|road|avenue)\\b",
        "^.{0,255}$",
        "^\\+?\\d{7,15}$",
        "\\p{Greek}+",
        "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])",
        "(gold|silver|bronze|platinum|diamond|basic|free|trial|student|staff)",
    ] {
        for key in ["email", "company", "attributes.a"] {
            for case_insensitive in [false, true] {
                let parsed = parse(vec![regex(key, pattern, case_insensitive)]);
                assert!(parsed.is_ok(), "{key} {pattern}: {parsed:?}");
            }
        }
    }
}
