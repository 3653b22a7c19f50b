//! Compares random filters with a second, naive implementation of the grammar.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::samples;

/// The value of a member under a key, as JSON shows it: equality compares the first, all other operators the
/// second.
fn shown(key: &str, member: &Member) -> Option<(RawValue, RawValue)> {
    let profile = &member.profile;
    let same = |value: RawValue| Some((value.clone(), value));
    match key {
        "ref" => same(text(profile.ref_.as_ref()?.as_str())),
        "email" => {
            let email = profile.email.as_ref()?.as_str();
            Some((text(&email.to_lowercase()), text(email)))
        }
        "first_name" => same(text(profile.first_name.as_ref()?.as_str())),
        "last_name" => same(text(profile.last_name.as_ref()?.as_str())),
        "phone" => same(text(profile.phone.as_ref()?.as_str())),
        "worker_id" => same(text(profile.worker_id.as_ref()?.as_str())),
        "tier" => same(text(profile.tier.as_ref()?.as_str())),
        "gender" => same(text(profile.gender?.as_str())),
        "role" => same(text(profile.role.as_ref()?.as_str())),
        "company" => same(text(profile.company.as_ref()?.as_str())),
        "status" => same(text(member.status.as_str())),
        "dob" => same(text(&profile.dob?.to_string())),
        "enable_payroll" => same(RawValue::Bool(profile.enable_payroll?)),
        "created_at" => same(text(&member.created_at.to_string())),
        _ => same(match member.attributes.get(key.strip_prefix("attributes.")?)? {
            AttributeValue::Text(value) => text(value),
            AttributeValue::Number(number) => RawValue::Number(*number),
            AttributeValue::Bool(value) => RawValue::Bool(*value),
            AttributeValue::Date(at) => text(&at.to_string()),
            AttributeValue::List(items) => RawValue::List(items.iter().map(|item| text(item)).collect()),
        }),
    }
}

/// The values to compare: the elements of a list, or the value.
fn each(value: Option<RawValue>) -> Vec<RawValue> {
    match value {
        None => vec![],
        Some(RawValue::List(items)) => items,
        Some(value) => vec![value],
    }
}

pub(super) fn naive(raw: &RawFilter, member: &Member) -> bool {
    if let Some(parts) = &raw.and {
        return parts.iter().all(|part| naive(part, member));
    }
    if let Some(parts) = &raw.or {
        return parts.iter().any(|part| naive(part, member));
    }
    let key = raw.key.as_deref().unwrap();
    let (folded, stored) = shown(key, member).unzip();
    let fold = |operand: &RawValue| match operand {
        RawValue::Text(operand) if key == "email" => text(&Fold::NEWEST.of(operand)),
        other => other.clone(),
    };
    let exists = folded.is_some();
    let equals = |operand: &RawValue| each(folded.clone()).contains(&fold(operand));
    let ordered = |operand: &RawValue, fits: fn(std::cmp::Ordering) -> bool| {
        each(stored.clone()).iter().any(|value| match (value, operand) {
            (RawValue::Text(value), RawValue::Text(operand)) => fits(value.cmp(operand)),
            (RawValue::Number(value), RawValue::Number(operand)) => fits(value.total_cmp(operand)),
            _ => false,
        })
    };
    let begins = |prefix: &str| {
        each(stored.clone())
            .iter()
            .any(|value| matches!(value, RawValue::Text(value) if value.starts_with(prefix)))
    };
    if let Some(operand) = &raw.eq {
        equals(operand)
    } else if let Some(operand) = &raw.ne {
        !equals(operand)
    } else if let Some(operands) = &raw.in_ {
        operands.iter().any(equals)
    } else if let Some(operands) = &raw.nin {
        !operands.iter().any(equals)
    } else if let Some(operand) = &raw.gt {
        ordered(operand, |order| order.is_gt())
    } else if let Some(operand) = &raw.gte {
        ordered(operand, |order| order.is_ge())
    } else if let Some(operand) = &raw.lt {
        ordered(operand, |order| order.is_lt())
    } else if let Some(operand) = &raw.lte {
        ordered(operand, |order| order.is_le())
    } else if let Some(wanted) = raw.exists {
        exists == wanted
    } else if let Some(prefix) = &raw.prefix {
        begins(prefix)
    } else {
        // The strategy draws only patterns of the form `^literal`.
        begins(&raw.regex.as_ref().unwrap().pattern[1..])
    }
}

