//! The records of a table, with the delimiter that its beginning shows.

use super::delimiter;
use super::fault::TextFault;
use super::limits::MAX_ROW_BYTES;
use super::split::Splitter;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between cells.
    pub delimiter: u8,
    /// Whether the first line names the delimiter.
    pub names_delimiter: bool,
}

/// Cuts characters into records, piece by piece, and holds one record at a time. Blank records are skipped,
/// but count as lines.
#[derive(Debug)]
pub struct Records {
    given: Option<u8>,
    takes_backslash: bool,
    /// The beginning of the text, until the delimiter is known, and how much of it was cut.
    beginning: String,
    cut: usize,
    splitter: Option<Splitter>,
    dialect: Dialect,
}

impl Records {
    /// The records of a text whose delimiter is `given`, unless its first line names another one.
    pub fn new(given: Option<u8>) -> Self {
        let dialect = Dialect { delimiter: given.unwrap_or(b','), names_delimiter: false };
        Self { given, takes_backslash: false, beginning: String::new(), cut: 0, splitter: None, dialect }
    }

    /// How the text is written; known once there is a record.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// From now on, a backslash before a quote is text.
    pub fn take_backslash(&mut self) {
        self.takes_backslash = true;
        if let Some(splitter) = &mut self.splitter {
            splitter.take_backslash();
        }
    }

    /// The line of the next character, and the number of cells before it in its record.
    pub fn position(&self) -> (u64, usize) {
        match &self.splitter {
            Some(splitter) => splitter.position(),
            None => {
                let mut before = Splitter::new(0, 1);
                // A fault in the beginning is found later, and only the lines count here.
                let mut text = self.beginning.as_str();
                while let Ok((taken @ 1.., _)) = before.take(text) {
                    text = text.get(taken..).unwrap_or_default();
                }
                (before.position().0, 0)
            }
        }
    }

    /// Moves `text` past the next record; false if it has none. With `is_end` nothing follows it. `is_known`
    /// says whether a name is that of a column.
    pub fn next(
        &mut self,
        text: &mut &str,
        is_end: bool,
        is_known: &dyn Fn(&str) -> bool,
    ) -> Result<bool, TextFault> {
        if self.splitter.is_none() && !self.begin(text, is_end, is_known) {
            return Ok(false);
        }
        let Self { beginning, cut, splitter: Some(splitter), .. } = self else { return Ok(false) };
        loop {
            let is_beginning = *cut < beginning.len();
            let source = if is_beginning { beginning.get(*cut..).unwrap_or_default() } else { *text };
            let (taken, is_whole) = splitter.take(source)?;
            if is_beginning {
                *cut += taken;
            } else {
                *text = text.get(taken..).unwrap_or_default();
            }
            if is_whole || (text.is_empty() && *cut == beginning.len()) {
                let is_record = is_whole || (is_end && splitter.end()?);
                if !is_record {
                    return Ok(false);
                }
                if !is_blank(splitter) {
                    return Ok(true);
                }
            }
        }
    }

    /// The last record.
    pub fn record(&self) -> Option<&Splitter> {
        self.splitter.as_ref()
    }

    /// Collects the beginning; false if more of it is needed.
    fn begin(&mut self, text: &mut &str, is_end: bool, is_known: &dyn Fn(&str) -> bool) -> bool {
        self.beginning.push_str(text);
        *text = "";
        let is_all = is_end || self.beginning.len() > MAX_ROW_BYTES;
        let Some(found) = delimiter::find(&self.beginning, is_all, self.given, is_known) else {
            return false;
        };
        let names_delimiter = found.named > 0;
        self.dialect = Dialect { delimiter: found.delimiter, names_delimiter };
        self.cut = found.named;
        let mut splitter = Splitter::new(found.delimiter, if names_delimiter { 2 } else { 1 });
        if self.takes_backslash {
            splitter.take_backslash();
        }
        self.splitter = Some(splitter);
        true
    }
}

