use std::fmt;

use super::limits::Limits;

/// How a workbook is read.
pub struct Options<'a> {
    /// The sheet to read. Without it, exactly one visible sheet must hold data.
    pub sheet: Option<&'a str>,
    /// Whether a text is the heading of a column that the caller knows.
    pub is_heading: &'a dyn Fn(&str) -> bool,
    /// How much is read.
    pub limits: Limits,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sheet, limits, .. } = self;
        f.debug_struct("Options").field("sheet", sheet).field("limits", limits).finish_non_exhaustive()
    }
}
