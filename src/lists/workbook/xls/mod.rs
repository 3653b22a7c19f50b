//! Reads `.xls` files of Excel 97 to 2003, which are records in a stream of an OLE file.
//!
//! calamine is not used for them: it tells neither formats, formulas nor what is hidden, lays out every sheet
//! as a full rectangle, and panics on damaged files. Reading what it does not tell means to go through all
//! records anyway, so the values are read on the way. The OLE file itself is read by the crate `cfb`, which
//! checks its tables before it follows them.
//!
//! Every record that is read is within the file, which is small, so memory is bounded by its length and by
//! [`Limits`](super::Limits).

mod container;
mod globals;
mod record;
mod sheet;
mod style;

use super::grid::Grid;
use super::options::Options;
use super::refusal::Refusal;
use container::WORKBOOK;

/// Reads the one sheet with data, or the one that the caller names.
pub(super) fn read(bytes: Vec<u8>, options: &Options<'_>) -> Result<Grid, Refusal> {
    let stream = &*container::stream(bytes)?;
    let globals = globals::read(stream, &options.limits)?;
    let sheets = globals.sheets.iter().filter(|sheet| sheet.is_visible && sheet.is_worksheet);
    let visible: Vec<&str> = sheets.clone().map(|sheet| &*sheet.name).collect();
    if let Some(name) = options.sheet
        && !visible.contains(&name)
    {
        let visible = visible.into_iter().map(str::to_owned).collect();
        return Err(Refusal::NoSuchSheet { name: name.to_owned(), visible });
    }
    let (mut wanted, mut filled) = (None, Vec::new());
    let mut left = stream.len();
    // Every visible sheet is read: one that is damaged refuses the file.
    for sheet in sheets {
        let (grid, length) = sheet::read(stream, sheet, &globals, &options.limits)?;
        // Otherwise a small file could take hours.
        left = left.checked_sub(length).ok_or_else(|| Refusal::broken(WORKBOOK, "its sheets overlap"))?;
        let is_wanted = match options.sheet {
            Some(name) => name == sheet.name,
            None => !grid.cells.is_empty(),
        };
        if is_wanted {
            filled.push(sheet.name.clone());
            wanted = wanted.or(Some(grid));
        }
    }
    match (wanted, filled.len()) {
        (None, _) => Err(Refusal::NoData),
        (Some(_), 2..) => Err(Refusal::SeveralSheets { sheets: filled }),
        (Some(mut grid), _) => {
            grid.formats = globals.formats;
            Ok(grid)
        }
    }
}
