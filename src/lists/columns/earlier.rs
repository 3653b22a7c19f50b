//! The cells that an earlier import added to a failed row, to say why it failed.

use super::Columns;
use super::failure::Earlier;

impl Columns {
    /// How many of the cells are the row's own, and what the others state; `None` if those are missing but
    /// the header has them. Spreadsheets pad rows with empty cells, so empty cells at the end are skipped.
    pub(in crate::lists) fn split(&self, cells: &[&str]) -> Option<(usize, Option<Earlier>)> {
        if !self.has_failures {
            return Some((cells.len(), None));
        }
        let mut rest = cells;
        loop {
            let (own, [line, reason, _, message]) = rest.split_last_chunk::<4>()?;
            if is_line(line) && is_reason(reason) {
                let earlier = Earlier { reason: (*reason).to_owned(), message: (*message).to_owned() };
                return Some((own.len(), Some(earlier)));
            }
            rest = rest.split_last().filter(|(last, _)| last.is_empty())?.1;
        }
    }
}

fn is_line(cell: &str) -> bool {
    !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_reason(cell: &str) -> bool {
    !cell.is_empty()
        && cell.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
