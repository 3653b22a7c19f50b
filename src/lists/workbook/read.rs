use std::io::{Read, Seek, SeekFrom};

use super::ods;
use super::options::Options;
use super::package::Package;
use super::refusal::Refusal;
use super::table::Table;
use super::{xls, xlsx};

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
        check_length(length, options.limits.packed_xls)?;
        let mut bytes = Vec::new();
        source.take(options.limits.packed_xls).read_to_end(&mut bytes).map_err(unreadable)?;
        return Table::new(xls::read(bytes, options)?, options);
    }
    if !beginning.starts_with(ZIP) {
        return Err(Refusal::NotAWorkbook);
    }
    check_length(length, options.limits.packed)?;
    let mut package = Package::open(&mut source, &options.limits)?;
    let grid = if package.paths().contains("content.xml") {
        check_length(length, options.limits.packed_ods)?;
        ods::read(&mut package, options)?
    } else {
        xlsx::read(package, options)?
    };
    Table::new(grid, options)
}

fn check_length(length: u64, limit: u64) -> Result<(), Refusal> {
    if length > limit {
        return Err(Refusal::too_large("the file", format!("{} MiB", limit >> 20)));
    }
    Ok(())
}
