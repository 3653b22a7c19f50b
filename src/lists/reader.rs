//! Reads a list while it arrives.

use std::sync::Arc;

use super::cell::Reading;
use super::columns::{Columns, Wanted};
use super::format::{BEGINNING, Format};
use super::gathered::Gathered;
use super::list::{List, Source, Table};
use super::options::Options;
use super::place::Place;
use super::refusal::Refusal;
use super::row::ListRow;
use super::sheet;
use super::summary::{LISTED, Note, Summary};
use super::text::{self, Decoder, Encoding, Lines, Records, TextFault, Undecodable};
use super::workbook;

/// Turns the bytes of a list into rows. It reads nothing itself, and never waits.
///
/// Rows of a text come as soon as they are whole. A spreadsheet is held until its end, and its rows come all
/// together. After a refusal nothing more is read, and every call returns that refusal.
pub struct Reader {
    options: Options,
    state: State,
    list: Option<Arc<List>>,
    refusal: Option<Refusal>,
    rows: u64,
    /// Rows in which a quoted cell holds line breaks and delimiters, and the first of their lines.
    spread: (u64, Vec<u64>),
    left_out: Vec<workbook::Note>,
}

enum State {
    /// The first bytes, which show the format.
    Start(Vec<u8>),
    Table(Decoder, Records),
    Ndjson(Decoder, Lines),
    Workbook(Vec<u8>),
}

