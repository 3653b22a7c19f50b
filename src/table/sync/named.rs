//! The members that the rows of a list name.

use foldhash::HashMap;

use crate::model::Row;

/// The rows of a page: a member in a page takes 4 bytes, and a page 16 KiB.
const PAGE_ROWS: usize = 4096;

/// For each member that a row of the list names, the first line that does.
#[derive(Debug, Default)]
pub struct Named(HashMap<u64, Box<[u32]>>);

impl Named {
    /// The first line that names the member at `row`.
    pub fn line_of(&self, row: Row) -> Option<u64> {
        let (page, slot) = place(row);
        let line = self.0.get(&page)?.get(slot).copied()?;
        (line > 0).then(|| u64::from(line))
    }

    /// Notes that a line names the member at `row`. Lines count from 1; the highest are not told apart.
    pub fn add(&mut self, row: Row, line: u64) {
        let (page, slot) = place(row);
        let lines = self.0.entry(page).or_insert_with(|| vec![0; PAGE_ROWS].into_boxed_slice());
        if let Some(first) = lines.get_mut(slot).filter(|first| **first == 0) {
            *first = u32::try_from(line.max(1)).unwrap_or(u32::MAX);
        }
    }
}

fn place(row: Row) -> (u64, usize) {
    let rows = PAGE_ROWS as u64;
    (row.0 / rows, usize::try_from(row.0 % rows).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_names_a_member_stays() {
        let mut named = Named::default();
        for (row, line) in [(0, 7), (4095, 1), (4096, 2), (1 << 40, 3), (4096, 9), (5, u64::MAX)] {
            named.add(Row(row), line);
        }
        let lines = [0, 4095, 4096, 1 << 40, 5, 1, 1 << 41].map(|row| named.line_of(Row(row)));
        assert_eq!(lines, [Some(7), Some(1), Some(2), Some(3), Some(u64::from(u32::MAX)), None, None]);
    }
}
