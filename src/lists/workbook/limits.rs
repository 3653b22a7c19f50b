/// How much of a workbook is read. A larger one is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of an `.xlsx` file.
    pub packed: u64,
    /// Bytes of an `.ods` file.
    pub packed_ods: u64,
    /// Bytes of an `.xls` file.
    pub packed_xls: u64,
    /// Bytes of all entries of a zip together, unpacked.
    pub unpacked: u64,
    /// Filled cells of one sheet, and different texts of a workbook.
    pub cells: usize,
    /// Cells of the list with the empty ones: its rows times its columns.
    pub area: usize,
    /// Bytes of the texts of all cells of a sheet, of all shared texts, and of the styles as calamine keeps
    /// them.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packed: 64 << 20,
            packed_ods: 16 << 20,
            packed_xls: 16 << 20,
            unpacked: 512 << 20,
            cells: 2_000_000,
            area: 16_000_000,
            text: 256 << 20,
        }
    }
}

/// Characters of one cell: a spreadsheet program does not store more.
pub(super) const CELL_CHARS: usize = 32_767;
/// Bytes between two tags, and of a tag.
pub(super) const XML_PIECE: usize = 1 << 20;
/// Elements within each other.
pub(super) const DEPTH: usize = 256;
/// Bytes between two tags of the styles. calamine copies names of fonts and formats for each style.
pub(super) const STYLE_PIECE: usize = 4 << 10;
/// Bytes of a part that is neither a sheet nor the shared texts.
pub(super) const SMALL_PART: u64 = 16 << 20;
/// Styles of cells.
pub(super) const STYLES: usize = 65_490;
/// Formats of an `.xls` workbook, and characters of one.
pub(super) const FORMATS: usize = 5_000;
pub(super) const FORMAT_CHARS: usize = 255;
/// Entries of a zip.
pub(super) const ENTRIES: usize = 10_000;
/// Sheets of a workbook, and bytes of the name of one in an `.ods` file.
pub(super) const SHEETS: usize = 1_000;
pub(super) const NAME: usize = 1_024;
/// Merged ranges of a sheet.
pub(super) const MERGES: usize = 100_000;
/// Rows and columns of a sheet.
pub(super) const ROWS: u32 = 1_048_576;
pub(super) const COLUMNS: u32 = 16_384;
/// The headings stand in one of this many filled rows, counted from the first.
pub(super) const ROWS_TO_HEADINGS: usize = 20;
