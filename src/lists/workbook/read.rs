use std::io::{Read, Seek, SeekFrom};

use super::options::Options;
use super::refusal::Refusal;
use super::table::Table;
use super::xlsx;

const ZIP: &[u8] = b"PK\x03\x04";
/// An OLE file: an old `.xls`, or an encrypted workbook of any kind.
const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// Whether a file that begins with these bytes, eight or more, is a workbook rather than a list in text.
#[must_use]
pub fn is_workbook(beginning: &[u8]) -> bool {
    beginning.starts_with(ZIP) || beginning.starts_with(OLE)
}

/// Reads the list in a workbook.
///
/// # Errors
///
/// When the file cannot be read whole and without guessing.
pub fn read<R: Read + Seek>(mut source: R, options: &Options<'_>) -> Result<Table, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::Unreadable(error.to_string());
    let length = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
    source.rewind().map_err(unreadable)?;
    let mut beginning = Vec::new();
    source.by_ref().take(8).read_to_end(&mut beginning).map_err(unreadable)?;
    source.rewind().map_err(unreadable)?;
    if beginning.starts_with(OLE) {
        return Err(Refusal::Kind { kind: "an old .xls workbook, or one with a password," });
    }
    if !beginning.starts_with(ZIP) {
        return Err(Refusal::NotAWorkbook);
    }
    if length > options.limits.packed {
        return Err(Refusal::too_large("the file", format!("{} MiB", options.limits.packed >> 20)));
    }
    let grid = xlsx::read(&mut source, options)?;
    Table::new(grid, options.is_heading)
}
