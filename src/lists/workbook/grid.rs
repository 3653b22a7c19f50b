//! The filled cells of one sheet, before it is known which of them are headings.

use std::collections::BTreeSet;
use std::fmt;

use super::cell::{CellName, Value};
use super::format::Format;
use super::limits::{CELL_CHARS, Limits};
use super::refusal::Refusal;

/// A filled cell.
#[derive(Debug)]
pub(super) struct Stored {
    pub name: CellName,
    pub is_formula: bool,
    pub value: Value,
}

/// A range of cells, its last row and column included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub first: CellName,
    pub last: CellName,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.first, self.last)
    }
}

/// What a sheet hides or does not count, and its merged cells. Rows are counted from 1, columns from 0.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub hidden_rows: BTreeSet<u32>,
    pub hidden_columns: BTreeSet<u32>,
    pub total_rows: BTreeSet<u32>,
    pub merges: Vec<Area>,
}

/// The filled cells of a sheet, sorted by row and column.
#[derive(Debug)]
pub(super) struct Grid {
    pub sheet: String,
    pub cells: Vec<Stored>,
    pub texts: String,
    pub formats: Vec<Format>,
    pub layout: Layout,
}

impl Grid {
    pub(super) fn new(sheet: &str, formats: Vec<Format>, layout: Layout) -> Self {
        Self { sheet: sheet.to_owned(), cells: Vec::new(), texts: String::new(), formats, layout }
    }

    /// Adds a cell. Cells come in order.
    pub(super) fn push(
        &mut self,
        name: CellName,
        is_formula: bool,
        value: Value,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        if self.cells.last().is_some_and(|last| last.name >= name) {
            return Err(self.refuse(name, "the cell is stored twice or out of order"));
        }
        self.push_anywhere(name, is_formula, value, limits)
    }

    /// Adds a cell in any order. The grid must be [`sorted`](Self::sorted) in the end.
    pub(super) fn push_anywhere(
        &mut self,
        name: CellName,
        is_formula: bool,
        value: Value,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        if self.cells.len() == limits.cells {
            return Err(too_many_cells(&self.sheet, limits));
        }
        self.cells.push(Stored { name, is_formula, value });
        Ok(())
    }

    /// The grid with its cells in order.
    pub(super) fn sorted(mut self) -> Result<Self, Refusal> {
        self.cells.sort_unstable_by_key(|cell| cell.name);
        let mut pairs = self.cells.iter().zip(self.cells.iter().skip(1));
        match pairs.find(|(cell, next)| cell.name == next.name) {
            Some((cell, _)) => Err(self.refuse(cell.name, "the cell is stored twice")),
            None => Ok(self),
        }
    }

    /// Adds a text, with line feeds as its line breaks.
    pub(super) fn text(&mut self, name: CellName, text: &str, limits: &Limits) -> Result<Value, Refusal> {
        let start = self.texts.len();
        if text.chars().count() > CELL_CHARS {
            return Err(self.refuse(name, &format!("the text is longer than {CELL_CHARS} characters")));
        }
        if text.len() > limits.text.saturating_sub(start) {
            let what = format!("the text of sheet \"{}\"", self.sheet);
            return Err(Refusal::too_large(what, format!("{} bytes", limits.text)));
        }
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => {
                    chars.next_if_eq(&'\n');
                    self.texts.push('\n');
                }
                '\n' | '\t' => self.texts.push(c),
                c if c.is_control() => {
                    let reason = format!("the text holds the control character U+{:04X}", u32::from(c));
                    return Err(self.refuse(name, &reason));
                }
                c => self.texts.push(c),
            }
        }
        let place = |at: usize| {
            u32::try_from(at).map_err(|_| self.refuse(name, "the texts of the sheet take more than 4 GiB"))
        };
        Ok(Value::Text { start: place(start)?, end: place(self.texts.len())? })
    }

    pub(super) fn refuse(&self, cell: CellName, reason: &str) -> Refusal {
        Refusal::Cell { sheet: self.sheet.clone(), cell, reason: reason.to_owned() }
    }
}

pub(super) fn too_many_cells(sheet: &str, limits: &Limits) -> Refusal {
    Refusal::too_large(format!("the number of filled cells of sheet \"{sheet}\""), limits.cells.to_string())
}
