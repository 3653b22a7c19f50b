//! The records of a sheet: its cells, and what it hides or merges.

use std::collections::BTreeSet;

use calamine::{ExcelDateTime, ExcelDateTimeType};

use super::super::cell::{CellName, Value, serial_date};
use super::super::fault::CellFault;
use super::super::grid::{Area, Grid, Layout};
use super::super::limits::{Limits, MERGES};
use super::super::refusal::Refusal;
use super::globals::{Globals, Sheet};
use super::record::{BOF, Data, EOF, Record, Records, VERSION};
use super::style::Style;

const FORMULA: u16 = 0x0006;
const COLINFO: u16 = 0x007D;
const MULRK: u16 = 0x00BD;
const RSTRING: u16 = 0x00D6;
const MERGECELLS: u16 = 0x00E5;
const LABELSST: u16 = 0x00FD;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const BOOLERR: u16 = 0x0205;
const STRING: u16 = 0x0207;
const ROW: u16 = 0x0208;
const DEFAULTROWHEIGHT: u16 = 0x0225;
const RK: u16 = 0x027E;
/// A table of Excel 2003, and one of a newer program.
const FEATURES: [u16; 2] = [0x0872, 0x0878];
/// The type of a sheet in `BOF`, rather than a chart.
const WORKSHEET: u16 = 0x0010;
/// Columns of a sheet.
const COLUMNS: u16 = 256;

/// Why a sheet cannot be read.
enum Fault {
    /// What is wrong with a record.
    Record(&'static str),
    Refusal(Refusal),
}

impl From<&'static str> for Fault {
    fn from(reason: &'static str) -> Self {
        Self::Record(reason)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// Reads a sheet. Returns also how many bytes its records take.
pub(super) fn read(
    stream: &[u8],
    sheet: &Sheet,
    globals: &Globals,
    limits: &Limits,
) -> Result<(Grid, usize), Refusal> {
    read_records(stream, sheet, globals, limits).map_err(|fault| match fault {
        Fault::Record(reason) => Refusal::broken(format!("sheet \"{}\"", sheet.name), reason),
        Fault::Refusal(refusal) => refusal,
    })
}

fn read_records(
    stream: &[u8],
    sheet: &Sheet,
    globals: &Globals,
    limits: &Limits,
) -> Result<(Grid, usize), Fault> {
    let mut records = Records::at(stream, sheet.start)?;
    let before = records.left();
    let mut first = records.next()?;
    if first.kind != BOF || [first.data.u16()?, first.data.u16()?] != [VERSION, WORKSHEET] {
        return Err(Fault::Record("its records do not begin where the workbook says"));
    }
    let grid = Grid::new(&sheet.name, Vec::new(), Layout::default());
    let mut reading = Reading {
        grid,
        globals,
        limits,
        open: None,
        rows: BTreeSet::new(),
        are_rows_hidden: false,
        columns: 0,
    };
    // Charts within the sheet.
    let mut depth = 1_usize;
    while depth > 0 {
        let record = records.next()?;
        match record.kind {
            BOF => depth += 1,
            EOF => depth -= 1,
            _ if depth == 1 => reading.take(record)?,
            _ => {}
        }
    }
    Ok((reading.end()?, before - records.left()))
}

/// A sheet while it is read.
struct Reading<'a> {
    grid: Grid,
    globals: &'a Globals,
    limits: &'a Limits,
    /// A formula whose result is the next text.
    open: Option<CellName>,
    /// Rows with a record of their own.
    rows: BTreeSet<u32>,
    /// Whether rows without a record of their own are hidden.
    are_rows_hidden: bool,
    /// How many records describe columns.
    columns: u16,
}

impl Reading<'_> {
    fn take(&mut self, record: Record<'_>) -> Result<(), Fault> {
        let Record { kind, mut data } = record;
        match kind {
            STRING => {
                let name = self.open.take().ok_or("it holds the result of no formula")?;
                let value = self.grid.text(name, &data.text()?, self.limits)?;
                self.push(name, true, value)
            }
            FORMULA => self.formula(data),
            LABELSST => {
                let (name, _) = cell(&mut data)?;
                let globals = self.globals;
                match globals.strings.get(data.u32()?) {
                    Some(text) => self.text(name, text),
                    None => {
                        Err(self.grid.refuse(name, "the text of the cell is missing from the file").into())
                    }
                }
            }
            LABEL | RSTRING => {
                let (name, _) = cell(&mut data)?;
                self.text(name, &data.text()?)
            }
            RK => {
                let (name, style) = cell(&mut data)?;
                let value = self.number(style, compressed(data.u32()?));
                self.push(name, false, value)
            }
            NUMBER => {
                let (name, style) = cell(&mut data)?;
                let value = self.number(style, f64::from_le_bytes(data.bytes()?));
                self.push(name, false, value)
            }
            MULRK => self.numbers(data),
            BOOLERR => {
                let (name, _) = cell(&mut data)?;
                let [value, is_error] = data.bytes()?;
                let value = if is_error == 0 { Value::Bool(value != 0) } else { error(value)? };
                self.push(name, false, value)
            }
            _ => Ok(self.layout(kind, data)?),
        }
    }

