//! Cuts the file into chunks, in a thread of its own.

use std::io::{BufReader, Read};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cli::Error;
use crate::model::limits::IMPORT_CHUNK_MAX_BYTES;

use super::cells::Reading;
use super::chunk::Chunk;
use super::columns::Columns;
use super::format::Format;
use super::limits::{MAX_ROW_BYTES, READ_AHEAD};
use super::match_key::MatchKey;
use super::missing::{self, ClearMissing, Keys};
use super::repeats::Seen;
use super::rows::{Collector, Rows};
use super::{csv_rows, ndjson};
use crate::tasks;

/// The size of a full chunk, in bytes of the file.
const MAX_CHUNK_BYTES: usize = 1 << 20;
/// How many times larger a row can be on the wire than in the file, doubled: 5.5 times, for a list of
/// one-digit numbers.
const GROWTH_DOUBLED: usize = 11;
// A chunk, including the row that fills it, must fit into the largest chunk that the server accepts.
const _: () = assert!((MAX_CHUNK_BYTES + MAX_ROW_BYTES) * GROWTH_DOUBLED / 2 <= IMPORT_CHUNK_MAX_BYTES);
/// How many rows to check at a time before anything is sent.
const CHECKED_ROWS: usize = 1000;
/// How many chunks are prepared in advance.
const CHUNKS_AHEAD: usize = 4;

/// An open file: the format of its rows, and their reader.
pub struct Source {
    pub format: Arc<Format>,
    /// The keys of the rows read so far.
    seen: Seen,
    lines: Lines,
    /// An error in the file after the rows that were read last.
    fault: Option<Error>,
}

enum Lines {
    Csv(csv_rows::CsvRows<Input>),
    Ndjson(ndjson::Lines<BufReader<Input>>),
}

type Input = Box<dyn Read + Send>;

impl Source {
    /// Reads and parses the header of a CSV file.
    pub fn csv(input: Input, delimiter: u8, key: MatchKey, reading: Reading) -> Result<Self, Error> {
        let mut rows = csv_rows::CsvRows::new(input, delimiter);
        let header = rows.header()?;
        let columns = Columns::from_header(&header, key, reading);
        let columns = columns.map_err(|fault| Error::Data(format!("line {}: {fault}", rows.line())))?;
        if columns.reading == Reading::Exact {
            rows.take_backslash();
        }
        let (delimiter, names_delimiter) = rows.delimiter();
        let format = Arc::new(Format::Csv { columns, delimiter, names_delimiter, has_mark: rows.has_mark() });
        Ok(Self { format, seen: Seen::new(key.wire()), lines: Lines::Csv(rows), fault: None })
    }

    /// Reads the file to its end without sending anything, so that a file with an error is rejected as a
    /// whole.
    pub fn check(mut self) -> Result<(), Error> {
        let mut collector = Collector::default();
        while next_rows(&mut self, &mut collector, CHECKED_ROWS)?.len() > 0 {}
        Ok(())
    }

    /// Reads lines of NDJSON, each of which must have `keys`.
    pub fn ndjson(input: Input, keys: Keys, key: MatchKey) -> Self {
        let lines = ndjson::Lines::new(BufReader::with_capacity(READ_AHEAD, input));
        let format = Arc::new(Format::Ndjson(keys));
        Self { format, seen: Seen::new(key.wire()), lines: Lines::Ndjson(lines), fault: None }
    }

    /// Rejects a CSV file without all fields that a replacement would clear.
    pub fn check_replacement(&self, may: &ClearMissing) -> Result<(), Error> {
        match &*self.format {
            Format::Csv { columns, .. } => missing::check(columns, may).map_err(Error::Usage),
            Format::Ndjson(_) => Ok(()),
        }
    }

    /// The columns of the file that the server does not accept.
    pub fn skipped(&self) -> Vec<&str> {
        match &*self.format {
            Format::Csv { columns, .. } => columns.skipped().collect(),
            Format::Ndjson(_) => Vec::new(),
        }
    }

    /// Starts the thread. It ends with the file, with an error, or when the receiver is dropped.
    pub fn read(self, chunk_rows: usize) -> mpsc::Receiver<Result<Chunk, Error>> {
        let (send, receive) = mpsc::channel(CHUNKS_AHEAD);
        let failed = send.clone();
        // If the thread died silently, the rest of the file would be missing without an error.
        if let Err(error) = tasks::vital_thread("import-reader", move || cut(self, chunk_rows, &send)) {
            let error = Error::Broken(format!("cannot start a thread: {error}"));
            // The channel has room: nothing was sent yet.
            drop(failed.try_send(Err(error)));
        }
        receive
    }
}

fn cut(mut source: Source, chunk_rows: usize, send: &mpsc::Sender<Result<Chunk, Error>>) {
    let mut collector = Collector::default();
    for number in 1.. {
        let chunk = next_chunk(&mut source, &mut collector, number, chunk_rows);
        let last = match &chunk {
            Ok(chunk) if chunk.rows.len() == 0 => return,
            Ok(_) => false,
            Err(_) => true,
        };
        if send.blocking_send(chunk).is_err() || last {
            return;
        }
    }
}

fn next_chunk(
    source: &mut Source,
    collector: &mut Collector,
    number: u64,
    chunk_rows: usize,
) -> Result<Chunk, Error> {
    let rows = next_rows(source, collector, chunk_rows)?;
    let end = match &source.lines {
        Lines::Csv(rows) => rows.offset(),
        Lines::Ndjson(lines) => lines.offset(),
    };
    let chunk = Chunk::new(number, rows, end, &source.format);
    let repeats = source.seen.repeats(&chunk);
    Ok(Chunk { repeats, ..chunk })
}

/// Reads up to `chunk_rows` rows, or as many as fit into a chunk. Rows before an error are returned first,
/// and the error by the next call.
fn next_rows(source: &mut Source, collector: &mut Collector, chunk_rows: usize) -> Result<Rows, Error> {
    while collector.rows() < chunk_rows && collector.bytes() < MAX_CHUNK_BYTES {
        if let Some(fault) = source.fault.take() {
            return Err(fault);
        }
        let more = match &mut source.lines {
            Lines::Csv(rows) => rows.next(collector),
            Lines::Ndjson(lines) => lines.next(collector),
        };
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(fault) if collector.rows() == 0 => return Err(fault),
            Err(fault) => {
                source.fault = Some(fault);
                break;
            }
        }
    }
    collector.finish().map_err(|at| source.format.not_utf8(&at))
}
