//! The value of a cell, without what its author put around it.
//!
//! Programs that write lists protect or damage cells in a few known ways. Protection is removed; a damaged
//! value is rejected, because its original value is unknown. The cells of an export, and of files that the
//! caller declares literal, are read unchanged, except for what keeps the cells of an export from running as
//! formulas.

use std::borrow::Cow;

use super::field::Field;
use super::row_fault::{RowFault, RowRule};
use crate::model::hidden_in;

/// How to read the cells of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Every character counts.
    Exact,
    /// The cells of an export: every character counts, except what [`guarded`](super::guarded()) puts around
    /// a value.
    Guarded,
    /// Spaces around the cell, `="…"`, and the apostrophe before what looks like a formula are not part of
    /// the value; line breaks become LF.
    #[default]
    Cleaned,
}

/// The value in a cell; copied only if something has to be removed.
pub fn value(cell: &str, reading: Reading) -> Result<Cow<'_, str>, &'static str> {
    match reading {
        Reading::Exact => return Ok(Cow::Borrowed(cell)),
        Reading::Guarded => return Ok(unprotected(cell)),
        Reading::Cleaned => {}
    }
    // Without an early exit, so that the processor checks many bytes at once.
    let has_cr = || cell.bytes().fold(false, |found, byte| found | (byte == b'\r'));
    if is_bare(cell) && !has_cr() {
        return Ok(Cow::Borrowed(cell));
    }
    let bare = cell.trim_matches(' ');
    if bare == "\\N" {
        return Err("\\N means no value in database dumps; leave the cell empty instead");
    }
    let value = unprotected(bare);
    Ok(if value.contains('\r') { Cow::Owned(value.replace("\r\n", "\n").replace('\r', "\n")) } else { value })
}

/// The value in a cell, if it is a part of the cell as it is. `has_no_controls` says that it is known to have
/// no control characters.
pub fn unchanged(cell: &str, reading: Reading, has_no_controls: bool) -> Option<&str> {
    if has_no_controls && is_bare(cell) {
        return Some(cell);
    }
    match value(cell, reading) {
        Ok(Cow::Borrowed(value)) => Some(value),
        Ok(Cow::Owned(_)) | Err(_) => None,
    }
}

/// Whether nothing is around the value, as in most cells, unless it has a CR.
fn is_bare(cell: &str) -> bool {
    let (Some(first), Some(last)) = (cell.as_bytes().first(), cell.as_bytes().last()) else { return true };
    !matches!(first, b' ' | b'\\' | b'=' | b'\'') && *last != b' '
}

/// What a cell begins with that a spreadsheet program would run as a formula.
pub const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// What stands in a file of failed rows for a cell of a spreadsheet that cannot be read. As it is not empty,
/// the row fails again until somebody fills in the cell.
pub const UNREADABLE: &str = "#ERROR!";
/// The texts that spreadsheets show for errors.
const ERRORS: [&str; 9] =
    [UNREADABLE, "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!"];

/// Rejects an error that a spreadsheet shows: it is neither a text nor empty.
pub fn check_error(value: &str) -> Result<(), String> {
    if value.starts_with('#') && ERRORS.contains(&value) {
        return Err(format!("the cell shows the error {value}; correct it in the spreadsheet"));
    }
    Ok(())
}

/// A date of birth in the form `YYYY-MM-DD`, if it is one that begins with the year. All other forms could be
/// read in two ways, and stay as they are.
pub fn date(value: &str, reading: Reading) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    let is_year_first = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => matches!(byte, b'/' | b'.') && bytes.get(4) == Some(byte),
            _ => byte.is_ascii_digit(),
        });
    if reading != Reading::Cleaned || !is_year_first {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace(['/', '.'], "-"))
}

/// Rejects keys and phone numbers that a spreadsheet has converted to numbers: digits of `4.47701E+11` are
/// lost, and `101.0` may have been `00101`.
pub fn check_number(field: Field, value: &str, reading: Reading) -> Result<(), RowFault> {
    let is_key = matches!(field, Field::Id | Field::Ref | Field::WorkerId | Field::Phone)
        && value.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-'));
    let may_be_number =
        || value.bytes().fold(false, |found, byte| found | matches!(byte, b'.' | b'E' | b'e'));
    if !is_key || reading != Reading::Cleaned || !may_be_number() {
        return Ok(());
    }
    let lost = if is_exponent(value) {
        "digits may have been lost when it was written with an exponent"
    } else if is_whole_fraction(value) {
        "it was converted to a number, and leading zeros may be lost"
    } else {
        return Ok(());
    };
    let message = format!("{value:?}: {lost}; store the column as text");
    Err(RowFault::new(RowRule::NumberNotText, field.name(), message))
}

/// Rejects a ref or worker id with a character that cannot be seen, or with a space that is not the usual
/// one: whoever made the list sees another key, so the row would find nobody.
pub fn check_key(field: Field, value: &str, reading: Reading) -> Result<(), RowFault> {
    let is_key = matches!(field, Field::Ref | Field::WorkerId) && reading == Reading::Cleaned;
    let Some(hidden) = is_key.then(|| hidden_in(value)).flatten() else { return Ok(()) };
    let message = format!("has a character that cannot be seen (U+{:04X}); remove it", u32::from(hidden));
    Err(RowFault::new(RowRule::CellInvalid, field.name(), message))
}

