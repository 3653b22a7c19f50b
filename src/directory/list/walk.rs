//! Walks over the rows that can match, chunk by chunk.

use super::narrow::{Narrowed, join, split};
use super::part::Part;
use crate::compute::Stretch;
use crate::model::{Direction, Row};
use crate::table::Chunk;

/// A walk in progress.
pub struct Walk<'a> {
    narrowed: &'a Narrowed,
    direction: Direction,
    /// The chunks that were not begun yet.
    chunks: std::vec::IntoIter<u64>,
    /// The current chunk, and its rows that were not taken yet.
    chunk: u64,
    rows: Chunk,
    stretch: Stretch,
}

impl<'a> Walk<'a> {
    /// Begins where `part` does.
    pub async fn new(narrowed: &'a Narrowed, part: &Part) -> Self {
        let mut all = narrowed.chunks();
        let direction = part.direction;
        let walk = |chunks: Vec<u64>| Self {
            narrowed,
            direction,
            chunks: chunks.into_iter(),
            chunk: 0,
            rows: Chunk::new(),
            stretch: Stretch::default(),
        };
        let Some((chunk, place)) = part.after.map(split) else { return walk(all) };
        all.retain(|number| match direction {
            Direction::Ascending => *number > chunk,
            Direction::Descending => *number < chunk,
        });
        let mut walk = walk(all);
        walk.chunk = chunk;
        walk.rows = narrowed.chunk(chunk, &mut walk.stretch).await;
        match direction {
            Direction::Ascending => {
                walk.rows.remove_range(..=place);
            }
            Direction::Descending => {
                walk.rows.remove_range(place..);
            }
        }
        walk
    }

    /// Moves on to the next chunk that has rows, if the current one has none left. Whether there are more
    /// rows.
    pub async fn has_more(&mut self) -> bool {
        while self.rows.is_empty() {
            let next = match self.direction {
                Direction::Ascending => self.chunks.next(),
                Direction::Descending => self.chunks.next_back(),
            };
            let Some(next) = next else { return false };
            self.chunk = next;
            self.rows = self.narrowed.chunk(next, &mut self.stretch).await;
        }
        true
    }

    /// Skips `count` rows, by counting bits.
    pub async fn skip(&mut self, mut count: u64) {
        while count > 0 && self.has_more().await {
            let here = self.rows.len();
            if here <= count {
                self.rows.clear();
                count -= here;
                continue;
            }
            self.remove(count);
            count = 0;
        }
    }

    /// The next rows, up to `count` of them; empty at the end.
    pub async fn take(&mut self, count: usize) -> Vec<Row> {
        if !self.has_more().await {
            return Vec::new();
        }
        let chunk = self.chunk;
        let rows: Vec<Row> = match self.direction {
            Direction::Ascending => self.rows.iter().take(count).map(|place| join(chunk, place)).collect(),
            Direction::Descending => {
                self.rows.iter().rev().take(count).map(|place| join(chunk, place)).collect()
            }
        };
        self.remove(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        rows
    }

    /// Removes the next `count` rows of the current chunk.
    fn remove(&mut self, count: u64) {
        match self.direction {
            Direction::Ascending => self.rows.remove_smallest(count),
            Direction::Descending => self.rows.remove_biggest(count),
        }
    }
}