    fn formula(&mut self, mut data: Data<'_>) -> Result<(), Fault> {
        let (name, style) = cell(&mut data)?;
        let value = match data.bytes()? {
            [0, _, _, _, _, _, 0xFF, 0xFF] => {
                self.close()?;
                self.open = Some(name);
                return Ok(());
            }
            [1, _, value, _, _, _, 0xFF, 0xFF] => Value::Bool(value != 0),
            [2, _, value, _, _, _, 0xFF, 0xFF] => error(value)?,
            [3, _, _, _, _, _, 0xFF, 0xFF] => Value::fault(CellFault::EmptyResult),
            [_, _, _, _, _, _, 0xFF, 0xFF] => {
                return Err(Fault::Record("a formula has a result of an unknown kind"));
            }
            number => self.number(style, f64::from_le_bytes(number)),
        };
        self.push(name, true, value)
    }

    fn numbers(&mut self, mut data: Data<'_>) -> Result<(), Fault> {
        let (row, first) = (data.u16()?, data.u16()?);
        let mut column = u32::from(first);
        while data.left() > 2 {
            let style = data.u16()?;
            let value = self.number(style, compressed(data.u32()?));
            self.push(CellName { row: u32::from(row) + 1, column }, false, value)?;
            column += 1;
        }
        let is_whole = u32::from(data.u16()?) + 1 == column && column <= u32::from(COLUMNS);
        if is_whole { Ok(()) } else { Err(Fault::Record("a row of numbers has another length than it says")) }
    }

