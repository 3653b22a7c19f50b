//! Reads the rows of a CSV file.
//!
//! [`Splitter`] cuts the rows, and rejects what it would have to guess. Blank rows are skipped.

use std::io::Read;

use crate::cli::Error;

use super::limits::READ_AHEAD;
use super::rows::Collector;
use super::split::{Fault, Splitter};

pub const BOM: &[u8] = b"\xef\xbb\xbf";
/// The longest line `sep=;`, in bytes, with its quotes and line break.
const SEP_LINE_BYTES: usize = 16;

/// Reads rows one by one, whatever their width.
pub struct CsvRows<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The part of the buffer that is filled but not consumed yet.
    from: usize,
    to: usize,
    /// How many bytes of the file were taken.
    offset: u64,
    delimiter: u8,
    named_delimiter: bool,
    has_mark: bool,
    splitter: Splitter,
}

impl<R: Read> CsvRows<R> {
    pub fn new(reader: R, delimiter: u8) -> Self {
        Self {
            reader,
            buffer: vec![0; READ_AHEAD],
            from: 0,
            to: 0,
            offset: 0,
            delimiter,
            named_delimiter: false,
            has_mark: false,
            splitter: Splitter::new(delimiter, 1),
        }
    }

    /// The column names. A byte order mark before them is skipped, and a line `sep=;` sets the delimiter.
    pub fn header(&mut self) -> Result<Vec<String>, Error> {
        self.begin()?;
        if !self.read()? {
            return Err(Error::Data("the file is empty: its first line must name the columns".into()));
        }
        let names = self.splitter.cells().map(|name| String::from_utf8(name.to_vec()));
        names.collect::<Result<_, _>>().map_err(|_| Error::Data(not_utf8(self.line(), "")))
    }

    /// The line where the last row begins.
    pub fn line(&self) -> u64 {
        self.splitter.row_line()
    }

    /// The delimiter, and whether the file itself sets it.
    pub fn delimiter(&self) -> (u8, bool) {
        (self.delimiter, self.named_delimiter)
    }

    /// Whether the file begins with a byte order mark.
    pub fn has_mark(&self) -> bool {
        self.has_mark
    }

    /// From now on, treats a backslash before a quote as text.
    pub fn take_backslash(&mut self) {
        self.splitter.take_backslash();
    }

    /// Moves the next row into `rows`; false at the end of the file.
    pub fn next(&mut self, rows: &mut Collector) -> Result<bool, Error> {
        let is_row = self.read()?;
        if is_row {
            rows.push(self.line(), self.splitter.cells());
        }
        Ok(is_row)
    }

    /// How many bytes of the file were taken.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Consumes what may come before the header.
    fn begin(&mut self) -> Result<(), Error> {
        while self.to - self.from < BOM.len() + SEP_LINE_BYTES && self.fill()? {}
        check_encoding(self.unread())?;
        if self.unread().starts_with(BOM) {
            self.advance(BOM.len());
            self.has_mark = true;
        }
        if let Some((delimiter, bytes)) = sep_line(self.unread()) {
            self.advance(bytes);
            self.delimiter = delimiter;
            self.named_delimiter = true;
            self.splitter = Splitter::new(delimiter, 2);
        }
        Ok(())
    }

    /// Reads up to the end of the next row that is not blank.
    fn read(&mut self) -> Result<bool, Error> {
        loop {
            if !self.read_any()? {
                return Ok(false);
            }
            let is_blank = std::str::from_utf8(self.splitter.text()).is_ok_and(|text| text.trim().is_empty());
            if !is_blank {
                return Ok(true);
            }
        }
    }

    fn read_any(&mut self) -> Result<bool, Error> {
        loop {
            let unread = self.buffer.get(self.from..self.to).unwrap_or_default();
            let (taken, is_whole) = self.splitter.take(unread).map_err(refused)?;
            self.advance(taken);
            if is_whole {
                return Ok(true);
            }
            if !self.fill()? {
                return self.splitter.end().map_err(refused);
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.from += bytes;
        self.offset += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Fills the buffer; false at the end of the file.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
        let room = self.buffer.get_mut(self.to..).unwrap_or_default();
        let read = loop {
            match self.reader.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result.map_err(Error::file("read", "the input".as_ref()))?,
            }
        };
        self.to += read;
        Ok(read > 0)
    }
}

fn refused(fault: Fault) -> Error {
    Error::Data(fault.to_string())
}

/// The delimiter that a line `sep=;` sets, quoted or not, and the length of the line in bytes.
fn sep_line(bytes: &[u8]) -> Option<(u8, usize)> {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = bytes.get(..end)?;
    let bare = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (key, value) = bare.split_at_checked(4)?;
    let [delimiter] = *value else { return None };
    if !key.eq_ignore_ascii_case(b"sep=") || !is_delimiter(delimiter) {
        return None;
    }
    let is_crlf = bytes.get(end..)?.starts_with(b"\r\n");
    Some((delimiter, end + 1 + usize::from(is_crlf)))
}

/// Whether the byte can separate cells.
pub fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n')
}

