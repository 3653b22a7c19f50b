//! Cells of CSV that a spreadsheet program must not run as a formula.

use std::borrow::Cow;

use super::cell::{FORMULA, Reading, formula_text};

/// The cell for a value: with an apostrophe before it if it begins like a formula, which the reader of lists
/// removes again. A value that already begins with such an apostrophe is written as `="…"`.
#[must_use]
pub fn guarded(value: &str) -> Cow<'_, str> {
    if value.starts_with(FORMULA) {
        return Cow::Owned(format!("'{value}"));
    }
    match value.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) => Cow::Owned(format!("=\"{}\"", value.replace('"', "\"\""))),
        _ => Cow::Borrowed(value),
    }
}

/// The cell of an export. Telephone numbers stay as they are: `+` and digits are a number, and no formula.
#[must_use]
pub fn exported(value: &str) -> Cow<'_, str> {
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    if value.strip_prefix('+').is_some_and(is_number) {
        return Cow::Borrowed(value);
    }
    guarded(value)
}

/// The cell of a list as somebody wrote it, with an apostrophe before it if a spreadsheet program would run
/// it. The reader of lists takes both for the same value. A cell that is read exactly stays as it is, because
/// the apostrophe would be a part of the value.
#[must_use]
pub fn harmless(cell: &str, reading: Reading) -> Cow<'_, str> {
    let bare = match reading {
        Reading::Exact => return Cow::Borrowed(cell),
        Reading::Guarded => cell,
        Reading::Cleaned => cell.trim_matches(' '),
    };
    if bare.starts_with(FORMULA) && formula_text(bare).is_none() {
        return Cow::Owned(format!("'{bare}"));
    }
    Cow::Borrowed(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::cell::value;

    #[test]
    fn no_cell_is_a_formula_and_every_value_is_read_back() {
        for text in [
            "=1+1",
            "+44",
            "-5",
            "@SUM(A1)",
            "\tx",
            "a",
            "",
            "a=b",
            "'a",
            "'=1",
            "'=\"a\"",
            "''=1",
            "=\"a\"",
            "ada@example.com",
        ] {
            let cell = guarded(text);
            for reading in [Reading::Cleaned, Reading::Guarded] {
                assert_eq!(value(&cell, reading).unwrap(), text);
            }
            assert_eq!(value(&exported(text), Reading::Guarded).unwrap(), text);
            assert!(!cell.starts_with(['+', '-', '@', '\t', '\r']), "{cell}");
            assert!(!cell.starts_with('=') || cell.starts_with("=\"") && cell.ends_with('"'), "{cell}");
        }
        assert_eq!(guarded("\r=1"), "'\r=1");
        assert_eq!(
            (exported("+447700900101"), exported("+1+1"), exported("+")),
            ("+447700900101".into(), "'+1+1".into(), "'+".into())
        );
    }

    #[test]
    fn a_cell_that_somebody_wrote_keeps_its_value_and_becomes_no_formula() {
        for cell in [
            "=1+1",
            " =1+1",
            "+44 20",
            "-5",
            "@x",
            "\tx",
            "'=1",
            "=\"007\"",
            "=\"a\"&B1&\"c\"",
            "a ",
            "",
            "=\"",
            "''=1",
        ] {
            for reading in [Reading::Cleaned, Reading::Guarded] {
                let harmless = harmless(cell, reading);
                let read = |cell: &str| value(cell, reading).unwrap().into_owned();
                assert_eq!(read(&harmless), read(cell), "{cell}");
                let is_text = formula_text(&harmless).is_some();
                assert!(is_text || !harmless.starts_with(FORMULA), "{harmless}");
            }
            assert_eq!(harmless(cell, Reading::Exact), cell);
        }
        let cleaned = |cell| harmless(cell, Reading::Cleaned).into_owned();
        assert_eq!((&*cleaned(" =1+1"), &*cleaned("=\"007\""), &*cleaned("a")), ("'=1+1", "=\"007\"", "a"));
    }
}
