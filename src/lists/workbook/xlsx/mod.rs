//! Reads `.xlsx` files: first the XML for what calamine does not tell, then the values with calamine.

mod names;
mod parts;
mod sheet;
mod strings;

use std::io::{Read, Seek};

use calamine::{CellErrorType, DataRef, Reader, SheetType, SheetVisible, Style, Xlsx};

use super::cell::{CellName, Value, iso_date, serial_date};
use super::fault::CellFault;
use super::format::Format;
use super::grid::Grid;
use super::limits::{Limits, STYLES};
use super::options::Options;
use super::package::Package;
use super::refusal::Refusal;
use parts::Sheet;
use sheet::{Kind, Scan, Seen};
use strings::Strings;

/// Reads the one sheet with data, or the one that the caller names.
pub(super) fn read<R: Read + Seek>(
    mut package: Package<&mut R>,
    options: &Options<'_>,
) -> Result<Grid, Refusal> {
    if let Some(path) = package.paths().iter().find(|path| path.contains("externallinks/")) {
        return Err(Refusal::ExternalLink { part: path.clone() });
    }
    let workbook = parts::workbook(&mut package)?;
    if workbook.folder.is_empty() {
        return Err(Refusal::broken("the workbook", "its parts stand in no folder"));
    }
    let strings = strings::scan(&mut package, &workbook.folder, &options.limits)?;
    check_styles(&mut package, &workbook.folder, &options.limits)?;
    let (sheet, scan) = choose(&mut package, &workbook.sheets, options)?;
    let source = package.into_inner();
    let mut calamine = Xlsx::new(source).map_err(|error| Refusal::broken("the workbook", error))?;
    agree(&workbook.sheets, calamine.sheets_metadata())?;
    values(&mut calamine, &sheet, scan, &strings, options)
}

/// The sheet to read, with what its XML says. Every visible sheet is read: one that is damaged refuses the
/// file.
fn choose<R: Read + Seek>(
    package: &mut Package<R>,
    sheets: &[Sheet],
    options: &Options<'_>,
) -> Result<(Sheet, Scan), Refusal> {
    let mut filled = Vec::new();
    let visible: Vec<&Sheet> = sheets.iter().filter(|sheet| sheet.is_visible && sheet.is_worksheet).collect();
    if let Some(name) = options.sheet
        && !visible.iter().any(|sheet| sheet.name == name)
    {
        let visible = visible.iter().map(|sheet| sheet.name.clone()).collect();
        return Err(Refusal::NoSuchSheet { name: name.to_owned(), visible });
    }
    let mut wanted = None;
    for sheet in visible {
        let scan = sheet::scan(package, sheet, &options.limits)?;
        let is_wanted = match options.sheet {
            Some(name) => name == sheet.name,
            None => !scan.cells.is_empty(),
        };
        if is_wanted {
            filled.push(sheet.name.clone());
            wanted = wanted.or(Some((sheet.clone(), scan)));
        }
    }
    match (wanted, filled.len()) {
        (None, _) => Err(Refusal::NoData),
        (Some(_), 2..) => Err(Refusal::SeveralSheets { sheets: filled }),
        (Some((sheet, mut scan)), _) => {
            scan.layout.total_rows = parts::total_rows(package, &sheet)?;
            Ok((sheet, scan))
        }
    }
}

/// calamine copies the names of fonts and formats for each style, so all of them together are limited.
fn check_styles<R: Read + Seek>(
    package: &mut Package<R>,
    folder: &str,
    limits: &Limits,
) -> Result<(), Refusal> {
    let path = format!("{folder}styles.xml");
    let Some(part) = package.part(&path)? else { return Ok(()) };
    let (mut styles, mut longest) = (0_usize, 0_usize);
    super::xml::for_each_element(part, |element| {
        styles += usize::from(element.local_name().as_ref() == "xf");
        longest = longest.max(element.len());
        if styles > 2 * STYLES {
            return Err(format!("it holds more than {STYLES} styles"));
        }
        if styles * longest > limits.text {
            return Err(format!("its styles are longer than {} bytes together", limits.text));
        }
        Ok(())
    })
    .map_err(|reason| Refusal::broken(path, reason))
}

