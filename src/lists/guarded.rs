//! Cells of CSV that a spreadsheet program must not run as a formula.

use std::borrow::Cow;

use super::cell::{FORMULA, formula_text};

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

/// The cell of a list as somebody wrote it, with an apostrophe before it if a spreadsheet program would run
/// it. The reader of lists takes both for the same value.
#[must_use]
pub fn harmless(cell: &str) -> Cow<'_, str> {
    let bare = cell.trim_matches(' ');
    if bare.starts_with(FORMULA) && formula_text(bare).is_none() {
        return Cow::Owned(format!("'{bare}"));
    }
    Cow::Borrowed(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::cell::{Reading, value};

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
            assert_eq!(value(&cell, Reading::Cleaned).unwrap(), text);
            assert!(!cell.starts_with(['+', '-', '@', '\t', '\r']), "{cell}");
            assert!(!cell.starts_with('=') || cell.starts_with("=\"") && cell.ends_with('"'), "{cell}");
        }
        assert_eq!(guarded("\r=1"), "'\r=1");
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
            let harmless = harmless(cell);
            let read = |cell: &str| value(cell, Reading::Cleaned).unwrap().into_owned();
            assert_eq!(read(&harmless), read(cell), "{cell}");
            let is_text = formula_text(&harmless).is_some();
            assert!(is_text || !harmless.trim_start().starts_with(FORMULA), "{harmless}");
        }
        assert_eq!((&*harmless("=1+1"), &*harmless("=\"007\""), &*harmless("a")), ("'=1+1", "=\"007\"", "a"));
    }
}
