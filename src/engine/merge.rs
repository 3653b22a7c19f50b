//! Reading an ordered store through the batches that it does not have yet.
//!
//! A scan takes the range piece by piece: it copies the published writes of the piece under the lock on the
//! pending batches, and then reads the store beneath without that lock. A batch stays pending until the store
//! has it, so a scan misses no key between the two. Of a batch that is published meanwhile, the scan may see
//! a part, as the contract of the engine allows.

use std::cmp::Ordering;
use std::ops::Bound;

use bytes::Bytes;

use super::{Direction, EngineError, Key, KeyRange, Value};

/// The number of pending writes that a scan copies at a time.
const PIECE: usize = 1024;

/// Published writes of a range in scan order, and whether more of them follow the last.
#[derive(Debug)]
pub(crate) struct Overlay {
    pub(crate) writes: Vec<(Bytes, Option<Value>)>,
    pub(crate) more: bool,
}

/// The pairs of the store beneath, in scan order.
pub(crate) type Below<'a> = Box<dyn Iterator<Item = Result<(Key, Value), EngineError>> + 'a>;

/// Up to `limit` pairs of `range`: the pairs of `below`, with the writes of `overlay` applied to them.
pub(crate) fn scan<'a>(
    mut range: KeyRange,
    direction: Direction,
    limit: usize,
    overlay: impl Fn(&KeyRange, usize) -> Overlay,
    below: impl Fn(&KeyRange) -> Below<'a>,
) -> Result<Vec<(Key, Value)>, EngineError> {
    let mut found = Vec::new();
    while found.len() < limit && !is_empty(&range) {
        let Overlay { writes, more } = overlay(&range, PIECE);
        let last = writes.last().map(|(key, _)| key.to_vec()).filter(|_| more);
        let piece = match (&last, direction) {
            (Some(last), Direction::Forward) => {
                KeyRange { end: Bound::Included(last.clone()), ..range.clone() }
            }
            (Some(last), Direction::Backward) => {
                KeyRange { start: Bound::Included(last.clone()), ..range.clone() }
            }
            (None, _) => range.clone(),
        };
        merge(writes, below(&piece), direction, limit, &mut found)?;
        match (last, direction) {
            (Some(last), Direction::Forward) => range.start = Bound::Excluded(last),
            (Some(last), Direction::Backward) => range.end = Bound::Excluded(last),
            (None, _) => break,
        }
    }
    Ok(found)
}

fn merge(
    writes: Vec<(Bytes, Option<Value>)>,
    below: Below<'_>,
    direction: Direction,
    limit: usize,
    found: &mut Vec<(Key, Value)>,
) -> Result<(), EngineError> {
    let mut writes = writes.into_iter().peekable();
    let mut below = below.peekable();
    while found.len() < limit {
        let first = match (writes.peek(), below.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) | (Some(_), Some(Err(_))) => Ordering::Greater,
            (Some((over, _)), Some(Ok((under, _)))) => match direction {
                Direction::Forward => over.as_ref().cmp(under.as_slice()),
                Direction::Backward => under.as_slice().cmp(over.as_ref()),
            },
        };
        if first == Ordering::Greater {
            found.extend(below.next().transpose()?);
            continue;
        }
        if first == Ordering::Equal {
            below.next();
        }
        if let Some((key, Some(value))) = writes.next() {
            found.push((key.to_vec(), value));
        }
    }
    Ok(())
}

/// Whether `range` cannot contain a key. The standard library's ordered map panics on some of these ranges.
fn is_empty(range: &KeyRange) -> bool {
    match (&range.start, &range.end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end) | Bound::Included(end)) => {
            start >= end
        }
    }
}
