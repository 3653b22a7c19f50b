//! Values, conditions, and whether they match, by the documented grammar and without code of the crate.

use super::text;
use crate::model::{RawFilter, RawRegex, RawValue};

/// A value of a member, as the test wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    Text(&'static str),
    Number(f64),
    Bool(bool),
    /// As text, and as seconds after 2026-02-03T00:00:00Z.
    Date(&'static str, f64),
    List(&'static [&'static str]),
}

/// Texts that name an instant, each with its seconds after 2026-02-03T00:00:00Z.
const INSTANTS: [(&str, f64); 5] = [
    ("2026-02-03", 0.0),
    ("2026-02-03T00:00:00Z", 0.0),
    ("2026-02-03T01:00:00+01:00", 0.0),
    ("2026-02-03T00:00:00.5Z", 0.5),
    ("2026-02-02", -86_400.0),
];
/// Texts too long to be the name of their set. They differ only in the last character.
const LONG: [&str; 2] = [
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2",
];
/// The types of attributes.
pub const TYPES: [&str; 5] = ["string", "number", "boolean", "date", "array"];

/// The values that members have of each type, with members that have none in between.
pub fn values(kind: &str) -> Vec<Option<Plain>> {
    let some: Vec<Plain> = match kind {
        "string" => {
            let texts = ["", "a", "ab", "true", "1", "2026-02-03", "2026-02-03T00:00:00Z", LONG[0], LONG[1]];
            texts.map(Plain::Text).to_vec()
        }
        "number" => [0.0, -0.0, 1.0, 1.5, -1.0, 9_007_199_254_740_991.0].map(Plain::Number).to_vec(),
        "boolean" => [true, false].map(Plain::Bool).to_vec(),
        "date" => INSTANTS.map(|(text, at)| Plain::Date(text, at)).to_vec(),
        _ => [&[][..], &[""], &["a", "1"], &["ab", "2026-02-03"]].map(Plain::List).to_vec(),
    };
    some.into_iter().flat_map(|value| [Some(value), None]).collect()
}

/// The operands of conditions.
pub fn operands() -> Vec<RawValue> {
    let texts = ["", "a", "ab", "true", "1", LONG[0], "no date"].into_iter();
    let texts = texts.chain(INSTANTS.map(|(text, _)| text)).map(text);
    let numbers = [0.0, -0.0, 1.0, 1.5, -1.0, 9_007_199_254_740_991.0].map(RawValue::Number);
    texts.chain(numbers).chain([true, false].map(RawValue::Bool)).collect()
}

/// Whether a value of this type can be equal to `operand`, or come before or after it.
pub fn fits(kind: &str, operand: &RawValue) -> bool {
    match operand {
        RawValue::Text(text) => {
            matches!(kind, "string" | "array")
                || kind == "date" && INSTANTS.iter().any(|(instant, _)| instant == text)
        }
        RawValue::Number(_) => kind == "number",
        RawValue::Bool(_) => kind == "boolean",
        _ => false,
    }
}

/// A condition on `key`, without an operator.
pub fn on(key: &str) -> RawFilter {
    RawFilter { key: Some(key.to_owned()), ..RawFilter::default() }
}

/// Every operator with every operand that it takes, on `key`.
pub fn conditions(key: &str, operands: &[RawValue]) -> Vec<RawFilter> {
    let mut all = Vec::new();
    for operand in operands {
        let value = || Some(operand.clone());
        all.extend([RawFilter { eq: value(), ..on(key) }, RawFilter { ne: value(), ..on(key) }]);
        if !matches!(operand, RawValue::Bool(_)) {
            all.extend([
                RawFilter { gt: value(), ..on(key) },
                RawFilter { gte: value(), ..on(key) },
                RawFilter { lt: value(), ..on(key) },
                RawFilter { lte: value(), ..on(key) },
            ]);
        }
    }
    let lists = (0..operands.len()).flat_map(|start| [1, 4].map(|count| (start, count)));
    let lists =
        lists.map(|(start, count)| operands.iter().cycle().skip(start).take(count).cloned().collect());
    for list in lists.chain([Vec::new(), operands.to_vec()]) {
        all.push(RawFilter { in_: Some(list.clone()), ..on(key) });
        all.push(RawFilter { nin: Some(list), ..on(key) });
    }
    all.extend([true, false].map(|wanted| RawFilter { exists: Some(wanted), ..on(key) }));
    for literal in ["a", "2026", "1", "tr"] {
        all.push(RawFilter { prefix: Some(literal.to_owned()), ..on(key) });
        let regex = RawRegex { pattern: format!("^{literal}"), case_insensitive: false };
        all.push(RawFilter { regex: Some(regex), ..on(key) });
    }
    all
}

/// How `value` compares to `operand`, if they can be compared.
fn compare(value: &Plain, operand: &RawValue) -> Option<std::cmp::Ordering> {
    match (value, operand) {
        (Plain::Text(value), RawValue::Text(operand)) => Some((*value).cmp(operand.as_str())),
        (Plain::Number(value), RawValue::Number(operand)) => value.partial_cmp(operand),
        (Plain::Bool(value), RawValue::Bool(operand)) => Some(value.cmp(operand)),
        (Plain::Date(_, value), RawValue::Text(operand)) => {
            let (_, at) = INSTANTS.into_iter().find(|(text, _)| text == operand)?;
            value.partial_cmp(&at)
        }
        _ => None,
    }
}

/// Whether a member with `value` matches, by the documented grammar alone.
pub fn matches(value: Option<&Plain>, raw: &RawFilter) -> bool {
    let each: Vec<Plain> = match value {
        None => Vec::new(),
        Some(Plain::List(items)) => items.iter().map(|item| Plain::Text(item)).collect(),
        Some(value) => vec![value.clone()],
    };
    let any = |operand: &RawValue, fits: fn(std::cmp::Ordering) -> bool| {
        each.iter().any(|value| compare(value, operand).is_some_and(fits))
    };
    let equals = |operand: &RawValue| any(operand, std::cmp::Ordering::is_eq);
    let begins = |literal: &str| {
        each.iter().any(|value| matches!(value, Plain::Text(value) if value.starts_with(literal)))
    };
    match raw {
        RawFilter { eq: Some(operand), .. } => equals(operand),
        RawFilter { ne: Some(operand), .. } => !equals(operand),
        RawFilter { in_: Some(operands), .. } => operands.iter().any(equals),
        RawFilter { nin: Some(operands), .. } => !operands.iter().any(equals),
        RawFilter { gt: Some(operand), .. } => any(operand, std::cmp::Ordering::is_gt),
        RawFilter { gte: Some(operand), .. } => any(operand, std::cmp::Ordering::is_ge),
        RawFilter { lt: Some(operand), .. } => any(operand, std::cmp::Ordering::is_lt),
        RawFilter { lte: Some(operand), .. } => any(operand, std::cmp::Ordering::is_le),
        RawFilter { exists: Some(wanted), .. } => value.is_some() == *wanted,
        RawFilter { prefix: Some(literal), .. } => begins(literal),
        RawFilter { regex: Some(regex), .. } => begins(&regex.pattern[1..]),
        _ => unreachable!("{raw:?}"),
    }
}
