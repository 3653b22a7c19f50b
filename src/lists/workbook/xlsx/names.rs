//! Names of cells and ranges, as parts of a workbook write them.

use super::super::cell::CellName;
use super::super::grid::Area;
use super::super::limits::{COLUMNS, ROWS};

/// Parses a range such as `A2:B7`, or a single cell.
pub(super) fn area(range: &str) -> Result<Area, String> {
    let (first, last) = range.split_once(':').unwrap_or((range, range));
    let (first, last) = (cell_name(first)?, cell_name(last)?);
    if first.row > last.row || first.column > last.column {
        return Err(format!("{range} is not a range"));
    }
    Ok(Area { first, last })
}

/// Parses a name such as `F12`.
pub(super) fn cell_name(name: &str) -> Result<CellName, String> {
    let faulty = || format!("{name:.20} is not the name of a cell");
    let digits = name.find(|c: char| c.is_ascii_digit()).ok_or_else(faulty)?;
    let (letters, digits) = name.split_at(digits);
    if letters.is_empty() || letters.len() > 3 || digits.len() > 7 {
        return Err(faulty());
    }
    let mut column = 0;
    for letter in letters.chars() {
        let place = letter.to_ascii_uppercase();
        if !place.is_ascii_uppercase() {
            return Err(faulty());
        }
        column = column * 26 + u32::from(place) - u32::from('A') + 1;
    }
    let row: u32 = digits.parse().map_err(|_| faulty())?;
    if !(1..=ROWS).contains(&row) || column > COLUMNS {
        return Err(faulty());
    }
    Ok(CellName { row, column: column - 1 })
}
