//! The rows of a spreadsheet, with each cell read as its column needs it.

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::Arc;

use super::cell::UNREADABLE;
use super::columns::{Column, Columns};
use super::field::Field;
use super::gathered::Gathered;
use super::list::{List, Source, Table};
use super::options::Options;
use super::place::Place;
use super::refusal::Refusal;
use super::row::ListRow;
use super::text::{self, MAX_ROW_BYTES};
use super::workbook::{self, Cell, CellFault, Note};

/// What stands between the cells of a row in memory.
const BETWEEN_CELLS: char = ',';

/// Reads the whole spreadsheet. Its rows are added to `rows`, in the order of the sheet.
pub fn read(
    bytes: Vec<u8>,
    options: &Options,
    rows: &mut Vec<ListRow>,
) -> Result<(Arc<List>, Vec<Note>), Refusal> {
    let is_heading = |text: &str| options.columns.knows(text);
    let how = workbook::Options {
        sheet: options.sheet.as_deref(),
        is_heading: &is_heading,
        limits: options.limits,
    };
    let table = workbook::read(Cursor::new(bytes), &how)?;
    let header: Vec<String> = table.headings().iter().map(|heading| heading.text.clone()).collect();
    let sheet = table.headings().iter().map(|heading| heading.name.column).collect();
    let name: Arc<str> = table.sheet().into();
    let columns = Columns::from_header(&header, &options.columns, sheet).map_err(|faults| {
        let row = table.headings().first().map_or(0, |heading| u64::from(heading.name.row));
        let place = Place::Row { sheet: name.clone(), row };
        Refusal::headings(place, &options.columns, &header, faults)
    })?;
    let list = Arc::new(List::Table(Table { columns, source: Source::Sheet { name } }));
    let columns = list.columns();
    rows.reserve(table.rows().count());
    let mut gathered = Gathered::new(usize::MAX, rows);
    let (mut text, mut ends) = (String::new(), Vec::with_capacity(header.len()));
    for row in table.rows() {
        let mut faults = Vec::new();
        text.clear();
        ends.clear();
        for (at, cell) in row.cells().enumerate() {
            if at > 0 {
                text.push(BETWEEN_CELLS);
            }
            let column = columns.and_then(|columns| columns.column(at));
            match says(&cell, column) {
                Ok(said) => text.push_str(&said),
                Err(fault) => {
                    text.push_str(UNREADABLE);
                    faults.push((at, fault));
                }
            }
            ends.push(text::short(text.len()));
        }
        if text.len() > MAX_ROW_BYTES + ends.len().saturating_sub(1) {
            let (what, limit) = (format!("row {}", row.number()), format!("{MAX_ROW_BYTES} bytes"));
            return Err(workbook::Refusal::TooLarge { what, limit }.into());
        }
        gathered.add_faulty(&list, u64::from(row.number()), &text, &ends, faults);
    }
    Ok((list, table.notes().to_vec()))
}

/// The text of a cell in this column. `None` stands for the columns of an earlier import's failures.
fn says<'a>(cell: &Cell<'a>, column: Option<&Column>) -> Result<Cow<'a, str>, CellFault> {
    match column {
        Some(Column::Field(field)) => match field {
            // Zeros in front count.
            Field::Id
            | Field::Ref
            | Field::Email
            | Field::WorkerId
            | Field::SortCode
            | Field::AccountNumber
            | Field::Iban => cell.key(),
            Field::Dob => cell.date(),
            Field::FirstName
            | Field::LastName
            | Field::Phone
            | Field::Tier
            | Field::Status
            | Field::Gender
            | Field::Role
            | Field::Company
            | Field::EnablePayroll
            | Field::AccountHolder
            | Field::Attributes => cell.text(),
        },
        Some(Column::Attribute(..)) => cell.any(),
        // Nothing of these is stored.
        Some(Column::Skipped | Column::Unnamed) | None => Ok(cell.any().unwrap_or_default()),
    }
}
