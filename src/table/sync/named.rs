//! The members that the rows of a list name.

use foldhash::HashMap;

use crate::model::Row;

/// The rows of a page: a member in a page takes 4 bytes, and a page 16 KiB.
const PAGE_ROWS: usize = 4096;

/// Marks that the line finds its member. Without it, the line only has a key of the member.
const FINDS: u32 = 1 << 31;

/// For each member that a row of the list names, the first line that finds it, or if none does, the first
/// that names it.
#[derive(Debug, Default)]
pub struct Named(HashMap<u64, Box<[u32]>>);

impl Named {
    /// Whether a line names the member at `row`.
    pub fn has(&self, row: Row) -> bool {
        self.get(row) > 0
    }

    /// The first line that finds the member at `row`.
    pub fn finder(&self, row: Row) -> Option<u64> {
        let entry = self.get(row);
        (entry & FINDS > 0).then(|| u64::from(entry & !FINDS))
    }

    /// Notes that a line finds the member at `row`.
    pub fn add_found(&mut self, row: Row, line: u64) {
        self.change(row, |entry| if entry & FINDS == 0 { short(line) | FINDS } else { entry });
    }

    /// Notes that a line names the member at `row`, whether or not it finds it.
    pub fn add(&mut self, row: Row, line: u64) {
        self.change(row, |entry| if entry == 0 { short(line) } else { entry });
    }

    fn get(&self, row: Row) -> u32 {
        let (page, slot) = place(row);
        self.0.get(&page).and_then(|lines| lines.get(slot)).copied().unwrap_or_default()
    }

    /// Changes the entry of a member.
    fn change(&mut self, row: Row, change: impl FnOnce(u32) -> u32) {
        let (page, slot) = place(row);
        let lines = self.0.entry(page).or_insert_with(|| vec![0; PAGE_ROWS].into_boxed_slice());
        if let Some(entry) = lines.get_mut(slot) {
            *entry = change(*entry);
        }
    }
}

/// Lines count from 1; the highest are not told apart.
fn short(line: u64) -> u32 {
    u32::try_from(line.max(1)).unwrap_or(u32::MAX).min(FINDS - 1)
}

fn place(row: Row) -> (u64, usize) {
    let rows = PAGE_ROWS as u64;
    (row.0 / rows, usize::try_from(row.0 % rows).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_finds_a_member_stays() {
        let mut named = Named::default();
        for (row, line) in [(0, 7), (4095, 1), (4096, 2), (1 << 40, 3), (4096, 9), (5, u64::MAX)] {
            named.add_found(Row(row), line);
        }
        let lines = [0, 4095, 4096, 1 << 40, 5, 1, 1 << 41].map(|row| named.finder(Row(row)));
        assert_eq!(lines, [Some(7), Some(1), Some(2), Some(3), Some((1 << 31) - 1), None, None]);
    }

    #[test]
    fn a_line_that_only_names_a_member_does_not_find_it() {
        let mut named = Named::default();
        named.add(Row(1), 4);
        assert_eq!((named.has(Row(1)), named.has(Row(2)), named.finder(Row(1))), (true, false, None));
        named.add_found(Row(1), 6);
        named.add(Row(1), 7);
        assert_eq!((named.has(Row(1)), named.finder(Row(1))), (true, Some(6)));
    }
}
