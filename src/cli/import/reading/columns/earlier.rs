//! The cells that an earlier import added to a failed row, to say why it failed.

use super::Columns;
use crate::cli::import::failure::EarlierFailure;
use crate::cli::import::reading::rows::Row;

impl Columns {
    /// The row without the cells that an earlier import added; `None` if they are missing.
    pub fn own<'a>(&self, row: Row<'a>) -> Option<Row<'a>> {
        self.split(row).map(|(own, _)| own)
    }

    /// The row without those cells, and what they state; `None` if they are missing but the header has them.
    /// Spreadsheets pad rows with empty cells, so empty cells at the end are skipped.
    pub fn split<'a>(&self, row: Row<'a>) -> Option<(Row<'a>, Option<EarlierFailure<'a>>)> {
        if !self.has_failures {
            return Some((row, None));
        }
        let cells: Vec<&str> = row.cells().collect();
        let mut rest = cells.as_slice();
        loop {
            let (own, [line, reason, _, message]) = rest.split_last_chunk::<4>()?;
            if is_line(line) && is_reason(reason) {
                return Some((row.first(own.len()), Some(EarlierFailure { reason, message })));
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
