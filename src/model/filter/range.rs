//! Refuses bounds that no value can fulfil.
//!
//! A bound may be anything that values can be compared with; it need not be a value, or the beginning of one.
//! **It is refused if no possible value lies on the requested side of it**: no text comes before the empty
//! text, nobody was born after today, and no status follows `invited`. A bound that every value fulfils is
//! accepted.

use crate::model::filter::kind::{Fault, Kind, invalid};
use crate::model::filter::raw::Comparison;
use crate::model::filter::{Operand, Value};
use crate::model::limits::{PHONE_MAX_DIGITS, PHONE_MIN_DIGITS, UNSAFE_INTEGER};
use crate::model::membership::member::{Gender, Status};
use crate::model::value::time::{Date, Dob, Timestamp};

/// Refuses `bound` on `key` if no value of its `kind` can fulfil `comparison` with it.
pub(super) fn check(
    key: &str,
    (kind, today): (Kind, Date),
    comparison: Comparison,
    bound: &Operand,
) -> Result<(), Fault> {
    let (least, greatest) = range(kind, today, bound);
    let is_above = matches!(comparison, Comparison::Gt | Comparison::Gte);
    let Some(end) = (if is_above { greatest } else { least }) else { return Ok(()) };
    // Only operands of equality can be of another type, and they are not bounds.
    let Some(order) = end.compare(&bound.as_value()) else { return Ok(()) };
    let (fits, must_be) = match comparison {
        Comparison::Gt => (order.is_gt(), "less than"),
        Comparison::Gte => (order.is_ge(), "at most"),
        Comparison::Lt => (order.is_lt(), "greater than"),
        Comparison::Lte => (order.is_le(), "at least"),
        Comparison::Eq | Comparison::Ne => return Ok(()),
    };
    if fits {
        return Ok(());
    }
    let which = if is_above { "greatest" } else { "least" };
    Err(invalid(format!("must be {must_be} {}, the {which} value that {key} can have", shown(&end))))
}

/// The least and the greatest value that can be compared with `bound`, if they exist. There is no greatest
/// text.
fn range(kind: Kind, today: Date, bound: &Operand) -> (Option<Operand>, Option<Operand>) {
    let text = |text: &str| Some(Operand::Text(text.to_owned()));
    let words = |words: &[&str]| {
        (words.iter().min().copied().and_then(text), words.iter().max().copied().and_then(text))
    };
    match (kind, bound) {
        // Texts have no control characters, and the first other character is the space.
        (Kind::Text(_), _) => (text(" "), None),
        // The first character that an address can begin with.
        (Kind::Email, _) => (text("!"), None),
        (Kind::Phone, _) => {
            let number = |digit: &str, digits| text(&format!("+{}", digit.repeat(digits)));
            (number("0", PHONE_MIN_DIGITS), number("9", PHONE_MAX_DIGITS))
        }
        (Kind::Status, _) => words(&Status::ALL.map(Status::as_str)),
        (Kind::Gender, _) => words(&Gender::ALL.map(Gender::as_str)),
        (Kind::Date, _) => (Some(Operand::Date(Dob::FIRST)), Some(Operand::Date(today))),
        (Kind::Instant, _) => {
            (Some(Operand::Instant(Timestamp::MIN)), Some(Operand::Instant(Timestamp::MAX)))
        }
        // An attribute may be an empty text.
        (Kind::Attribute, Operand::Text(_)) => (text(""), None),
        (Kind::Attribute, Operand::Number(_)) => {
            // Every number of that magnitude is an integer.
            let greatest = UNSAFE_INTEGER - 1.0;
            (Some(Operand::Number(-greatest)), Some(Operand::Number(greatest)))
        }
        (Kind::Attribute | Kind::Id | Kind::Audience | Kind::Bool | Kind::Presence, _) => (None, None),
    }
}

fn shown(end: &Operand) -> String {
    match end.as_value() {
        Value::Date(date) => date.to_string(),
        Value::Instant(at) => at.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        // No range ends with one of these.
        other => format!("{other:?}"),
    }
}
