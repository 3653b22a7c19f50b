//! Cuts the list into chunks, in a thread of its own.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cli::{Error, output};
use crate::lists::text::MAX_ROW_BYTES;
use crate::lists::{ListRow, Options, Reader, Summary};
use crate::model::limits::IMPORT_CHUNK_MAX_BYTES;

use super::chunk::Chunk;
use super::format::Format;
use super::match_key::MatchKey;
use super::missing::{self, ClearMissing, Keys};
use super::refused::refused;
use super::repeats::Seen;
use crate::tasks;

/// The size of a full chunk, in bytes of the cells.
const MAX_CHUNK_BYTES: usize = 1 << 20;
/// How many times larger a row can be on the wire than in the file, doubled: 5.5 times, for a list of
/// one-digit numbers.
const GROWTH_DOUBLED: usize = 11;
// A chunk, including the row that fills it, must fit into the largest chunk that the server accepts.
const _: () = assert!((MAX_CHUNK_BYTES + MAX_ROW_BYTES) * GROWTH_DOUBLED / 2 <= IMPORT_CHUNK_MAX_BYTES);
/// How many bytes of the file to read at a time.
const READ_AHEAD: usize = 256 << 10;
/// How many chunks are prepared in advance.
const CHUNKS_AHEAD: usize = 4;

/// An open list: how its rows become members, and what is left of it.
pub struct Source {
    pub format: Arc<Format>,
    /// The keys of the rows read so far.
    seen: Seen,
    rest: Rest,
}

type Input = Box<dyn Read + Send>;

/// The rows that were not handed out yet.
struct Rest {
    input: Input,
    reader: Reader,
    buffer: Vec<u8>,
    rows: VecDeque<ListRow>,
    /// How many bytes of the file were taken.
    offset: u64,
    key: MatchKey,
    end: End,
}

/// What follows the rows that were read.
enum End {
    /// More of the file.
    Open,
    /// Nothing.
    Whole(Summary),
    /// An error, which is returned after the rows before it.
    Fault(Error),
    /// Nothing that was not reported.
    Reported,
}

impl Source {
    /// Opens a list and reads it as far as its header. Each line of NDJSON must have `keys`.
    pub fn open(input: Input, options: Options, keys: Keys, key: MatchKey) -> Result<Self, Error> {
        let mut rest = Rest::new(input, options, key);
        while rest.reader.list().is_none() && matches!(rest.end, End::Open) {
            rest.fill();
        }
        let Some(list) = rest.reader.list() else {
            return Err(match std::mem::replace(&mut rest.end, End::Reported) {
                End::Fault(fault) => fault,
                End::Open | End::Whole(_) | End::Reported => Error::Broken("the list has no header".into()),
            });
        };
        let format = Arc::new(Format::new(list.clone(), keys));
        Ok(Self { format, seen: Seen::new(key.wire()), rest })
    }

    /// Reads the list to its end without sending anything, so that one with an error is rejected as a whole.
    /// Says what a person should look at.
    pub fn check(mut self) -> Result<(), Error> {
        while let End::Open = self.rest.end {
            self.rest.rows.clear();
            self.rest.fill();
        }
        self.rest.rows.clear();
        self.rest.end()
    }

    /// Rejects a table without all fields that a replacement would clear.
    pub fn check_replacement(&self, may: &ClearMissing) -> Result<(), Error> {
        match self.format.columns() {
            Some(columns) => missing::check(columns, may).map_err(Error::Usage),
            None => Ok(()),
        }
    }

    /// The columns of the file that the server does not accept.
    pub fn skipped(&self) -> Vec<&str> {
        self.format.columns().map_or(Vec::new(), |columns| columns.skipped().collect())
    }

    /// Starts the thread. It ends with the file, with an error, or when the receiver is dropped. If the list
    /// `is_checked`, what a person should look at was said already.
    pub fn read(self, chunk_rows: usize, is_checked: bool) -> mpsc::Receiver<Result<Chunk, Error>> {
        let (send, receive) = mpsc::channel(CHUNKS_AHEAD);
        let failed = send.clone();
        let run = move || cut(self, chunk_rows, is_checked, &send);
        // If the thread died silently, the rest of the file would be missing without an error.
        if let Err(error) = tasks::vital_thread("import-reader", run) {
            let error = Error::Broken(format!("cannot start a thread: {error}"));
            // The channel has room: nothing was sent yet.
            drop(failed.try_send(Err(error)));
        }
        receive
    }
}

fn cut(mut source: Source, chunk_rows: usize, is_checked: bool, send: &mpsc::Sender<Result<Chunk, Error>>) {
    for number in 1.. {
        let rows = source.rest.take(chunk_rows);
        let chunk = if rows.is_empty() {
            match source.rest.end {
                End::Whole(_) if is_checked => return,
                _ => match source.rest.end() {
                    Ok(()) => return,
                    Err(fault) => Err(fault),
                },
            }
        } else {
            let chunk = Chunk::new(number, rows, source.rest.offset, &source.format);
            let repeats = source.seen.repeats(&chunk);
            Ok(Chunk { repeats, ..chunk })
        };
        let is_last = chunk.is_err();
        if send.blocking_send(chunk).is_err() || is_last {
            return;
        }
    }
}

impl Rest {
    fn new(input: Input, options: Options, key: MatchKey) -> Self {
        Self {
            input,
            reader: Reader::new(options),
            buffer: vec![0; READ_AHEAD],
            rows: VecDeque::new(),
            offset: 0,
            key,
            end: End::Open,
        }
    }

    /// The next rows: up to `most`, or as many as fit into a chunk; none at the end of the list, or before an
    /// error.
    fn take(&mut self, most: usize) -> Vec<ListRow> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < most && bytes < MAX_CHUNK_BYTES {
            match self.rows.pop_front() {
                Some(row) => {
                    bytes += row.bytes();
                    taken.push(row);
                }
                None if matches!(self.end, End::Open) => self.fill(),
                None => break,
            }
        }
        taken
    }

    /// Reads the next bytes of the file.
    fn fill(&mut self) {
        let mut rows = Vec::new();
        let result = match self.input.read(&mut self.buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) => {
                self.end = End::Fault(Error::file("read", "the input".as_ref())(error));
                return;
            }
            Ok(0) => self.reader.finish(&mut rows).map(|summary| self.end = End::Whole(summary)),
            Ok(read) => {
                self.offset += u64::try_from(read).unwrap_or(u64::MAX);
                self.reader.push(self.buffer.get(..read).unwrap_or_default(), &mut rows)
            }
        };
        self.rows.extend(rows);
        if let Err(refusal) = result {
            self.end = End::Fault(refused(refusal, self.key));
        }
    }

    /// Ends the list: its error, or what a person should look at, which is said.
    fn end(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.end, End::Reported) {
            End::Fault(fault) => Err(fault),
            End::Whole(summary) => {
                summary.notes.iter().for_each(output::note);
                Ok(())
            }
            End::Open | End::Reported => Ok(()),
        }
    }
}