/// Whether a record has only white space.
fn is_blank(record: &Splitter) -> bool {
    record.cells().all(|cell| cell.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<Vec<(u64, Vec<String>)>, TextFault>;

    /// The records with their lines; the same for pieces of any size.
    #[track_caller]
    fn records(text: &str) -> Read {
        let by = |pieces: Vec<&str>| -> Read {
            let mut records = Records::new(None);
            let mut all = Vec::new();
            let last = pieces.len();
            for (number, mut piece) in (1..).zip(pieces) {
                while records.next(&mut piece, number == last, &|name| name == "ref")? {
                    let record = records.record().unwrap();
                    let cells = record.cells().map(str::to_owned);
                    all.push((record.row_line(), cells.collect()));
                }
            }
            Ok(all)
        };
        let whole = by(vec![text]);
        let mut single: Vec<&str> = text.split("").collect();
        single.push("");
        assert_eq!(by(single), whole, "{text:?}");
        whole
    }

    #[track_caller]
    fn lines(text: &str) -> Vec<u64> {
        records(text).unwrap().into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn every_record_knows_the_line_where_it_starts() {
        for newline in ["\n", "\r\n", "\r"] {
            let text = ["ref,tier", "a,x", "b,\"two\nlines\"", "c,x", "", "", "d,x", "e,x"].join(newline);
            assert_eq!(lines(&text), [1, 2, 3, 5, 8, 9], "{newline:?}");
        }
        let long = format!("ref\n{}", "a\n".repeat(MAX_ROW_BYTES));
        let mut records = Records::new(None);
        let (mut rest, mut count) = (long.as_str(), 0);
        while records.next(&mut rest, true, &|_| true).unwrap() {
            count += 1;
            assert_eq!(records.record().unwrap().row_line(), count);
        }
        assert_eq!(count, MAX_ROW_BYTES as u64 + 1);
    }

    #[test]
    fn blank_records_are_skipped_and_counted_as_lines() {
        assert_eq!(lines("ref,tier\n,\n  ,\t\n\"\",\"\n\"\n\u{a0}\na,x\n,,,,\n"), [1, 7]);
        assert_eq!(lines("\n\r\n,\nref\n\n"), [4]);
        assert_eq!(lines(""), [] as [u64; 0]);
    }

    #[test]
    fn a_line_that_names_the_delimiter_is_no_record_and_counts() {
        for text in ["sep=;\r\nref;tier\r\na;x", "SEP=|\nref|tier\na|x\n", "\"sep=\t\"\rref\ttier\ra\tx\r"] {
            let [(2, header), (3, row)] = &records(text).unwrap()[..] else { panic!("{text:?}") };
            assert_eq!((header.len(), row[1].as_str()), (2, "x"), "{text:?}");
        }
    }

    #[test]
    fn a_missing_quote_does_not_swallow_the_file() {
        let text = format!("ref,tier\na,\"x\n{}", "b,y\n".repeat(MAX_ROW_BYTES));
        let mut records = Records::new(None);
        let mut rest = text.as_str();
        assert!(records.next(&mut rest, false, &|_| true).unwrap());
        assert_eq!(records.next(&mut rest, false, &|_| true), Err(TextFault::TooLong { line: 2 }));
        let header = "\"ref\n".repeat(MAX_ROW_BYTES);
        assert!(Records::new(None).next(&mut header.as_str(), false, &|_| true).is_err());
    }

    #[test]
    fn the_position_is_known_before_the_delimiter_is() {
        let mut records = Records::new(None);
        assert!(!records.next(&mut "\r\n\nref,\"", false, &|_| true).unwrap());
        assert_eq!(records.position(), (3, 0));
        assert!(records.next(&mut "x\"\na,b,", false, &|_| true).unwrap());
        assert!(!records.next(&mut "", false, &|_| true).unwrap());
    }
}
