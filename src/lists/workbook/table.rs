use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::cell::{Cell, CellName, Content};
use super::grid::{Area, Grid, Stored};
use super::limits::ROWS_TO_HEADINGS;
use super::options::Options;
use super::refusal::Refusal;

/// The list of a sheet: its headings, and the rows below them.
#[derive(Debug)]
pub struct Table {
    grid: Grid,
    headings: Vec<Heading>,
    /// The cells of each row that is not blank.
    rows: Vec<Range<usize>>,
    notes: Vec<Note>,
}

/// The heading of a column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heading {
    /// Where it stands.
    pub name: CellName,
    /// Its text, which is not blank.
    pub text: String,
}

/// What was left out of a sheet. A plan shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Note {
    /// Hidden rows that hold something.
    HiddenRows(usize),
    /// Hidden columns that hold something.
    HiddenColumns(usize),
    /// Total rows of tables.
    TotalRows(usize),
    /// Rows above the headings that hold something.
    RowsAbove(usize),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, one, many) = match self {
            Self::HiddenRows(count) => (count, "hidden row", "hidden rows"),
            Self::HiddenColumns(count) => (count, "hidden column", "hidden columns"),
            Self::TotalRows(count) => (count, "total row", "total rows"),
            Self::RowsAbove(count) => (count, "row above the headings", "rows above the headings"),
        };
        write!(f, "{count} {} left out", if *count == 1 { one } else { many })
    }
}

/// A row of a list. It is not blank.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [Stored],
    number: u32,
}

impl<'a> Row<'a> {
    /// Its number in the sheet.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its cells, one for each heading and in the same order.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> {
        let Self { table, cells, number } = *self;
        let mut rest = cells.iter().peekable();
        table.headings.iter().map(move |heading| {
            let name = CellName { row: number, column: heading.name.column };
            while rest.next_if(|cell| cell.name < name).is_some() {}
            rest.next_if(|cell| cell.name == name)
                .map_or(Cell { name, content: Content::Empty, is_formula: false }, |stored| {
                    table.cell(stored)
                })
        })
    }
}

impl Table {
    /// The name of the sheet.
    #[must_use]
    pub fn sheet(&self) -> &str {
        &self.grid.sheet
    }

    /// The headings from left to right. None is blank; two may be equal.
    #[must_use]
    pub fn headings(&self) -> &[Heading] {
        &self.headings
    }

