//! Phone numbers in the international form.
//!
//! A number that is already in E.164 form is stored as it was sent. No table of number plans is used: such
//! tables are out of date, and sometimes break the numbers that they should repair. Other spellings lose only
//! their separators (see `separator`) and the trunk zero. A trunk zero stands alone in its brackets. **A zero
//! in brackets that could be a trunk zero or part of the number is refused**, as in `+44 (020)`: a wrong
//! reading would be another person's number.

use compact_str::CompactString;

use crate::model::limits::{PHONE_INPUT_MAX_BYTES, PHONE_MAX_DIGITS, PHONE_MIN_DIGITS};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::separator::is_separator;
use crate::model::value::text::{Given, Limit, checked, text_type};

text_type!(
    /// A phone number: `+` and 7 to 15 digits, of which the first is not 0 (E.164). Parsing removes spaces,
    /// dots, hyphens, dashes, slashes and brackets, and a trunk zero in brackets directly after the country
    /// code: `+44 (0)20` becomes `+4420`. It also accepts a `tel:` URI (RFC 3966).
    Phone, given read
);

/// Country codes whose numbers begin with a zero and have no trunk prefix: Italy and the Vatican, San Marino,
/// Ivory Coast, Burkina Faso, Niger, Benin, Congo. There a zero in brackets is part of the number: `+39 (0)6`
/// is Rome.
const NUMBERS_BEGIN_WITH_ZERO: [&str; 8] = ["39", "225", "226", "227", "229", "242", "378", "379"];

/// Country codes of two digits. The codes of one digit are 1 and 7; all others have three. No code is the
/// beginning of another.
const TWO_DIGITS: &str = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 \
                          61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98";

fn read<T: Given>(text: T) -> Result<CompactString, Rule> {
    // Nearly all numbers are stored as they were sent.
    let number: CompactString =
        if is_international(text.as_ref()) { text.into() } else { as_stored(text.into())?.into() };
    if begins_with_zero(&number) {
        return refused(
            "a phone number whose country code does not begin with 0: `+447700900123`, \
             not `+07700900123` or `+00447700900123`",
        );
    }
    Ok(number)
}

/// Whether today's rules refuse the number `text` but a member may have it, because earlier versions accepted
/// country codes that begin with 0.
pub(in crate::model) fn was_good(text: &str) -> bool {
    begins_with_zero(text) && is_international(text)
}

/// The stored form of the number `text`, if this or an earlier version accepts it.
pub(in crate::model) fn as_stored(text: String) -> Result<String, Rule> {
    let text = checked(Reason::PhoneInvalid, Limit::Bytes(PHONE_INPUT_MAX_BYTES), text)?;
    if is_international(&text) {
        return Ok(text);
    }
    let (number, parameters) = match text.split_once(';') {
        Some((number, parameters)) => (number, Some(parameters)),
        None => (text.as_str(), None),
    };
    let has_parameter = |name| parameters.is_some_and(|parameters| has_parameter(parameters, name));
    if has_extension(number) || has_parameter("ext") {
        return refused("a phone number without an extension");
    }
    if has_parameter("phone-context") {
        return refused("an international phone number, not a local one with `phone-context`");
    }
    if parameters.is_some() {
        return refused("a phone number without parameters");
    }
    let number = without_separators(number)?;
    if is_international(&number) {
        Ok(number)
    } else {
        refused("`+`, the country code and the number, 7 to 15 digits together, such as `+447700900123`")
    }
}

fn refused<T>(must_be: &'static str) -> Result<T, Rule> {
    Err(Rule::must_be(Reason::PhoneInvalid, must_be))
}

fn begins_with_zero(number: &str) -> bool {
    number.starts_with("+0")
}

fn is_international(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (PHONE_MIN_DIGITS..=PHONE_MAX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The stored form of `text`, a number or the beginning of one: without the scheme, the trunk zero,
/// separators and brackets.
pub(in crate::model) fn without_separators(text: &str) -> Result<String, Rule> {
    let text = without_scheme(text);
    match zero_in_brackets(text) {
        None => Ok(digits(text)),
        Some((before, inside, after)) => {
            let rest = digits(after);
            if digits(inside) != "0" || rest.starts_with('0') {
                return refused(
                    "a phone number without a zero before its area code: +44 (20) or +44 (0)20, \
                     not +44 (020)",
                );
            }
            Ok(digits(before) + &rest)
        }
    }
}

/// `text` without separators and brackets.
fn digits(text: &str) -> String {
    text.chars().filter(|character| !is_separator(*character) && !is_bracket(*character)).collect()
}

fn without_scheme(text: &str) -> &str {
    let text = text.trim_start();
    match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        _ => text,
    }
}

/// Finds brackets directly after the country code whose content begins with a zero, in a country whose
/// numbers do not. Returns the text before, inside and after the brackets.
fn zero_in_brackets(text: &str) -> Option<(&str, &str, &str)> {
    let first_digit = text.find(|character: char| character.is_ascii_digit())?;
    let opening = first_digit + text.get(first_digit..)?.find(['(', '[', '（'])?;
    let (before, rest) = text.split_at_checked(opening)?;
    let (inside, after) = rest.split_once([')', ']', '）'])?;
    let before_it = digits(before);
    let code = before_it.strip_prefix('+')?;
    let counts = is_country_code(code) && !NUMBERS_BEGIN_WITH_ZERO.contains(&code);
    (counts && digits(inside).starts_with('0')).then_some((before, inside, after))
}

fn is_country_code(digits: &str) -> bool {
    let has_two = |digits: &str| TWO_DIGITS.split(' ').any(|code| code == digits);
    match digits.len() {
        1 => matches!(digits, "1" | "7"),
        2 => has_two(digits),
        3 => !digits.starts_with(['0', '1', '7']) && !digits.get(..2).is_some_and(has_two),
        _ => false,
    }
}

/// Whether another number follows the number after `x`, `ext` or `#`.
fn has_extension(text: &str) -> bool {
    let has_digit = |text: &str| text.contains(|character: char| character.is_ascii_digit());
    text.split_once(['x', 'X', '#']).is_some_and(|(before, after)| has_digit(before) && has_digit(after))
}

fn has_parameter(parameters: &str, name: &str) -> bool {
    parameters.split(';').any(|parameter| {
        parameter.split_once('=').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name))
    })
}

fn is_bracket(character: char) -> bool {
    matches!(character, '(' | ')' | '[' | ']' | '（' | '）')
}

#[cfg(test)]
mod tests;