/// A key and an operand that it accepts.
fn key_and_operand() -> BoxedStrategy<(&'static str, RawValue)> {
    let texts = || prop::sample::select(vec!["a", "b", "ab", "aa", "A", "é"]);
    let emails = || {
        prop::sample::select(vec!["a@example.com", "A@EXAMPLE.com", "ab@example.com", "É@example.com", "a@"])
    };
    let numbers = (-2_i8..3).prop_map(|number| RawValue::Number(f64::from(number) / 2.0));
    let any_value = prop_oneof![texts().prop_map(text), numbers, any::<bool>().prop_map(RawValue::Bool)];
    prop_oneof![
        texts().prop_map(|value| ("ref", text(value))),
        texts().prop_map(|value| ("tier", text(value))),
        emails().prop_map(|value| ("email", text(value))),
        samples::status().prop_map(|status| ("status", text(status.as_str()))),
        (1900..1904_u32, 1..3_u32, 1..4_u32)
            .prop_map(|(year, month, day)| ("dob", text(&format!("{year}-{month:02}-{day:02}")))),
        any::<bool>().prop_map(|value| ("enable_payroll", RawValue::Bool(value))),
        // The texts of instants are in order only with a fixed number of digits.
        (0..4_u32)
            .prop_map(|micros| ("created_at", text(&format!("1970-01-01T00:00:00.{:06}Z", micros + 1)))),
        (prop::sample::select(vec!["attributes.a", "attributes.b", "attributes.c"]), any_value),
    ]
    .boxed()
}

fn condition() -> impl Strategy<Value = RawFilter> {
    (key_and_operand(), 0..11_usize, any::<bool>(), vec(key_and_operand(), 0..6)).prop_map(
        |((key, value), operator, wanted, others)| {
            let list = || {
                let same_key =
                    others.iter().filter(|(other, _)| *other == key).map(|(_, value)| value.clone());
                Some(same_key.chain([value.clone()]).collect())
            };
            let is_text = matches!(value, RawValue::Text(_)) && key != "dob" && key != "created_at";
            let literal = match &value {
                RawValue::Text(value) => value.clone(),
                _ => String::new(),
            };
            let raw = on(key);
            let ordered = !matches!(value, RawValue::Bool(_));
            let value = Some(value.clone());
            match operator {
                0 => RawFilter { ne: value, ..raw },
                1 => RawFilter { in_: list(), ..raw },
                2 => RawFilter { nin: list(), ..raw },
                3 if ordered => RawFilter { gt: value, ..raw },
                4 if ordered => RawFilter { gte: value, ..raw },
                5 if ordered => RawFilter { lt: value, ..raw },
                6 if ordered => RawFilter { lte: value, ..raw },
                7 => RawFilter { exists: Some(wanted), ..raw },
                8 if is_text => RawFilter { prefix: Some(literal), ..raw },
                9 if is_text => regex(key, &format!("^{literal}"), false),
                _ => RawFilter { eq: value, ..raw },
            }
        },
    )
}

fn tree() -> impl Strategy<Value = RawFilter> {
    // A refused filter matches nobody; `forms` tests that.
    let taken = condition().prop_filter("refused", |raw| parse(vec![raw.clone()]).is_ok());
    taken.prop_recursive(4, 12, 3, |inner| {
        (vec(inner, 1..4), any::<bool>()).prop_map(|(parts, all)| {
            let (and, or) = if all { (Some(parts), None) } else { (None, Some(parts)) };
            RawFilter { and, or, ..RawFilter::default() }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn filters_match_what_a_naive_reading_matches(
        mut member in samples::member(),
        raw in vec(tree(), 0..4),
    ) {
        // See the note on instants above.
        member.created_at = Timestamp::from_micros(member.created_at.micros() + 1);
        let filter = parse(raw.clone()).unwrap();
        let expected = raw.iter().all(|part| naive(part, &member));
        let view = MemberView { row: Row(1), member: &member, fold: Fold::NEWEST, audiences: &NoAudiences };
        prop_assert_eq!(filter.matches(&view, &mut Effort::default()), expected);
    }

    #[test]
    fn digests_are_equal_exactly_when_filters_are(left in vec(tree(), 0..3), right in vec(tree(), 0..3)) {
        let (left, right) = (parse(left).unwrap(), parse(right).unwrap());
        prop_assert_eq!(digest(&left) == digest(&right), left == right);
        prop_assert_eq!(digest(&left), digest(&left.clone()));
    }
}
