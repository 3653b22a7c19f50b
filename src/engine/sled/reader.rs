//! Reading the log.
//!
//! Reading stops at the first bad record. That is **corruption** if something later proves that the record had been
//! durable: a record whose `durable` covers it, a later segment that begins after it, or the confirmed position.
//! Otherwise it is the torn tail of a power cut, and whatever follows it was never acknowledged. Zeros up to the end of a
//! segment are neither: they are room for records that were never written (`writer.rs`).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

use bytes::Bytes;

use super::super::EngineError;
use super::super::pending::Op;
use super::files;
use super::payload::{self, Payload};
use super::record::{self, Kind};
use super::segment::{FIRST_RECORD, Segment};

const READ_BUFFER_BYTES: usize = 1024 * 1024;
const ROOM_PIECE_BYTES: usize = 4096;

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The last good batch.
    pub(super) last: u64,
    /// The last batch that is proven durable. What comes after it may be in the page cache only.
    pub(super) proven: u64,
}

/// A good record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) header: record::Header,
    pub(super) payload: Payload,
}

/// What is found at a place in a segment.
#[derive(Debug)]
pub(super) enum Step {
    Record(Record),
    End,
    Bad,
}

/// Reads a segment record by record.
#[derive(Debug)]
pub(super) struct SegmentReader<'a> {
    segment: &'a Segment,
    input: BufReader<File>,
    len: u64,
    /// Where the next record begins.
    at: u64,
    /// The number of the next batch.
    expected: u64,
}

impl<'a> SegmentReader<'a> {
    pub(super) fn open(segment: &'a Segment) -> Result<Self, EngineError> {
        let open = || {
            let file = File::open(&segment.path)?;
            let len = file.metadata()?.len();
            let mut input = BufReader::with_capacity(READ_BUFFER_BYTES, file);
            input.seek_relative(i64::try_from(FIRST_RECORD).unwrap_or(i64::MAX))?;
            Ok((input, len))
        };
        let (input, len) = open().map_err(|e: io::Error| files::error("open", &segment.path, &e))?;
        Ok(Self { segment, input, len, at: FIRST_RECORD, expected: segment.header.first })
    }

    /// The next record, or why there is none. After anything but a record, the place does not move.
    pub(super) fn step(&mut self) -> Result<Step, EngineError> {
        if self.at >= self.len {
            return Ok(Step::End);
        }
        let seed = self.segment.header.seed();
        let left = self.len - self.at;
        let found = read_record(&mut self.input, left, seed);
        let failed = |e| files::error("read", &self.segment.path, &e);
        let Some((record, bytes)) = found.map_err(failed)? else {
            return Ok(if self.is_room().map_err(failed)? { Step::End } else { Step::Bad });
        };
        match record.header.kind {
            Kind::Batch if record.header.number == self.expected => self.expected += 1,
            Kind::Mark if record.header.number + 1 == self.expected => {}
            Kind::Batch | Kind::Mark | Kind::Block | Kind::End => return Ok(Step::Bad),
        }
        self.at += bytes;
        Ok(Step::Record(record))
    }

    /// Whether nothing but room for records follows.
    fn is_room(&self) -> io::Result<bool> {
        let mut rest = At { file: self.input.get_ref(), at: self.at }.take(self.len - self.at);
        let mut piece = [0; ROOM_PIECE_BYTES];
        loop {
            match rest.read(&mut piece)? {
                0 => return Ok(true),
                read if piece.iter().take(read).all(|byte| *byte == 0) => {}
                _ => return Ok(false),
            }
        }
    }

    /// Whether a good record after this place says that batch `number` is durable.
    fn is_proven_later(&self, number: u64) -> Result<bool, EngineError> {
        let file = self.input.get_ref();
        let step = u64::try_from(record::ALIGN).unwrap_or(u64::MAX);
        let mut at = self.at;
        while at < self.len {
            let mut input = At { file, at };
            let found = read_record(&mut input, self.len - at, self.segment.header.seed());
            let found = found.map_err(|e| files::error("read", &self.segment.path, &e))?;
            if found.is_some_and(|(record, _)| record.header.durable >= number) {
                return Ok(true);
            }
            at += step;
        }
        Ok(false)
    }

    /// The number of the next batch.
    pub(super) fn expected(&self) -> u64 {
        self.expected
    }

    /// Where the next record begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn corrupt(&self, detail: String) -> EngineError {
        EngineError::Corrupt { file: self.segment.name(), offset: self.at, detail }
    }
}

struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.at)?;
        self.at += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

