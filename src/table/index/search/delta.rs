//! The moves that the stored search sets lack.

use std::sync::Arc;

use crate::table::index::search::moves::WordMoves;

/// Moves of up to this many rows are copied together; longer ones are shared with their batch.
const TOGETHER: usize = 512;

/// Moves since the last checkpoint, in order, oldest first.
#[derive(Debug, Default)]
pub struct Delta {
    /// The moves that a running checkpoint writes.
    frozen: Vec<Arc<WordMoves>>,
    active: Vec<Arc<WordMoves>>,
    /// The rows of the active moves.
    rows: usize,
}

impl Delta {
    /// Adds the moves of a batch.
    pub fn add(&mut self, moves: &Arc<WordMoves>) {
        if moves.is_empty() {
            return;
        }
        self.rows += moves.len();
        match self.active.last_mut() {
            Some(last) if last.len() + moves.len() <= TOGETHER => Arc::make_mut(last).append(moves),
            _ => self.active.push(Arc::clone(moves)),
        }
    }

    /// The rows whose moves wait for a checkpoint.
    pub fn waiting(&self) -> usize {
        self.rows
    }

    /// All moves, in order.
    pub fn iter(&self) -> impl Iterator<Item = &WordMoves> {
        self.frozen.iter().chain(&self.active).map(Arc::as_ref)
    }

    /// Freezes the moves for a checkpoint. New ones are added after them.
    pub fn freeze(&mut self) -> Vec<Arc<WordMoves>> {
        self.rows = 0;
        self.frozen = std::mem::take(&mut self.active);
        self.frozen.clone()
    }

    /// Drops the frozen moves after a checkpoint, if they were `written`.
    pub fn thaw(&mut self, written: bool) {
        let mut frozen = std::mem::take(&mut self.frozen);
        if !written {
            self.rows += frozen.iter().map(|moves| moves.len()).sum::<usize>();
            frozen.append(&mut self.active);
            self.active = frozen;
        }
    }
}
