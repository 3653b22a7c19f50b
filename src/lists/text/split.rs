//! Cuts the text of a CSV file into rows and cells, strictly.
//!
//! Errors of careless authors or in damaged files are never repaired by guessing: a quote that is opened in
//! one row and closed in another would merge several people into one. So after a closing quote only the end
//! of its cell may follow, the file must not end inside quotes, and each error gives the line where the quote
//! was opened. Line breaks inside quotes are part of the cell. A quote inside a cell that does not begin with
//! one is plain text, unless only spaces come before it: some programs write a space after each delimiter and
//! mean the quote to open the cell, others mean a literal quote.
//!
//! Lines end with LF, CRLF or CR. They are counted here, because a row may span several lines, and empty
//! lines are not rows.

use super::fault::TextFault;
use super::limits::MAX_ROW_BYTES;
use super::marks::{BLOCK, Marks};

/// The position of the next byte in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RowStart,
    CellStart,
    /// In a cell that does not begin with a quote.
    Plain,
    Quoted,
    /// After a quote within quotes: either the end of the cell, or the first half of a doubled quote.
    Closed,
}

/// Consumes the text of a file piece by piece, and holds one row at a time.
#[derive(Debug)]
pub struct Splitter {
    delimiter: u8,
    /// Whether a backslash before a quote is plain text, as in files that are known to be well-formed.
    takes_backslash: bool,
    state: State,
    /// The line of the next byte.
    line: u64,
    /// Whether the last byte was a CR, so that an LF after it does not end another line.
    after_cr: bool,
    /// The line where the row begins, and where its last quote was opened.
    row_line: u64,
    opened: u64,
    /// The size of the row in the file so far, in bytes.
    size: usize,
    /// The cells of the row, with one byte between two of them.
    cells: String,
    /// Where each cell ends in `cells`.
    ends: Vec<u32>,
    is_whole: bool,
    marks: Marks,
    /// For each byte, whether it ends plain text outside of quotes ([`ENDS_PLAIN`]) and within them
    /// ([`ENDS_QUOTED`]).
    ending: Box<[u8; 256]>,
}

const ENDS_PLAIN: u8 = 1;
const ENDS_QUOTED: u8 = 2;

impl Splitter {
    /// For a file whose next byte is in `line`.
    pub fn new(delimiter: u8, line: u64) -> Self {
        Self {
            delimiter,
            takes_backslash: false,
            state: State::RowStart,
            line,
            after_cr: false,
            row_line: line,
            opened: line,
            size: 0,
            cells: String::new(),
            ends: Vec::new(),
            is_whole: false,
            marks: Marks::of(delimiter),
            ending: Box::new(std::array::from_fn(|byte| {
                let byte = u8::try_from(byte).unwrap_or_default();
                let ends_both = byte == b'"' || (byte < b' ' && byte != b'\t') || byte == 0x7f;
                let ends_plain = if ends_both || byte == delimiter { ENDS_PLAIN } else { 0 };
                if ends_both { ends_plain | ENDS_QUOTED } else { ends_plain }
            })),
        }
    }

    pub fn take_backslash(&mut self) {
        self.takes_backslash = true;
    }

    /// The line where the row begins.
    pub fn row_line(&self) -> u64 {
        self.row_line
    }

    /// The line of the next byte, and the number of cells before it in its row.
    pub fn position(&self) -> (u64, usize) {
        let cells = if self.state == State::RowStart { 0 } else { self.ends.len() };
        (self.line, cells)
    }

    /// The first cell of the last complete row that holds both a line break and a delimiter, if one does. A
    /// quote in the wrong place looks like this too.
    pub fn spread_cell(&self) -> Option<usize> {
        if self.line <= self.row_line + 1 {
            return None;
        }
        let is_spread = |cell: &str| cell.as_bytes().contains(&self.delimiter) && cell.contains(['\r', '\n']);
        self.cells().position(is_spread)
    }

