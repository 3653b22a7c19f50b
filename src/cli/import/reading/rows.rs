//! The rows of a file, many in one buffer. They stay in memory until the server has replied: a lost
//! connection sends them again, and a failed row is written out unchanged.

/// Rows of the file, each with its line and its cells. A row of NDJSON has one cell.
#[derive(Debug, Default)]
pub struct Rows {
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Mark {
    line: u64,
    /// Where the row starts in `text`, and the range of its cells in `ends`.
    start: usize,
    first: usize,
    last: usize,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub line: u64,
    text: &'a str,
    start: usize,
    ends: &'a [usize],
}

impl Rows {
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    pub fn get(&self, row: usize) -> Option<Row<'_>> {
        let mark = self.marks.get(row)?;
        let ends = self.ends.get(mark.first..mark.last)?;
        Some(Row { line: mark.line, text: &self.text, start: mark.start, ends })
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).filter_map(|row| self.get(row))
    }
}

impl<'a> Row<'a> {
    pub fn width(&self) -> usize {
        self.ends.len()
    }

    /// The row with its first `width` cells only.
    pub fn first(self, width: usize) -> Self {
        Self { ends: self.ends.get(..width).unwrap_or(self.ends), ..self }
    }

    pub fn cells(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let text = self.text;
        let mut start = self.start;
        self.ends.iter().map(move |&end| {
            // Cells are known to begin and end on character boundaries.
            let cell = text.get(start..end).unwrap_or_default();
            start = end;
            cell
        })
    }
}

/// Collects rows as bytes and checks them all at once.
#[derive(Debug, Default)]
pub struct Collector {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    marks: Vec<Mark>,
}

/// A cell that is not UTF-8: its line, and its index in the row.
#[derive(Debug, PartialEq, Eq)]
pub struct NotUtf8 {
    pub line: u64,
    pub cell: usize,
}

impl Collector {
    pub fn push<'c>(&mut self, line: u64, cells: impl IntoIterator<Item = &'c [u8]>) {
        let (start, first) = (self.bytes.len(), self.ends.len());
        for cell in cells {
            self.bytes.extend_from_slice(cell);
            self.ends.push(self.bytes.len());
        }
        self.marks.push(Mark { line, start, first, last: self.ends.len() });
    }

    pub fn rows(&self) -> usize {
        self.marks.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The collected rows; leaves an empty collector with the same capacity.
    pub fn finish(&mut self) -> Result<Rows, NotUtf8> {
        let bytes = take(&mut self.bytes);
        let ends = take(&mut self.ends);
        let marks = take(&mut self.marks);
        match String::from_utf8(bytes) {
            // Two halves of a character in adjacent cells form valid text, although the cells are invalid.
            Ok(text) => match ends.iter().position(|&end| !text.is_char_boundary(end)) {
                None => Ok(Rows { text, ends, marks }),
                Some(cell) => Err(locate(&marks, cell)),
            },
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(locate(&marks, ends.partition_point(|&end| end <= at)))
            }
        }
    }
}

fn take<T>(full: &mut Vec<T>) -> Vec<T> {
    let capacity = full.capacity();
    std::mem::replace(full, Vec::with_capacity(capacity))
}

fn locate(marks: &[Mark], cell: usize) -> NotUtf8 {
    let row = marks.iter().find(|mark| cell < mark.last);
    row.map_or(NotUtf8 { line: 0, cell: 0 }, |mark| NotUtf8 { line: mark.line, cell: cell - mark.first })
}

#[cfg(test)]
mod tests {
    use super::{Collector, NotUtf8};

    #[test]
    fn rows_come_back_cell_by_cell() {
        let mut collector = Collector::default();
        collector.push(2, [&b"a"[..], b"", "é".as_bytes()]);
        collector.push(3, []);
        collector.push(7, [&b"xyz"[..]]);
        let rows = collector.finish().unwrap();
        let cells: Vec<(u64, Vec<&str>)> = rows.iter().map(|row| (row.line, row.cells().collect())).collect();
        assert_eq!(cells, [(2, vec!["a", "", "é"]), (3, vec![]), (7, vec!["xyz"])]);
        assert_eq!(collector.rows(), 0);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_located() {
        let mut collector = Collector::default();
        collector.push(2, [&b"a"[..], b"b"]);
        collector.push(3, [&b"a"[..], b"b\xff"]);
        assert_eq!(collector.finish().unwrap_err(), NotUtf8 { line: 3, cell: 1 });
    }

    #[test]
    fn a_character_torn_between_two_cells_is_found() {
        let mut collector = Collector::default();
        collector.push(2, [&b"a\xc3"[..], b"\xa9b"]);
        assert_eq!(collector.finish().unwrap_err(), NotUtf8 { line: 2, cell: 0 });
    }
}
