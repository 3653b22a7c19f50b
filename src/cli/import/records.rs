//! Reading the records of a CSV file.

use std::io::{self, Read};

use crate::cli::Error;

use super::rows::Collector;
use super::{MAX_ROW_BYTES, READ_AHEAD};

/// Reads records one by one, whatever their width.
pub struct Records<R> {
    reader: csv::Reader<Limited<R>>,
    record: csv::ByteRecord,
}

/// Fails when a single record goes on and on, as it does when a closing quote is missing.
/// Keeps a copy of what it read last, because the line of a record follows from the byte that ended it.
struct Limited<R> {
    inner: R,
    left: usize,
    copy: Vec<u8>,
    /// Where the copy ends in the file.
    end: u64,
}

const LIMIT: usize = MAX_ROW_BYTES + READ_AHEAD;

impl<R: Read> Records<R> {
    pub fn new(inner: R, delimiter: u8) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(READ_AHEAD)
            .from_reader(Limited { inner, left: LIMIT, copy: Vec::new(), end: 0 });
        Self { reader, record: csv::ByteRecord::new() }
    }

    /// The first record as text.
    pub fn header(&mut self) -> Result<Vec<String>, Error> {
        if !self.read()? {
            return Err(Error::Data("the file is empty: its first line must name the columns".into()));
        }
        let names = self.record.iter().map(|name| String::from_utf8(name.to_vec()));
        names.collect::<Result<_, _>>().map_err(|_| Error::Data(not_utf8(self.line(), "")))
    }

    /// Moves the next record into `rows`; false at the end of the file.
    pub fn next(&mut self, rows: &mut Collector) -> Result<bool, Error> {
        if !self.read()? {
            return Ok(false);
        }
        rows.push(self.line(), self.record.iter());
        Ok(true)
    }

    /// How many bytes of the file were taken.
    pub fn offset(&self) -> u64 {
        self.reader.position().byte()
    }

    fn read(&mut self) -> Result<bool, Error> {
        self.reader.get_mut().left = LIMIT;
        let before = self.reader.position().line();
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => Error::Data(format!(
                "line {before}: the row is longer than {MAX_ROW_BYTES} bytes; is a closing quote missing?"
            )),
            csv::ErrorKind::Io(error) => Error::file("read", "the input".as_ref())(error),
            other => Error::Data(format!("line {before}: {other:?}")),
        })
    }

    /// Where the record starts. The reader itself counts empty lines before a record, and the LF of a CRLF, as part of it.
    fn line(&self) -> u64 {
        let position = self.reader.position();
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count();
        let ended = self.reader.get_ref().before(position.byte()) == Some(b'\n');
        position.line().saturating_sub(u64::try_from(inside).unwrap_or(0) + u64::from(ended))
    }
}

impl<R> Limited<R> {
    /// The last byte before a place in the file, if it was read lately.
    fn before(&self, place: u64) -> Option<u8> {
        let back = usize::try_from(self.end.checked_sub(place)?).ok()?;
        self.copy.get(self.copy.len().checked_sub(back + 1)?).copied()
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let room = buffer.len().min(self.left);
        let read = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        if read > 0 {
            self.copy.clear();
            self.copy.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
        self.left -= read;
        self.end += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

/// What to say of a line with bytes that are no text.
pub fn not_utf8(line: u64, column: &str) -> String {
    let column = if column.is_empty() { String::new() } else { format!(", column {column:?}") };
    format!("line {line}{column}: not valid UTF-8; save the file as UTF-8 and try again")
}

#[cfg(test)]
mod tests {
    use super::Records;
    use crate::cli::import::rows::{Collector, Rows};
    use crate::cli::import::{MAX_ROW_BYTES, READ_AHEAD};

    /// The rows below the header.
    fn read(text: &str) -> Rows {
        let mut records = Records::new(text.as_bytes(), b',');
        records.header().unwrap();
        let mut rows = Collector::default();
        while records.next(&mut rows).unwrap() {}
        rows.finish().unwrap()
    }

    #[test]
    fn every_row_knows_the_line_where_it_starts() {
        for newline in ["\n", "\r\n"] {
            let text = ["ref,tier", "a,x", "b,\"two\nlines\"", "c,x", "", "", "d,x", "e,x"].join(newline);
            let lines: Vec<u64> = read(&text).iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 3, 5, 8, 9], "{newline:?}");
            let long = format!("ref{newline}{}", format!("a{newline}").repeat(READ_AHEAD));
            let lines: Vec<u64> = read(&long).iter().map(|row| row.line).collect();
            assert!(lines.iter().copied().eq(2..2 + READ_AHEAD as u64), "{newline:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        for text in ["\u{feff}ref\na\n", "\u{feff}\"ref\"\na\n"] {
            assert_eq!(Records::new(text.as_bytes(), b',').header().unwrap(), ["ref"]);
        }
    }

    #[test]
    fn a_missing_quote_does_not_swallow_the_file() {
        let text = format!("ref,tier\na,\"x\n{}", "b,y\n".repeat(MAX_ROW_BYTES));
        let mut records = Records::new(text.as_bytes(), b',');
        records.header().unwrap();
        let error = records.next(&mut Collector::default()).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains("quote"), "{error}");
    }

    #[test]
    fn an_empty_file_and_a_header_in_another_encoding_are_refused() {
        assert!(Records::new(&b""[..], b',').header().is_err());
        let error = Records::new(&b"ref,pr\xe9nom\n"[..], b',').header().unwrap_err().to_string();
        assert!(error.starts_with("line 1: not valid UTF-8"), "{error}");
    }
}
