//! The moves that the stored search sets lack.

use std::sync::Arc;

use crate::table::index::search::moves::WordMoves;

/// Moves of up to this many rows are kept together.
const TOGETHER: usize = 512;

/// Moves since the last checkpoint, in order, oldest first.
#[derive(Debug, Default)]
pub struct Delta {
    /// The moves that a running checkpoint writes.
    frozen: Vec<Arc<WordMoves>>,
    active: Vec<Arc<WordMoves>>,
    /// What the active moves weigh.
    weight: usize,
}

impl Delta {
    /// Adds the moves of a batch.
    pub fn add(&mut self, moves: &Arc<WordMoves>) {
        if moves.is_empty() {
            return;
        }
        self.weight += moves.weight();
        match self.active.last_mut() {
            Some(last) if last.len() + moves.len() <= TOGETHER => Arc::make_mut(last).append(moves),
            // A copy keeps no room for more.
            _ => self.active.push(Arc::new(WordMoves::clone(moves))),
        }
    }

    /// What the moves that wait for a checkpoint weigh.
    pub fn waiting(&self) -> usize {
        self.weight
    }

    /// All moves, in order.
    pub fn iter(&self) -> impl Iterator<Item = &WordMoves> {
        self.frozen.iter().chain(&self.active).map(Arc::as_ref)
    }

    /// Freezes the moves for a checkpoint. New ones are added after them.
    pub fn freeze(&mut self) -> Vec<Arc<WordMoves>> {
        self.weight = 0;
        self.frozen = std::mem::take(&mut self.active);
        self.frozen.clone()
    }

    /// Drops the frozen moves after a checkpoint, if they were `written`.
    pub fn thaw(&mut self, written: bool) {
        let mut frozen = std::mem::take(&mut self.frozen);
        if !written {
            self.weight += frozen.iter().map(|moves| moves.weight()).sum::<usize>();
            frozen.append(&mut self.active);
            self.active = frozen;
        }
    }
}
