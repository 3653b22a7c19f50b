//! Cells of CSV that a spreadsheet program must not run as a formula.

use std::borrow::Cow;

use super::cell::FORMULA;

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
}
