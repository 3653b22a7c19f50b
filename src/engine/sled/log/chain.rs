//! The log as a whole: its end, and its batches in order over all segments.
//!
//! The log ends at the first bad entry. That is **corruption** if something proves that the entry was
//! durable: a later entry whose `durable` covers it, a later segment that begins after it, or the confirmed
//! position. Otherwise it is the torn tail of a power cut, and nothing from there on was ever acknowledged.

use super::entry::{Entry, Kind};
use super::payload::{self, Logged};
use super::reader::{SegmentReader, Step};
use super::segment::Segment;
use crate::engine::EngineError;

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// The last undamaged batch.
    pub(crate) last: u64,
    /// The last batch that is proven durable. Later batches may be in the page cache only.
    pub(crate) proven: u64,
}

/// Finds the end of the log. It reads only the segments that can contain batches after `confirmed`.
pub(crate) fn find_end(segments: &[Segment], confirmed: u64) -> Result<End, EngineError> {
    let mut end = End { last: 0, proven: confirmed };
    for (segment, next) in from(segments, confirmed.saturating_add(1)) {
        let mut reader = SegmentReader::open(segment)?;
        end.proven = end.proven.max(segment.header.first.saturating_sub(1));
        let bad = loop {
            if next.is_some_and(|n| reader.expected() >= n.header.first) {
                break false;
            }
            match reader.step()? {
                Step::Entry(entry) => end.proven = end.proven.max(entry.header.durable),
                Step::End => break false,
                Step::Bad => break true,
            }
        };
        let missing = reader.expected();
        end.last = missing.saturating_sub(1);
        let proof = match next {
            Some(next) if next.header.first > missing => Some("a later segment"),
            Some(_) => None,
            None if confirmed >= missing => Some("the confirmed position"),
            None if bad && reader.is_proven_later(missing)? => Some("a later entry"),
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
                offset = reader.at(),
                "the log has a torn tail; cutting it off"
            );
        }
    }
    Ok(end)
}

/// Passes the batches `after + 1 ..= last` to `apply`; an error if one is missing.
pub(crate) fn replay<E: From<EngineError>>(
    segments: &[Segment],
    after: u64,
    last: u64,
    mut apply: impl FnMut(u64, Vec<Logged>) -> Result<(), E>,
) -> Result<(), E> {
    read(segments, after, last, |reader, entry| {
        let number = entry.header.number;
        let writes =
            payload::decode(&entry.payload).map_err(|e| reader.corrupt(format!("batch {number}: {e}")))?;
        apply(number, writes)
    })
}

/// Passes the entries of the batches `after + 1 ..= last` to `visit`; an error if one is missing.
pub(crate) fn read<E: From<EngineError>>(
    segments: &[Segment],
    after: u64,
    last: u64,
    mut visit: impl FnMut(&SegmentReader<'_>, Entry) -> Result<(), E>,
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
        while reader.expected() <= end {
            match reader.step()? {
                Step::Entry(entry) if entry.header.kind == Kind::Batch && entry.header.number > after => {
                    visit(&reader, entry)?;
                }
                Step::Entry(_) => {}
                Step::End | Step::Bad => {
                    let missing = reader.expected();
                    let detail = format!("batch {missing}, which was durable, is missing or damaged");
                    return Err(reader.corrupt(detail).into());
                }
            }
        }
    }
    Ok(())
}

/// The error if no segment can contain batch `after + 1`, although the batches from there to `last` are
/// needed. Only reading the segments shows whether they do contain them.
pub(crate) fn gap(segments: &[Segment], after: u64, last: u64) -> Option<EngineError> {
    let missing = after.saturating_add(1);
    if missing > last || segments.first().is_some_and(|first| first.header.first <= missing) {
        return None;
    }
    let until = segments.first().map_or(last, |first| first.header.first.saturating_sub(1).min(last));
    let file = segments.first().map_or_else(|| "the log".to_owned(), Segment::name);
    let detail = format!("no file of the log has the batches {missing} to {until}");
    Some(EngineError::Corrupt { file, offset: 0, detail })
}

/// The index of the segment to which batch `number` belongs.
pub(crate) fn index_of(segments: &[Segment], number: u64) -> usize {
    segments.iter().rposition(|s| s.header.first <= number).unwrap_or(0)
}

/// The segments for batch `number` and later ones, each with its successor.
pub(crate) fn from(segments: &[Segment], number: u64) -> impl Iterator<Item = (&Segment, Option<&Segment>)> {
    segments
        .iter()
        .enumerate()
        .skip(index_of(segments, number))
        .map(|(i, segment)| (segment, segments.get(i + 1)))
}