/// Both readings of the workbook must list the same sheets.
fn agree(sheets: &[Sheet], theirs: &[calamine::Sheet]) -> Result<(), Refusal> {
    let is_same = |sheet: &Sheet, their: &calamine::Sheet| {
        sheet.name == their.name
            && sheet.is_visible == (their.visible == SheetVisible::Visible)
            && sheet.is_worksheet == (their.typ == SheetType::WorkSheet)
    };
    let do_agree =
        sheets.len() == theirs.len() && sheets.iter().zip(theirs).all(|(sheet, their)| is_same(sheet, their));
    if do_agree { Ok(()) } else { Err(Refusal::broken("the workbook", "its list of sheets is ambiguous")) }
}

fn values<R: Read + Seek>(
    calamine: &mut Xlsx<R>,
    sheet: &Sheet,
    scan: Scan,
    strings: &Strings,
    options: &Options<'_>,
) -> Result<Grid, Refusal> {
    let broken = |error: calamine::XlsxError| Refusal::broken(format!("sheet \"{}\"", sheet.name), error);
    let is_1904 = calamine.has_1904_epoch();
    let mut cells = calamine.worksheet_cells_reader(&sheet.name).map_err(broken)?;
    let formats = formats(cells.styles());
    let mut grid = Grid::new(&sheet.name, formats, scan.layout);
    grid.cells.reserve_exact(scan.cells.len());
    let mut seen = scan.cells.into_iter().peekable();
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(broken)? {
        let (row, column) = cell.get_position();
        let name = CellName { row: row + 1, column };
        let value = cell.get_value();
        let Some(seen) = seen.next_if(|seen| seen.name == name) else {
            // A formatted cell without a value. The reading of the XML leaves it out.
            if matches!(value, DataRef::Empty) {
                continue;
            }
            return Err(grid.refuse(name, "the cell cannot be read with certainty"));
        };
        let value = match value {
            DataRef::Empty if seen.is_formula => Value::fault(CellFault::NoResult),
            DataRef::Empty => continue,
            DataRef::String(text) => text_value(&mut grid, &seen, text, strings, options)?,
            DataRef::SharedString(text) => text_value(&mut grid, &seen, text, strings, options)?,
            DataRef::Float(value) => Value::Number { value: *value, format: format_place(style) },
            DataRef::Int(_) => return Err(grid.refuse(name, "the cell cannot be read with certainty")),
            DataRef::Bool(value) => Value::Bool(*value),
            DataRef::DateTime(date) => serial_date(date, is_1904),
            DataRef::DateTimeIso(text) => iso_date(text),
            DataRef::DurationIso(_) => Value::fault(CellFault::Duration),
            DataRef::Error(error) => Value::fault(CellFault::Error(error_text(error))),
        };
        grid.push(name, seen.is_formula, value, &options.limits)?;
    }
    match seen.next() {
        Some(seen) => Err(grid.refuse(seen.name, "the cell cannot be read with certainty")),
        None => Ok(grid),
    }
}

fn text_value(
    grid: &mut Grid,
    seen: &Seen,
    text: &str,
    strings: &Strings,
    options: &Options<'_>,
) -> Result<Value, Refusal> {
    let is_glued = match seen.kind {
        Kind::Shared(place) if place >= strings.count => {
            return Err(grid.refuse(seen.name, "the text of the cell is missing from the file"));
        }
        Kind::Shared(place) => strings.glued.contains(&place),
        Kind::Inline { is_glued } => is_glued,
        Kind::Other => false,
    };
    if is_glued { Ok(Value::fault(CellFault::Glued)) } else { grid.text(seen.name, text, &options.limits) }
}

/// The formats of all styles. A format whose code the file does not hold is unknown.
fn formats(styles: &[Style]) -> Vec<Format> {
    let format = |style: &Style| match &style.number_format {
        None => Format::General,
        Some(format) => match format.format_id {
            // Codes of these depend on the language of the program.
            Some(id @ (5..=8 | 23..=36 | 50..=81)) if format.format_code == "General" => {
                Format::Other { code: format!("number {id} of the program").into() }
            }
            _ => Format::parse(&format.format_code),
        },
    };
    let formats: Vec<Format> = styles.iter().map(format).collect();
    // A workbook without styles shows every number in the format General.
    if formats.is_empty() { vec![Format::General] } else { formats }
}

fn format_place(style: usize) -> u32 {
    u32::try_from(style).unwrap_or(u32::MAX)
}

pub(super) fn error_text(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#GETTING_DATA",
    }
}
