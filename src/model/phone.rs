//! Phone numbers in the international form.
//!
//! What is E.164 already is stored as it came: no table of number plans is asked, because such tables are behind the
//! plans, and what they would repair they sometimes break. Other spellings lose what says nothing (see
//! `separator`) and the trunk zero, and nothing else.

use crate::model::error::Reason;
use crate::model::limits::{PHONE_INPUT_MAX_BYTES, PHONE_MAX_DIGITS, PHONE_MIN_DIGITS};
use crate::model::separator::is_separator;
use crate::model::text::{Limit, checked, text_type};
use crate::model::violation::Rule;

text_type!(
    /// A phone number as `+` and 7 to 15 digits (E.164). Spaces, dots, hyphens, dashes, slashes and brackets in the input
    /// are removed, and so is a trunk zero in brackets directly after the country code: `+44 (0)20` is `+4420`. The number
    /// may come as a `tel:` URI (RFC 3966).
    Phone, parse
);

/// Country codes without a trunk prefix, in whose plans numbers begin with a zero: Italy and the Vatican, San Marino,
/// Ivory Coast, Burkina Faso, Niger, Benin, Congo. A zero in brackets is part of the number there: `+39 (0)6` is Rome.
const NUMBERS_BEGIN_WITH_ZERO: [&str; 8] = ["39", "225", "226", "227", "229", "242", "378", "379"];

/// Country codes of two digits. Those of one digit are 1 and 7, all others have three; none is the beginning of another.
const TWO_DIGITS: &str = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 \
                          66 81 82 84 86 90 91 92 93 94 95 98";

fn parse(text: String) -> Result<String, Rule> {
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
    let number = without_separators(number);
    if is_international(&number) { Ok(number) } else { refused("a phone number of `+` and 7 to 15 digits") }
}

fn refused<T>(must_be: &'static str) -> Result<T, Rule> {
    Err(Rule::must_be(Reason::PhoneInvalid, must_be))
}

