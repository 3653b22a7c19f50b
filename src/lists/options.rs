use super::columns::Wanted;
use super::format::Format;
use super::workbook::Limits;

/// How a list is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The format; without it, the first bytes of the file decide.
    pub format: Option<Format>,
    /// What stands between the cells of a text; without it, the header decides. A first line `sep=;` overrides
    /// both.
    pub delimiter: Option<u8>,
    /// The columns that the caller takes and needs, and how their cells are read. For NDJSON, only the model
    /// checks keys.
    pub columns: Wanted,
    /// The sheet of a spreadsheet to read. Without it, exactly one visible sheet must hold data.
    pub sheet: Option<String>,
    /// How much of a spreadsheet is read.
    pub limits: Limits,
}