    /// The cells of the last complete row.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        cells(&self.cells, &self.ends)
    }

    /// The cells of the last complete row, with the delimiter between two of them.
    pub fn text(&self) -> &str {
        &self.cells
    }

    /// Where each cell ends in that text.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Consumes text up to the end of a row. Returns how many bytes, and whether the row is complete.
    pub fn take(&mut self, input: &str) -> Result<(usize, bool), TextFault> {
        if std::mem::take(&mut self.is_whole) {
            self.cells.clear();
            self.ends.clear();
            self.size = 0;
        }
        let mut rest = input;
        while let Some(&byte) = rest.as_bytes().first() {
            // The way of nearly every cell, beside which the rest of this loop is slow.
            let plain = self.plain_cells(rest);
            if plain > 0 {
                rest = rest.get(plain..).unwrap_or_default();
                if self.is_whole {
                    break;
                }
                continue;
            }
            // What ends plain text is ASCII.
            let (text, more) = rest.split_at(self.plain_bytes(rest.as_bytes()));
            if text.is_empty() {
                // A character of several bytes is a fault here.
                rest = rest.get(1..).unwrap_or_default();
                self.size += 1;
                self.is_whole = self.special(byte)?;
            } else {
                rest = more;
                self.size += text.len();
                self.begin(State::Plain);
                self.after_cr = false;
                self.cells.push_str(text);
            }
            if self.is_whole {
                break;
            }
            if self.size > MAX_ROW_BYTES {
                let line = if self.state == State::Quoted { self.opened } else { self.row_line };
                return Err(TextFault::TooLong { line });
            }
        }
        Ok((input.len() - rest.len(), self.is_whole))
    }

    /// Called at the end of the file. Returns whether this completes a last row.
    pub fn end(&mut self) -> Result<bool, TextFault> {
        match self.state {
            State::RowStart => return Ok(false),
            State::Quoted => return Err(TextFault::Unclosed { opened: self.opened }),
            State::CellStart | State::Plain | State::Closed => self.end_cell()?,
        }
        self.state = State::RowStart;
        self.is_whole = true;
        Ok(true)
    }

    /// Consumes the next cells, and the end of their row, as far as they have no quotes and no control
    /// characters, and lie in `rest` with some bytes after them. Returns how many bytes.
    fn plain_cells(&mut self, rest: &str) -> usize {
        if !matches!(self.state, State::RowStart | State::CellStart) {
            return 0;
        }
        let bytes = rest.as_bytes();
        let (before, room) = (self.cells.len(), MAX_ROW_BYTES.saturating_sub(self.size));
        // What belongs to whole cells, and where a row ends.
        let (mut whole, mut line_end) = (0, None);
        let mut at = 0;
        'blocks: while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>)
            && at <= room
        {
            for place in self.marks.places(block) {
                let end = at + place;
                match bytes.get(end).filter(|_| end <= room) {
                    Some(byte) if *byte == self.delimiter => {
                        self.ends.push(short(before + end));
                        whole = end + 1;
                    }
                    // A line without any cell is none.
                    Some(byte @ (b'\r' | b'\n')) if end > 0 || self.state == State::CellStart => {
                        line_end = Some((end, *byte));
                        break 'blocks;
                    }
                    _ => break 'blocks,
                }
            }
            at += BLOCK;
        }
        let taken = line_end.map_or(whole, |(end, _)| end + 1);
        if taken == 0 {
            return 0;
        }
        self.cells.push_str(rest.get(..line_end.map_or(whole, |(end, _)| end)).unwrap_or_default());
        self.size += taken;
        self.begin(State::CellStart);
        self.after_cr = false;
        if let Some((end, byte)) = line_end {
            self.ends.push(short(before + end));
            self.line += 1;
            self.after_cr = byte == b'\r';
            self.state = State::RowStart;
            self.is_whole = true;
        }
        taken
    }

    /// How many of the next bytes are plain text.
    fn plain_bytes(&self, rest: &[u8]) -> usize {
        if self.state == State::Closed {
            return 0;
        }
        let mask = if self.state == State::Quoted { ENDS_QUOTED } else { ENDS_PLAIN };
        let ends = |byte: &u8| self.ending.get(usize::from(*byte)).is_some_and(|ending| ending & mask != 0);
        rest.iter().position(ends).unwrap_or(rest.len())
    }

    /// Begins a cell, and a row if none has begun.
    fn begin(&mut self, state: State) {
        if self.state == State::RowStart {
            self.row_line = self.line;
        }
        if matches!(self.state, State::RowStart | State::CellStart) {
            self.state = state;
        }
    }

    /// Consumes a byte that may be special. Returns whether it ends the row.
    fn special(&mut self, byte: u8) -> Result<bool, TextFault> {
        let ends_crlf = byte == b'\n' && std::mem::take(&mut self.after_cr);
        let line = self.line;
        self.after_cr = byte == b'\r';
        let is_break = matches!(byte, b'\r' | b'\n');
        self.line += u64::from(is_break && !ends_crlf);
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::Closed,
            (State::Quoted, b'\r' | b'\n') => self.cells.push(char::from(byte)),
            (State::Closed, b'"') => {
                self.cells.push(char::from(byte));
                self.state = State::Quoted;
            }
            (State::RowStart | State::CellStart, b'"') => {
                self.begin(State::Quoted);
                self.opened = line;
            }
            (State::Plain, b'"') if self.is_after_backslash() => return Err(TextFault::Backslash { line }),
            (State::Plain, b'"') if self.is_space_so_far() => {
                return Err(TextFault::SpaceBeforeQuote { line, column: self.ends.len() + 1 });
            }
            (State::Plain, b'"') => self.cells.push(char::from(byte)),
            // Between rows: an empty line, or the LF of a CRLF.
            (State::RowStart, b'\r' | b'\n') => self.size = 0,
            (State::CellStart | State::Plain | State::Closed, b'\r' | b'\n') => {
                self.end_cell()?;
                self.state = State::RowStart;
                return Ok(true);
            }
            (State::RowStart | State::CellStart | State::Plain | State::Closed, _)
                if byte == self.delimiter =>
            {
                self.begin(State::Plain);
                self.end_cell()?;
                self.cells.push(char::from(byte));
                self.state = State::CellStart;
            }
            (State::Closed, _) if self.is_after_backslash() => return Err(TextFault::Backslash { line }),
            (State::Closed, _) => return Err(TextFault::TextAfterQuote { opened: self.opened }),
            (State::RowStart | State::CellStart | State::Plain | State::Quoted, _) => {
                return Err(TextFault::Control { line, column: self.ends.len() + 1, byte });
            }
        }
        Ok(false)
    }

    fn end_cell(&mut self) -> Result<(), TextFault> {
        if self.state == State::Closed && self.is_after_backslash() {
            return Err(TextFault::Backslash { line: self.opened });
        }
        self.ends.push(short(self.cells.len()));
        Ok(())
    }

    /// Whether the cell so far ends with a backslash that may be meant to escape the quote after it.
    fn is_after_backslash(&self) -> bool {
        !self.takes_backslash && self.cell().ends_with('\\')
    }

    fn is_space_so_far(&self) -> bool {
        self.cell().bytes().all(|byte| matches!(byte, b' ' | b'\t'))
    }

    /// The cell so far.
    fn cell(&self) -> &str {
        let start = self.ends.last().map_or(0, |end| after(*end));
        self.cells.get(start..).unwrap_or_default()
    }
}

/// The cells of a row whose text has one byte between two of them.
pub fn cells<'a>(text: &'a str, ends: &'a [u32]) -> impl ExactSizeIterator<Item = &'a str> {
    let mut start = 0;
    ends.iter().map(move |end| {
        let cell = text.get(start..long(*end)).unwrap_or_default();
        start = after(*end);
        cell
    })
}

/// Where the cell after one begins.
fn after(end: u32) -> usize {
    long(end).saturating_add(1)
}

/// Places in a row, which is far shorter than 4 GiB.
pub fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn long(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
