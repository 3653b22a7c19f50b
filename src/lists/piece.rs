//! Rows that lie together in memory. A row by itself would take two allocations, which another thread than
//! the one that made them gives back.

use std::ops::Range;
use std::sync::Arc;

use super::list::List;
use super::text;
use super::workbook::CellFault;

/// The bytes of text for which a piece has room for a cell, and for a row, at first.
const CELL_BYTES: usize = 8;
const ROW_BYTES: usize = 128;

/// Rows of one list.
#[derive(Debug)]
pub struct Piece {
    list: Arc<List>,
    text: String,
    /// Where each cell ends in the text of its row.
    ends: Vec<u32>,
    rows: Vec<Place>,
    /// Cells of a spreadsheet that cannot be read, by row and cell, in order. Their text is `#ERROR!`.
    faults: Vec<(usize, usize, CellFault)>,
}

/// Where a row begins in its piece.
#[derive(Debug)]
struct Place {
    number: u64,
    text: u32,
    ends: u32,
}

impl Piece {
    /// No rows yet, with room for so many bytes of text.
    pub fn new(list: Arc<List>, room: usize) -> Self {
        Self {
            list,
            text: String::with_capacity(room),
            ends: Vec::with_capacity(room / CELL_BYTES),
            rows: Vec::with_capacity(room / ROW_BYTES),
            faults: Vec::new(),
        }
    }

    /// Adds a row: its cells with one byte between two of them, and where each ends.
    pub fn add(&mut self, number: u64, text: &str, ends: &[u32]) {
        let place = Place { number, text: text::short(self.text.len()), ends: text::short(self.ends.len()) };
        self.rows.push(place);
        self.text.push_str(text);
        self.ends.extend_from_slice(ends);
    }

    /// Says that these cells of the row that was added last cannot be read.
    pub fn add_faults(&mut self, faults: Vec<(usize, CellFault)>) {
        let row = self.rows.len().saturating_sub(1);
        self.faults.extend(faults.into_iter().map(|(cell, fault)| (row, cell, fault)));
    }

    /// What its rows have in common.
    pub fn list(&self) -> &List {
        &self.list
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The bytes of all its rows.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The number of the row at this index.
    pub fn number(&self, at: usize) -> u64 {
        self.rows.get(at).map_or(0, |row| row.number)
    }

    /// The text of the row at this index: its cells, with one byte between two of them.
    pub fn text(&self, at: usize) -> &str {
        self.text.get(self.range(at, |row| row.text, self.text.len())).unwrap_or_default()
    }

    /// Where each cell ends in that text.
    pub fn ends(&self, at: usize) -> &[u32] {
        self.ends.get(self.range(at, |row| row.ends, self.ends.len())).unwrap_or_default()
    }

    /// The cells of the row at this index that cannot be read.
    pub fn faults(&self, at: usize) -> impl Iterator<Item = (usize, &CellFault)> {
        let first = self.faults.partition_point(|(row, ..)| *row < at);
        let faults = self.faults.iter().skip(first).take_while(move |(row, ..)| *row == at);
        faults.map(|(_, cell, fault)| (*cell, fault))
    }

    /// From where the row at this index begins to where the next one does.
    fn range(&self, at: usize, begin: impl Fn(&Place) -> u32, end: usize) -> Range<usize> {
        let place = |at: usize| self.rows.get(at).and_then(|row| usize::try_from(begin(row)).ok());
        place(at).unwrap_or(end)..place(at + 1).unwrap_or(end)
    }
}
