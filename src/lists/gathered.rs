//! Gathers the rows of one push into pieces.

use std::sync::Arc;

use super::list::List;
use super::piece::Piece;
use super::row::ListRow;
use super::workbook::CellFault;

/// Once its rows have so many bytes, a piece is whole. So a row keeps no more than that in memory, and one
/// row.
const PIECE_BYTES: usize = 32 * 1024;

/// The rows of a push. All that were added are passed on when this is dropped, also after a fault.
pub struct Gathered<'a> {
    piece: Option<Piece>,
    /// The room that a piece gets at first.
    room: usize,
    rows: &'a mut Vec<ListRow>,
}

impl<'a> Gathered<'a> {
    /// None yet, of so many bytes of a file. They are passed on to `rows`.
    pub fn new(bytes: usize, rows: &'a mut Vec<ListRow>) -> Self {
        Self { piece: None, room: bytes.min(PIECE_BYTES + PIECE_BYTES / 16), rows }
    }

    /// Adds a row: its cells with one byte between two of them, and where each ends.
    pub fn add(&mut self, list: &Arc<List>, number: u64, text: &str, ends: &[u32]) {
        self.add_faulty(list, number, text, ends, Vec::new());
    }

    /// Adds a row with cells that cannot be read.
    pub fn add_faulty(
        &mut self,
        list: &Arc<List>,
        number: u64,
        text: &str,
        ends: &[u32],
        faults: Vec<(usize, CellFault)>,
    ) {
        let piece = self.piece.get_or_insert_with(|| Piece::new(Arc::clone(list), self.room));
        piece.add(number, text, ends);
        piece.add_faults(faults);
        if piece.bytes() >= PIECE_BYTES {
            self.close();
        }
    }

    /// Passes on the rows that were added since the last whole piece.
    fn close(&mut self) {
        if let Some(piece) = self.piece.take().map(Arc::new) {
            self.rows.extend((0..piece.rows()).map(|at| ListRow::new(Arc::clone(&piece), at)));
        }
    }
}

impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
