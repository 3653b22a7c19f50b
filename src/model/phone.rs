//! Phone numbers in the international form.

use crate::model::error::Reason;
use crate::model::limits::{PHONE_INPUT_MAX_BYTES, PHONE_MAX_DIGITS, PHONE_MIN_DIGITS};
use crate::model::text::{Limit, checked, text_type};
use crate::model::violation::Rule;

text_type!(
    /// A phone number as `+` and 7 to 15 digits (E.164). Spaces, dots, brackets and hyphens in the input are removed.
    Phone, parse
);

fn parse(text: String) -> Result<String, Rule> {
    let text = checked(Reason::PhoneInvalid, Limit::Bytes(PHONE_INPUT_MAX_BYTES), text)?;
    let number = if text.contains(is_separator) { without_separators(&text) } else { text };
    let fits = number.strip_prefix('+').is_some_and(|digits| {
        (PHONE_MIN_DIGITS..=PHONE_MAX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if fits {
        Ok(number)
    } else {
        Err(Rule::must_be(Reason::PhoneInvalid, "a phone number of `+` and 7 to 15 digits"))
    }
}

/// `text` without the characters that people put between digits.
pub(super) fn without_separators(text: &str) -> String {
    text.chars().filter(|character| !is_separator(*character)).collect()
}

/// The plain characters, and the no-break space and hyphens that spreadsheets and word processors put in their place.
fn is_separator(character: char) -> bool {
    matches!(
        character,
        ' ' | '.' | '(' | ')' | '[' | ']' | '-' | '\u{a0}' | '\u{202f}' | '\u{2010}' | '\u{2011}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_removed() {
        for (text, stored) in [
            ("+4420794600", "+4420794600"),
            ("+44 20 7946 0018", "+442079460018"),
            ("+1 (555) 123-4567", "+15551234567"),
            ("+49.30.901820", "+4930901820"),
            ("+44[0]20-7946", "+440207946"),
            ("+33\u{a0}1\u{202f}23\u{2011}45\u{2010}67", "+331234567"),
            ("+1234567", "+1234567"),
            ("+123456789012345", "+123456789012345"),
        ] {
            assert_eq!(Phone::parse(text).unwrap().as_str(), stored, "{text}");
        }
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        for text in [
            "",
            "+",
            "442079460018",
            "0044 20 7946",
            "+123456",
            "+1234567890123456",
            "+44 20 7946 ext 1",
            "++441234567",
            "+44+1234567",
            "+44\t1234567",
            "+٤٤١٢٣٤٥٦٧",
            "tel:+441234567",
            "+44/1234567",
            &format!("+{}1234567", " ".repeat(200)),
        ] {
            assert_eq!(Phone::parse(text).unwrap_err().reason(), Reason::PhoneInvalid, "{text}");
        }
    }
}