impl Reader {
    /// A reader of one list.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            state: State::Start(Vec::new()),
            list: None,
            refusal: None,
            rows: 0,
            spread: (0, Vec::new()),
            left_out: Vec::new(),
        }
    }

    /// Takes the next bytes of the file, and adds the rows that are whole now to `rows`.
    ///
    /// # Errors
    ///
    /// When the list is refused. The rows before the fault were added.
    pub fn push(&mut self, bytes: &[u8], rows: &mut Vec<ListRow>) -> Result<(), Refusal> {
        self.advance(bytes, false, rows)
    }

    /// Ends the file, and adds its last rows to `rows`.
    ///
    /// # Errors
    ///
    /// When the list is refused, also because it is cut off or has no header. The rows before the fault were
    /// added.
    pub fn finish(&mut self, rows: &mut Vec<ListRow>) -> Result<Summary, Refusal> {
        self.advance(&[], true, rows)?;
        let mut notes = Vec::new();
        if let State::Table(decoder, _) | State::Ndjson(decoder, _) = &self.state
            && decoder.encoding() == Encoding::Windows1252
        {
            notes.push(Note::Windows1252);
        }
        let (count, lines) = std::mem::take(&mut self.spread);
        if count > 0 {
            notes.push(Note::Spread { rows: count, lines });
        }
        notes.extend(self.left_out.drain(..).map(Note::LeftOut));
        Ok(Summary { rows: self.rows, notes })
    }

    /// Whether the file is read only at its end, which may take seconds.
    #[must_use]
    pub fn is_of_workbook(&self) -> bool {
        matches!(self.state, State::Workbook(_))
    }

    /// What the rows have in common: known as soon as there is a row, and usually before.
    #[must_use]
    pub fn list(&self) -> Option<&Arc<List>> {
        self.list.as_ref()
    }

    /// The columns, as soon as the header was read; `None` for NDJSON.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.list.as_ref()?.columns()
    }

    fn advance(&mut self, bytes: &[u8], is_end: bool, rows: &mut Vec<ListRow>) -> Result<(), Refusal> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let before = rows.len();
        let result = self.read(bytes, is_end, rows);
        self.rows += u64::try_from(rows.len() - before).unwrap_or(u64::MAX);
        if let Err(refusal) = &result {
            self.refusal = Some(refusal.clone());
        }
        result
    }

    fn read(&mut self, bytes: &[u8], is_end: bool, rows: &mut Vec<ListRow>) -> Result<(), Refusal> {
        let first;
        let mut bytes = bytes;
        if let State::Start(held) = &mut self.state {
            held.extend_from_slice(bytes);
            if held.len() < BEGINNING && !is_end {
                return Ok(());
            }
            first = std::mem::take(held);
            bytes = &first;
            self.begin(bytes)?;
        }
        match &mut self.state {
            State::Start(_) => Ok(()),
            State::Table(..) => self.table(bytes, is_end, &mut Gathered::new(bytes.len(), rows)),
            State::Ndjson(..) => self.lines(bytes, is_end, &mut Gathered::new(bytes.len(), rows)),
            State::Workbook(held) => {
                let limit = self.options.limits.packed;
                let length = u64::try_from(held.len() + bytes.len()).unwrap_or(u64::MAX);
                if length > limit {
                    *held = Vec::new();
                    let limit = format!("{} MiB", limit >> 20);
                    return Err(workbook::Refusal::TooLarge { what: "the file".to_owned(), limit }.into());
                }
                held.extend_from_slice(bytes);
                if is_end {
                    let (list, notes) = sheet::read(std::mem::take(held), &self.options, rows)?;
                    self.list = Some(list);
                    self.left_out = notes;
                }
                Ok(())
            }
        }
    }

    /// Chooses the format by the first bytes.
    fn begin(&mut self, beginning: &[u8]) -> Result<(), Refusal> {
        let format = self.options.format.unwrap_or_else(|| Format::of_beginning(beginning));
        if format.is_text() && workbook::is_workbook(beginning) {
            return Err(Refusal::OtherFormat { found: Format::Workbook, expected: format });
        }
        let delimiter = self.options.delimiter;
        self.state = match format {
            Format::Csv => State::Table(Decoder::new(true), Records::new(delimiter)),
            Format::Tsv => State::Table(Decoder::new(true), Records::new(delimiter.or(Some(b'\t')))),
            Format::Ndjson => {
                self.list = Some(Arc::new(List::Ndjson));
                State::Ndjson(Decoder::new(false), Lines::default())
            }
            Format::Workbook => State::Workbook(Vec::new()),
        };
        Ok(())
    }

    fn table(&mut self, mut bytes: &[u8], is_end: bool, rows: &mut Gathered<'_>) -> Result<(), Refusal> {
        let Self { options, state: State::Table(decoder, records), list, spread, .. } = self else {
            return Ok(());
        };
        let mut cut = |text: &str, is_end: bool, has_mark: bool, records: &mut Records| {
            let mut rest = text;
            let is_known = |name: &str| options.columns.knows(name);
            while records.next(&mut rest, is_end, &is_known)? {
                match list {
                    Some(list) => add_row(records, list, spread, rows),
                    None => *list = Some(header(records, has_mark, &options.columns)?),
                }
            }
            Ok::<_, Refusal>(())
        };
        loop {
            match decoder.next(&mut bytes, is_end) {
                Ok(Some(text)) => cut(&text, false, decoder.has_mark(), records)?,
                Ok(None) => break,
                Err(Undecodable::UnmarkedUtf16) => return Err(TextFault::UnmarkedUtf16.into()),
                Err(Undecodable::Next(fault)) => {
                    let (line, cell) = records.position();
                    let name =
                        list.as_ref().and_then(|list| list.columns()).map(|columns| columns.name(cell));
                    let column = match name {
                        Some(name) if !name.is_empty() => format!("{name:?}"),
                        _ => (cell + 1).to_string(),
                    };
                    return Err(TextFault::Encoding { line, column, fault }.into());
                }
            }
        }
        if is_end {
            cut("", true, decoder.has_mark(), records)?;
            if list.is_none() {
                return Err(Refusal::Empty);
            }
        }
        Ok(())
    }

    fn lines(&mut self, mut bytes: &[u8], is_end: bool, rows: &mut Gathered<'_>) -> Result<(), Refusal> {
        let Self { state: State::Ndjson(decoder, lines), list: Some(list), .. } = self else { return Ok(()) };
        let mut cut = |text: &str, is_end: bool, lines: &mut Lines| {
            let mut rest = text;
            while lines.next(&mut rest, is_end)? {
                let line = lines.line();
                rows.add(list, lines.number(), line, &[text::short(line.len())]);
            }
            Ok::<_, Refusal>(())
        };
        loop {
            match decoder.next(&mut bytes, is_end) {
                Ok(Some(text)) => cut(&text, false, lines)?,
                Ok(None) => break,
                Err(Undecodable::UnmarkedUtf16) => return Err(TextFault::UnmarkedUtf16.into()),
                Err(Undecodable::Next(fault)) => {
                    let (line, column) = (lines.position(), String::new());
                    return Err(TextFault::Encoding { line, column, fault }.into());
                }
            }
        }
        if is_end { cut("", true, lines) } else { Ok(()) }
    }
}

/// The list that the record is the header of.
fn header(records: &mut Records, has_mark: bool, wanted: &Wanted) -> Result<Arc<List>, Refusal> {
    let (header, line) = match records.record() {
        Some(record) => {
            let names = record.cells().map(str::to_owned);
            (names.collect::<Vec<_>>(), record.row_line())
        }
        None => (Vec::new(), 1),
    };
    let columns = Columns::from_header(&header, wanted, Vec::new())
        .map_err(|faults| Refusal::headings(Place::Line(line), wanted, &header, faults))?;
    if columns.reading() != Reading::Cleaned {
        records.take_backslash();
    }
    let dialect = records.dialect();
    let source =
        Source::Text { delimiter: dialect.delimiter, names_delimiter: dialect.names_delimiter, has_mark };
    Ok(Arc::new(List::Table(Table { columns, source })))
}

/// Adds the row in the record.
fn add_row(records: &Records, list: &Arc<List>, spread: &mut (u64, Vec<u64>), rows: &mut Gathered<'_>) {
    let Some(record) = records.record() else { return };
    let line = record.row_line();
    if record.spread_cell().is_some() {
        spread.0 += 1;
        if spread.1.len() < LISTED {
            spread.1.push(line);
        }
    }
    rows.add(list, line, record.text(), record.ends());
}