    /// What the sheet hides, merges and totals.
    fn layout(&mut self, kind: u16, mut data: Data<'_>) -> Result<(), &'static str> {
        let Layout { hidden_rows, hidden_columns, total_rows, merges } = &mut self.grid.layout;
        match kind {
            ROW => {
                let row = u32::from(data.u16()?) + 1;
                data.skip(4)?;
                let height = data.u16()? & 0x7FFF;
                data.skip(4)?;
                self.rows.insert(row);
                if height == 0 || data.u16()? & 0x20 != 0 {
                    hidden_rows.insert(row);
                }
            }
            COLINFO => {
                let (first, last, width) = (data.u16()?, data.u16()?, data.u16()?);
                data.skip(2)?;
                self.columns += 1;
                if self.columns > COLUMNS {
                    return Err("it describes its columns more than once");
                }
                if width == 0 || data.u16()? & 1 == 1 {
                    hidden_columns.extend(u32::from(first)..=u32::from(last.min(COLUMNS - 1)));
                }
            }
            DEFAULTROWHEIGHT => self.are_rows_hidden = data.u16()? & 2 != 0,
            MERGECELLS => {
                for _ in 0..data.u16()? {
                    let area = area(&mut data)?;
                    if area.first != area.last {
                        merges.push(area);
                    }
                    if merges.len() > MERGES {
                        return Err("it has too many merged ranges");
                    }
                }
            }
            kind if FEATURES.contains(&kind) => {
                // The header, which repeats the range; 5 is the type of a table.
                data.skip(12)?;
                let is_table = data.u16()? == 5;
                data.skip(5)?;
                let ranges = data.u16()?;
                data.skip(6)?;
                if !is_table || ranges == 0 {
                    return Ok(());
                }
                let area = area(&mut data)?;
                data.skip(8 * usize::from(ranges - 1) + 12)?;
                if data.u32()? > 0 {
                    total_rows.insert(area.last.row);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn number(&self, style: u16, value: f64) -> Value {
        let is_1904 = self.globals.is_1904;
        let date = ExcelDateTime::new(value, ExcelDateTimeType::DateTime, is_1904);
        match self.globals.styles.get(usize::from(style)) {
            Some(Style::Date) => serial_date(&date, is_1904),
            Some(Style::Duration) => Value::fault(CellFault::Duration),
            Some(Style::Number(format)) => Value::Number { value, format: *format },
            None => Value::Number { value, format: u32::MAX },
        }
    }

    fn text(&mut self, name: CellName, text: &str) -> Result<(), Fault> {
        let value = self.grid.text(name, text, self.limits)?;
        self.push(name, false, value)
    }

    fn push(&mut self, name: CellName, is_formula: bool, value: Value) -> Result<(), Fault> {
        self.close()?;
        Ok(self.grid.push_anywhere(name, is_formula, value, self.limits)?)
    }

    /// A formula that was to be followed by a text and was not has no result.
    fn close(&mut self) -> Result<(), Refusal> {
        let Some(name) = self.open.take() else { return Ok(()) };
        self.grid.push_anywhere(name, true, Value::fault(CellFault::NoResult), self.limits)
    }

    fn end(mut self) -> Result<Grid, Refusal> {
        self.close()?;
        if self.are_rows_hidden {
            let Grid { cells, layout, .. } = &mut self.grid;
            let rows = cells.iter().map(|cell| cell.name.row);
            layout.hidden_rows.extend(rows.filter(|row| !self.rows.contains(row)));
        }
        self.grid.sorted()
    }
}

/// The name and the style of a cell.
fn cell(data: &mut Data<'_>) -> Result<(CellName, u16), &'static str> {
    let (row, column) = (data.u16()?, data.u16()?);
    if column >= COLUMNS {
        return Err("a cell stands beyond the last column");
    }
    Ok((CellName { row: u32::from(row) + 1, column: u32::from(column) }, data.u16()?))
}

fn area(data: &mut Data<'_>) -> Result<Area, &'static str> {
    let [top, bottom, left, right] = [data.u16()?, data.u16()?, data.u16()?, data.u16()?].map(u32::from);
    if top > bottom || left > right {
        return Err("a range ends before it begins");
    }
    let first = CellName { row: top + 1, column: left };
    Ok(Area { first, last: CellName { row: bottom + 1, column: right } })
}

/// A number in four bytes: a whole one or the upper part of a float, and whether it is divided by 100.
fn compressed(bits: u32) -> f64 {
    let value = if bits & 2 == 2 {
        f64::from(i32::from_le_bytes(bits.to_le_bytes()) >> 2)
    } else {
        f64::from_bits(u64::from(bits & !3) << 32)
    };
    if bits & 1 == 1 { value / 100.0 } else { value }
}

fn error(code: u8) -> Result<Value, &'static str> {
    let error = match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0F => "#VALUE!",
        0x17 => "#REF!",
        0x1D => "#NAME?",
        0x24 => "#NUM!",
        0x2A => "#N/A",
        0x2B => "#GETTING_DATA",
        _ => return Err("a cell shows an unknown error"),
    };
    Ok(Value::fault(CellFault::Error(error)))
}