fn is_international(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (PHONE_MIN_DIGITS..=PHONE_MAX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `text`, a number or the beginning of one, as it would be stored: without a scheme, a trunk zero, and the characters
/// that people put between digits.
pub(super) fn without_separators(text: &str) -> String {
    let text = without_scheme(text);
    let (before, after) = trunk_zero(text).unwrap_or((text, ""));
    let says_something = |character: &char| !is_separator(*character) && !is_bracket(*character);
    before.chars().chain(after.chars()).filter(says_something).collect()
}

fn without_scheme(text: &str) -> &str {
    let text = text.trim_start();
    match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        _ => text,
    }
}

/// What stands before and after a trunk zero: a zero alone in brackets, directly after the country code.
fn trunk_zero(text: &str) -> Option<(&str, &str)> {
    let first_digit = text.find(|character: char| character.is_ascii_digit())?;
    let opening = first_digit + text.get(first_digit..)?.find(['(', '[', '（'])?;
    let (before, rest) = text.split_at_checked(opening)?;
    let (inside, after) = rest.split_once([')', ']', '）'])?;
    let digits = |text: &str| -> String {
        text.chars().filter(|character| !is_separator(*character) && !is_bracket(*character)).collect()
    };
    let before_it = digits(before);
    let code = before_it.strip_prefix('+')?;
    let is_dropped =
        is_country_code(code) && !NUMBERS_BEGIN_WITH_ZERO.contains(&code) && digits(inside) == "0";
    is_dropped.then_some((before, after))
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

/// Whether a number is followed by another one behind `x`, `ext` or `#`.
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::separator;

    fn parsed(text: &str) -> Result<String, String> {
        Phone::parse(text).map(Phone::into_string).map_err(|rule| {
            assert_eq!(rule.reason(), Reason::PhoneInvalid);
            rule.describe()
        })
    }

    #[test]
    fn separators_are_removed() {
        for (text, stored) in [
            ("+4420794600", "+4420794600"),
            ("+44 20 7946 0018", "+442079460018"),
            ("+1 (555) 123-4567", "+15551234567"),
            ("+49.30.901820", "+4930901820"),
            ("+33\u{a0}1\u{202f}23\u{2011}45\u{2010}67", "+331234567"),
            ("+44 20–7946–0958", "+442079460958"),
            ("+49 30/90 18 20", "+4930901820"),
            ("+43 1\u{2009}/\u{2009}58 800\u{3000}", "+43158800"),
            ("\u{202a}+44 7700 900123\u{202c}", "+447700900123"),
            ("(+44) 20 7946 0958", "+442079460958"),
            ("+(44) 20 7946 0958", "+442079460958"),
            ("+81（3）1234－5678", "+81312345678"),
            ("+1234567", "+1234567"),
            ("+123456789012345", "+123456789012345"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
        }
    }

    #[test]
    fn a_trunk_zero_in_brackets_after_the_country_code_is_dropped() {
        for (text, stored) in [
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+44(0)2079460958", "+442079460958"),
            ("+44 (0) 20 7946 0958", "+442079460958"),
            ("+44-[0]-20-7946-0958", "+442079460958"),
            ("+44 ( 0 ) 20 7946 0958", "+442079460958"),
            ("+44（0）20 7946 0958", "+442079460958"),
            ("(+44) (0)20 7946 0958", "+442079460958"),
            ("+49 (0)209 22334455", "+4920922334455"),
            ("+49\u{a0}(0)30/90 18 20", "+4930901820"),
            ("+353 (0)1 234 5678", "+35312345678"),
            ("+1 (0)555 123 4567", "+15551234567"),
            ("tel:+44-(0)20-7946-0958", "+442079460958"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
        }
    }

    #[test]
    fn a_zero_that_is_part_of_the_number_stays() {
        for (text, stored) in [
            // In these countries numbers begin with a zero, and no prefix is dialled before them.
            ("+39 (0)6 1234 5678", "+390612345678"),
            ("+39 06 1234 5678", "+390612345678"),
            ("+378 (0)549 882 345", "+3780549882345"),
            ("+225 (0)7 07 12 34 56", "+2250707123456"),
            // Not alone in its brackets, or not directly after the country code.
            ("+1 (020) 555 1234", "+10205551234"),
            ("+44 20 (0)7946 0958", "+4420079460958"),
            ("+44 (1)20 7946 0958", "+4412079460958"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
        }
    }

    #[test]
    fn a_tel_uri_is_its_number() {
        for text in
            ["tel:+44-20-7946-0958", "TEL:+442079460958", " tel:+44.20.7946.0958", "tel:+44(20)79460958"]
        {
            assert_eq!(parsed(text).as_deref(), Ok("+442079460958"), "{text}");
        }
    }

    #[test]
    fn what_is_more_than_a_number_is_refused_by_name() {
        for text in [
            "+44 20 7946 0958 ext 12",
            "+44 20 7946 0958 Ext. 12",
            "+44 20 7946 0958 extension 12",
            "+44 20 7946 0958 x12",
            "+442079460958X12",
            "+44 20 7946 0958 #12",
            "+44 20 7946 0958;ext=12",
            "tel:+44-20-7946-0958;ext=12",
            "tel:+44-20-7946-0958;isub=1;EXT=12",
        ] {
            assert_eq!(parsed(text).unwrap_err(), "must be a phone number without an extension", "{text}");
        }
        for (text, rule) in [
            ("tel:7042;phone-context=example.com", "not a local one with `phone-context`"),
            ("tel:863-1234;phone-context=+1-914-555", "not a local one with `phone-context`"),
            ("tel:+44-20-7946-0958;isub=1", "without parameters"),
            ("+44 20 7946 0958;", "without parameters"),
        ] {
            assert!(parsed(text).unwrap_err().ends_with(rule), "{text}");
        }
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        for text in [
            "",
            "+",
            "tel:",
            "442079460018",
            "0044 20 7946",
            "+123456",
            "+44 (0)1234",
            "+1234567890123456",
            "++441234567",
            "+44+1234567",
            "+44\t1234567",
            "+٤٤١٢٣٤٥٦٧",
            "+４４１２３４５６７",
            "tel:441234567",
            "sip:+441234567",
            "tel:tel:+441234567",
            "+44,1234567",
            "+44*1234567",
            "xx+441234567",
            &format!("+{}1234567", " ".repeat(200)),
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_beginning_of_a_number_is_read_like_a_number() {
        for (prefix, stored) in [
            ("+44 (0)20", "+4420"),
            ("tel:+44-20", "+4420"),
            ("+44 (0", "+440"),
            ("+44 (20", "+4420"),
            (" - ", ""),
        ] {
            assert_eq!(without_separators(prefix), stored, "{prefix}");
        }
    }

    fn between() -> impl Strategy<Value = String> {
        let mut allowed: Vec<char> = separator::all().collect();
        allowed.extend("()[]（）".chars());
        let some = proptest::collection::vec(proptest::sample::select(allowed), 0..3);
        prop_oneof![3 => Just(String::new()), 1 => some.prop_map(|some| some.into_iter().collect())]
    }

    fn country_code() -> impl Strategy<Value = String> {
        let all: Vec<String> = (1..1000_u16).map(|code| code.to_string()).collect();
        proptest::sample::select(all.into_iter().filter(|code| is_country_code(code)).collect::<Vec<_>>())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn e164_comes_back_from_any_mixture_of_separators(
            number in "[1-9][0-9]{6,14}",
            before in between(),
            between in proptest::collection::vec(between(), 16),
            is_uri: bool,
        ) {
            let digits = number.chars().zip(&between);
            let spelled: String = digits.map(|(digit, separators)| format!("{digit}{separators}")).collect();
            let spelled = format!("{}{before}+{}{spelled}", if is_uri { "tel:" } else { "" }, between[15]);
            prop_assume!(spelled.len() <= PHONE_INPUT_MAX_BYTES && trunk_zero(without_scheme(&spelled)).is_none());
            prop_assert_eq!(Phone::parse(spelled).unwrap().into_string(), format!("+{number}"));
            prop_assert_eq!(Phone::parse(format!("+{number}")).unwrap().into_string(), format!("+{number}"));
        }

        #[test]
        fn a_trunk_zero_goes_whatever_the_country(
            code in country_code(),
            number in "[1-9][0-9]{6,10}",
            zero in prop_oneof![Just("(0)"), Just(" (0)"), Just(" (0) "), Just("-(0)-"), Just("\u{a0}[0]\u{a0}")],
        ) {
            let kept = if NUMBERS_BEGIN_WITH_ZERO.contains(&code.as_str()) { "0" } else { "" };
            let stored = Phone::parse(format!("+{code}{zero}{number}")).unwrap();
            prop_assert_eq!(stored.as_str(), format!("+{code}{kept}{number}"));
        }
    }
}