    /// The rows below the headings that are not blank, from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().filter_map(|cells| {
            let cells = self.grid.cells.get(cells.clone())?;
            Some(Row { table: self, cells, number: cells.first()?.name.row })
        })
    }

    /// What was left out.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Finds the headings of a sheet, and leaves out what it hides.
    pub(super) fn new(mut grid: Grid, options: &Options<'_>) -> Result<Self, Refusal> {
        let mut notes = leave_out(&mut grid);
        let mut table = Self { grid, headings: Vec::new(), rows: Vec::new(), notes: Vec::new() };
        let mut rows = table.filled_rows();
        let place = table.find_headings(&rows, options.is_heading)?;
        let below = rows.split_off((place + 1).min(rows.len()));
        if place > 0 {
            notes.push(Note::RowsAbove(place));
        }
        table.headings = match rows.pop() {
            Some(row) => table.headings_in(row)?,
            None => return Err(Refusal::NoData),
        };
        table.notes = notes;
        table.rows = below;
        // Each row has a cell for each heading, also where the sheet has none.
        if table.rows.len().saturating_mul(table.headings.len()) > options.limits.area {
            let what = format!("the number of rows times columns of sheet \"{}\"", table.sheet());
            return Err(Refusal::too_large(what, options.limits.area.to_string()));
        }
        table.check_columns()?;
        table.check_merges()?;
        Ok(table)
    }

    fn cell<'a>(&'a self, stored: &'a Stored) -> Cell<'a> {
        let content = stored.value.content(&self.grid.texts, &self.grid.formats);
        Cell { name: stored.name, content, is_formula: stored.is_formula }
    }

    fn is_blank(&self, stored: &Stored) -> bool {
        self.cell(stored).is_blank()
    }

    /// The cells of each row that is not blank.
    fn filled_rows(&self) -> Vec<Range<usize>> {
        let mut rows = Vec::new();
        let mut start = 0;
        for row in self.grid.cells.chunk_by(|a, b| a.name.row == b.name.row) {
            let end = start + row.len();
            if !row.iter().all(|cell| self.is_blank(cell)) {
                rows.push(start..end);
            }
            start = end;
        }
        rows
    }

    fn filled(&self, row: &Range<usize>) -> impl Iterator<Item = Cell<'_>> {
        let cells = self.grid.cells.get(row.clone()).unwrap_or_default();
        cells.iter().map(|stored| self.cell(stored)).filter(|cell| !cell.is_blank())
    }

    /// The place of the row that holds the headings.
    fn find_headings(
        &self,
        rows: &[Range<usize>],
        is_heading: &dyn Fn(&str) -> bool,
    ) -> Result<usize, Refusal> {
        let has_heading = |row: &Range<usize>| {
            self.filled(row).any(|cell| cell.text().is_ok_and(|text| is_heading(text.trim())))
        };
        if let Some(place) = rows.iter().take(ROWS_TO_HEADINGS).position(has_heading) {
            return Ok(place);
        }
        let Some(first) = rows.first().and_then(|row| self.filled(row).next()) else {
            return Err(Refusal::NoData);
        };
        let text = first.any().unwrap_or_default().chars().take(100).collect();
        Err(Refusal::NoHeadings { sheet: self.grid.sheet.clone(), cell: first.name, text })
    }

    fn headings_in(&self, row: Range<usize>) -> Result<Vec<Heading>, Refusal> {
        let heading = |cell: Cell<'_>| match cell.text() {
            Ok(text) => Ok(Heading { name: cell.name, text: text.trim().to_owned() }),
            Err(fault) => Err(self.grid.refuse(cell.name, &fault.to_string())),
        };
        self.filled(&row).map(heading).collect()
    }

    /// Refuses a value that stands under no heading.
    fn check_columns(&self) -> Result<(), Refusal> {
        let columns: BTreeSet<u32> = self.headings.iter().map(|heading| heading.name.column).collect();
        for row in &self.rows {
            let mut others = self.filled(row).filter(|cell| !columns.contains(&cell.name.column));
            if let Some(cell) = others.next() {
                return Err(Refusal::NoHeading { sheet: self.grid.sheet.clone(), cell: cell.name });
            }
        }
        Ok(())
    }

    /// Refuses merged cells over the list: a person sees the value in every row, and one row stores it.
    fn check_merges(&self) -> Result<(), Refusal> {
        let (Some(first), Some(last)) = (self.headings.first(), self.headings.last()) else {
            return Ok(());
        };
        let bottom = self.rows().last().map_or(first.name.row, |row| row.number);
        let is_over = |area: &&Area| {
            area.last.row >= first.name.row
                && area.first.row <= bottom
                && area.last.column >= first.name.column
                && area.first.column <= last.name.column
        };
        let Some(area) = self.grid.layout.merges.iter().filter(is_over).min_by_key(|area| area.first) else {
            return Ok(());
        };
        let mut covered = area.first;
        if area.last.row > covered.row {
            covered.row += 1;
        } else {
            covered.column += 1;
        }
        let reason = format!("covered by the merged cell {area}; unmerge it and fill in every row");
        Err(self.grid.refuse(covered, &reason))
    }
}

/// Removes cells that the sheet hides, and total rows of tables.
fn leave_out(grid: &mut Grid) -> Vec<Note> {
    let (mut hidden_rows, mut hidden_columns, mut totals) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let Grid { cells, layout, .. } = grid;
    cells.retain(|cell| {
        let CellName { row, column } = cell.name;
        let is_hidden_row = layout.hidden_rows.contains(&row);
        let is_hidden_column = layout.hidden_columns.contains(&column);
        let is_total = layout.total_rows.contains(&row);
        if is_hidden_row {
            hidden_rows.insert(row);
        }
        if is_hidden_column {
            hidden_columns.insert(column);
        }
        if is_total && !is_hidden_row {
            totals.insert(row);
        }
        !is_hidden_row && !is_hidden_column && !is_total
    });
    let notes = [
        (hidden_rows.len(), Note::HiddenRows(hidden_rows.len())),
        (hidden_columns.len(), Note::HiddenColumns(hidden_columns.len())),
        (totals.len(), Note::TotalRows(totals.len())),
    ];
    notes.into_iter().filter(|(count, _)| *count > 0).map(|(_, note)| note).collect()
}