/// The text in `="…"`, which makes a spreadsheet treat a cell as text.
pub(super) fn formula_text(cell: &str) -> Option<Cow<'_, str>> {
    let inner = cell.strip_prefix("=\"")?.strip_suffix('"')?;
    if inner.replace("\"\"", "").contains('"') {
        return None;
    }
    Some(if inner.contains('"') { Cow::Owned(inner.replace("\"\"", "\"")) } else { Cow::Borrowed(inner) })
}

/// The cell without what makes a spreadsheet treat it as text.
fn unprotected(cell: &str) -> Cow<'_, str> {
    formula_text(cell).unwrap_or(Cow::Borrowed(without_guard(cell)))
}

/// The cell without the apostrophe that keeps a spreadsheet from treating it as a formula.
fn without_guard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if text.starts_with(FORMULA) => text,
        _ => cell,
    }
}

/// `4.47701E+11`. An E without a sign after it may be part of a key, as in `01E05`.
fn is_exponent(value: &str) -> bool {
    let Some((mantissa, exponent)) = value.split_once(['E', 'e']) else { return false };
    let power = exponent.strip_prefix(['+', '-']);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    power.is_some_and(is_digits) && is_digits(whole.trim_start_matches(['+', '-'])) && is_digits(fraction)
}

/// `101.0`
fn is_whole_fraction(value: &str) -> bool {
    let Some((whole, fraction)) = value.split_once('.') else { return false };
    is_digits(whole.trim_start_matches(['+', '-']))
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Reading, check_error, check_key, check_number, date, value};
    use crate::lists::{Field, RowRule};

    #[test]
    fn protection_around_a_value_is_removed() {
        for (cell, expected) in [
            ("  a b  ", "a b"),
            ("\u{a0}a", "\u{a0}a"),
            ("=\"00101\"", "00101"),
            ("=\"\"", ""),
            ("=\"de \"\"Muster\"\"\"", "de \"Muster\""),
            ("=\"a\"&\"b\"", "=\"a\"&\"b\""),
            ("=\"", "=\""),
            ("'+447700900101", "+447700900101"),
            ("'=1", "=1"),
            ("'t Hooft", "'t Hooft"),
            ("''=1", "''=1"),
            ("two\r\nlines\rthree", "two\nlines\nthree"),
        ] {
            assert_eq!(value(cell, Reading::Cleaned).unwrap(), expected, "{cell:?}");
            assert_eq!(value(cell, Reading::Exact).unwrap(), cell);
        }
        assert!(value(" \\N ", Reading::Cleaned).is_err());
        assert_eq!(value("\\N", Reading::Exact).unwrap(), "\\N");
    }

    #[test]
    fn numbers_that_were_keys_are_refused_and_keys_that_look_like_them_are_not() {
        for spoilt in ["4.47701E+11", "4,47701e+11", "1E-5", "101.0", "447700900101.0", "+44.00"] {
            let failure = check_number(Field::Phone, spoilt, Reading::Cleaned).unwrap_err();
            assert_eq!((failure.rule, failure.column.as_str()), (RowRule::NumberNotText, "phone"));
            assert!(check_number(Field::Tier, spoilt, Reading::Cleaned).is_ok());
            assert!(check_number(Field::Ref, spoilt, Reading::Exact).is_ok());
        }
        for key in ["01E05", "00101", "1.2", "101.", ".0", "a.0", "1.0.0", "E+5", "+447700900101", "12.E+3"] {
            assert!(check_number(Field::WorkerId, key, Reading::Cleaned).is_ok(), "{key}");
        }
    }

    #[test]
    fn keys_with_characters_that_cannot_be_seen_are_refused() {
        for key in
            ["\u{a0}r1", "r2\u{200b}", "r\u{ad}5", "\u{3000}r6", "r7\u{2060}", "r\u{feff}8", "a\u{a0}b"]
        {
            for field in [Field::Ref, Field::WorkerId] {
                let fault = check_key(field, key, Reading::Cleaned).unwrap_err();
                assert_eq!(fault.rule, RowRule::CellInvalid, "{key:?}");
                assert!(check_key(field, key, Reading::Exact).is_ok());
            }
            assert!(check_key(Field::LastName, key, Reading::Cleaned).is_ok());
        }
        for key in ["r1", "a b", "é", "工号7", ""] {
            assert!(check_key(Field::Ref, key, Reading::Cleaned).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn a_date_that_begins_with_the_year_has_hyphens_and_others_stay() {
        for (text, expected) in [
            ("1990/01/05", "1990-01-05"),
            ("1990.01.05", "1990-01-05"),
            ("1990-01-05", "1990-01-05"),
            ("1990/01.05", "1990/01.05"),
            ("05/01/1990", "05/01/1990"),
            ("1/5/90", "1/5/90"),
            ("90/01/05", "90/01/05"),
        ] {
            assert_eq!(date(text, Reading::Cleaned), expected);
            assert_eq!(date(text, Reading::Exact), text);
        }
    }

    #[test]
    fn errors_of_a_spreadsheet_are_no_text() {
        assert!(check_error("#N/A").unwrap_err().contains("#N/A"));
        assert!(check_error("#1").is_ok() && check_error("").is_ok());
    }
}