/// Rejects a file that begins like UTF-16, with or without a byte order mark.
pub fn check_encoding(start: &[u8]) -> Result<(), Error> {
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..] => Err(Error::Data(
            "the file is UTF-16; save it as UTF-8 (spreadsheets call that \"CSV UTF-8\") and try again"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The error for a line that is not valid UTF-8.
pub fn not_utf8(line: u64, column: &str) -> String {
    let column = if column.is_empty() { String::new() } else { format!(", column {column:?}") };
    format!("line {line}{column}: not valid UTF-8; save the file as UTF-8 and try again")
}

#[cfg(test)]
mod tests {
    use super::CsvRows;
    use crate::cli::import::reading::limits::{MAX_ROW_BYTES, READ_AHEAD};
    use crate::cli::import::reading::rows::{Collector, Rows};

    /// The rows below the header.
    fn read(text: &str) -> Rows {
        let mut reader = CsvRows::new(text.as_bytes(), b',');
        reader.header().unwrap();
        let mut rows = Collector::default();
        while reader.next(&mut rows).unwrap() {}
        rows.finish().unwrap()
    }

    #[test]
    fn every_row_knows_the_line_where_it_starts() {
        for newline in ["\n", "\r\n", "\r"] {
            let text = ["ref,tier", "a,x", "b,\"two\nlines\"", "c,x", "", "", "d,x", "e,x"].join(newline);
            let lines: Vec<u64> = read(&text).iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 3, 5, 8, 9], "{newline:?}");
            let long = format!("ref{newline}{}", format!("a{newline}").repeat(READ_AHEAD));
            let lines: Vec<u64> = read(&long).iter().map(|row| row.line).collect();
            assert!(lines.iter().copied().eq(2..2 + READ_AHEAD as u64), "{newline:?}");
        }
    }

    #[test]
    fn rows_in_which_nothing_is_written_are_left_out_and_counted_as_lines() {
        let lines: Vec<u64> =
            read("ref,tier\n,\n  ,\t\n\"\",\"\n\"\n\u{a0}\na,x\n,,,,\n").iter().map(|row| row.line).collect();
        assert_eq!(lines, [7]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        for text in ["\u{feff}ref\na\n", "\u{feff}\"ref\"\na\n"] {
            assert_eq!(CsvRows::new(text.as_bytes(), b',').header().unwrap(), ["ref"]);
        }
    }

    #[test]
    fn a_line_that_names_the_delimiter_is_believed_and_counted() {
        for (text, delimiter) in [
            ("sep=;\r\nref;tier\r\na;x\r\n", b';'),
            ("\u{feff}SEP=|\nref|tier\na|x", b'|'),
            ("\"sep=\t\"\rref\ttier\ra\tx\r", b'\t'),
        ] {
            let mut reader = CsvRows::new(text.as_bytes(), b',');
            assert_eq!(reader.header().unwrap(), ["ref", "tier"], "{text:?}");
            assert_eq!(reader.delimiter(), (delimiter, true));
            let mut rows = Collector::default();
            assert!(reader.next(&mut rows).unwrap());
            assert_eq!(rows.finish().unwrap().get(0).unwrap().line, 3, "{text:?}");
            assert!(!reader.next(&mut rows).unwrap());
            assert_eq!(reader.offset(), u64::try_from(text.len()).unwrap());
        }
        for text in ["sep=\nref", "sep=;;\nref", "sep=\"\nref", "sep;\nref"] {
            let header = CsvRows::new(text.as_bytes(), b',').header().unwrap();
            assert_eq!(header, [text.lines().next().unwrap()], "{text:?}");
        }
    }

    #[test]
    fn a_missing_quote_does_not_swallow_the_file() {
        let text = format!("ref,tier\na,\"x\n{}", "b,y\n".repeat(MAX_ROW_BYTES));
        let mut reader = CsvRows::new(text.as_bytes(), b',');
        reader.header().unwrap();
        let error = reader.next(&mut Collector::default()).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains("quote"), "{error}");
    }

    #[test]
    fn an_empty_file_and_a_header_in_another_encoding_are_refused() {
        assert!(CsvRows::new(&b""[..], b',').header().is_err());
        assert!(CsvRows::new(&b"\xef\xbb\xbf\n , \n"[..], b',').header().is_err());
        let error = CsvRows::new(&b"ref,pr\xe9nom\n"[..], b',').header().unwrap_err().to_string();
        assert!(error.starts_with("line 1: not valid UTF-8"), "{error}");
    }
}