/// A record and its length on disk, or `None` if what is there is not a whole and undamaged one. Never reads, or makes
/// room for, more than `left` bytes.
pub(super) fn read_record(input: &mut impl Read, left: u64, seed: u32) -> io::Result<Option<(Record, u64)>> {
    let mut fixed = [0; record::HEADER_BYTES];
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    if left < fixed.len() {
        return Ok(None);
    }
    input.read_exact(&mut fixed)?;
    let Some(header) = record::Header::decode(&fixed) else { return Ok(None) };
    let rest_bytes = header.rest_bytes();
    if rest_bytes > left - fixed.len() {
        return Ok(None);
    }
    let mut rest = vec![0; rest_bytes];
    input.read_exact(&mut rest)?;
    let payload = header.payload(seed, &fixed, &Bytes::from(rest));
    let bytes = u64::try_from(fixed.len() + rest_bytes).unwrap_or(u64::MAX);
    Ok(payload.map(|payload| (Record { header, payload }, bytes)))
}

/// Finds the end of the log. Only the segments that hold something after `confirmed` are read.
pub(super) fn find_end(segments: &[Segment], confirmed: u64) -> Result<End, EngineError> {
    let mut end = End { last: 0, proven: confirmed };
    for (segment, next) in from(segments, confirmed.saturating_add(1)) {
        let mut reader = SegmentReader::open(segment)?;
        end.proven = end.proven.max(segment.header.first.saturating_sub(1));
        let bad = loop {
            if next.is_some_and(|n| reader.expected >= n.header.first) {
                break false;
            }
            match reader.step()? {
                Step::Record(record) => end.proven = end.proven.max(record.header.durable),
                Step::End => break false,
                Step::Bad => break true,
            }
        };
        let missing = reader.expected;
        end.last = missing.saturating_sub(1);
        let proof = match next {
            Some(next) if next.header.first > missing => Some("a later segment"),
            Some(_) => None,
            None if confirmed >= missing => Some("the confirmed position"),
            None if bad && reader.is_proven_later(missing)? => Some("a later record"),
            None => None,
        };
        if let Some(proof) = proof {
            let detail = format!(
                "batch {missing} is missing or damaged here, though {proof} says that it was durable"
            );
            return Err(reader.corrupt(detail));
        }
        if bad && next.is_none() {
            tracing::warn!(
                file = segment.name(),
                offset = reader.at,
                "the log has a torn tail, which is cut off"
            );
        }
    }
    Ok(end)
}

/// Hands over the batches `after + 1 ..= last`, all of which must be there.
pub(super) fn replay<E: From<EngineError>>(
    segments: &[Segment],
    after: u64,
    last: u64,
    mut apply: impl FnMut(u64, Vec<Op>) -> Result<(), E>,
) -> Result<(), E> {
    read(segments, after, last, |reader, record| {
        let number = record.header.number;
        let ops =
            payload::decode(&record.payload).map_err(|e| reader.corrupt(format!("batch {number}: {e}")))?;
        apply(number, ops)
    })
}

/// Hands over the records of the batches `after + 1 ..= last`, all of which must be there.
pub(super) fn read<E: From<EngineError>>(
    segments: &[Segment],
    after: u64,
    last: u64,
    mut visit: impl FnMut(&SegmentReader<'_>, Record) -> Result<(), E>,
) -> Result<(), E> {
    if after >= last {
        return Ok(());
    }
    if let Some(gap) = gap(segments, after, last) {
        return Err(gap.into());
    }
    for (segment, next) in from(segments, after + 1) {
        let end = next.map_or(last, |n| n.header.first.saturating_sub(1).min(last));
        let mut reader = SegmentReader::open(segment)?;
        while reader.expected <= end {
            match reader.step()? {
                Step::Record(record) if record.header.kind == Kind::Batch && record.header.number > after => {
                    visit(&reader, record)?;
                }
                Step::Record(_) => {}
                Step::End | Step::Bad => {
                    let missing = reader.expected;
                    let detail = format!("batch {missing}, which was durable, is missing or damaged");
                    return Err(reader.corrupt(detail).into());
                }
            }
        }
    }
    Ok(())
}

/// What is missing if no segment can hold batch `after + 1`, which should be there with all up to `last`. Whether the
/// segments hold what they should is seen when they are read.
pub(super) fn gap(segments: &[Segment], after: u64, last: u64) -> Option<EngineError> {
    let missing = after.saturating_add(1);
    if missing > last || segments.first().is_some_and(|first| first.header.first <= missing) {
        return None;
    }
    let until = segments.first().map_or(last, |first| first.header.first.saturating_sub(1).min(last));
    let file = segments.first().map_or_else(|| "the log".to_owned(), Segment::name);
    let detail = format!("no file of the log has the batches {missing} to {until}");
    Some(EngineError::Corrupt { file, offset: 0, detail })
}

/// Which segment holds batch `number`, or would.
pub(super) fn index_of(segments: &[Segment], number: u64) -> usize {
    segments.iter().rposition(|s| s.header.first <= number).unwrap_or(0)
}

/// The segments that hold batch `number` and later ones, each with its successor.
pub(super) fn from(segments: &[Segment], number: u64) -> impl Iterator<Item = (&Segment, Option<&Segment>)> {
    segments
        .iter()
        .enumerate()
        .skip(index_of(segments, number))
        .map(|(i, segment)| (segment, segments.get(i + 1)))
}
