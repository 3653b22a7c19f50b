//! Scans: pages of the table, with what the backlog knows put over them.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::engine::postgres::core::Core;
use crate::engine::postgres::pieces::{MAX_PIECES, damaged};
use crate::engine::postgres::reading::{Page, Reads, Span};
use crate::engine::{Direction, EngineError, Key, KeyRange, Value};

/// The rows of the first page, at least, and of every page, at most.
const FEW_ROWS: usize = 8;
pub(super) const MANY_ROWS: usize = 2048;
/// The rows of a page in which there is room for any whole value.
pub(super) const WHOLE_ROWS: usize = 2 * MAX_PIECES;

pub(super) async fn scan(
    core: &Core,
    reads: &Reads,
    range: KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Vec<(Key, Value)>, EngineError> {
    let (mut start, mut end) = (first(range.start), end(range.end));
    let mut found = Vec::new();
    let mut least_rows = FEW_ROWS;
    while found.len() < limit && end.as_ref().is_none_or(|end| start < *end) {
        let rows = (limit - found.len()).saturating_add(1).clamp(least_rows, MANY_ROWS);
        let span = Span { start: start.clone(), end: end.clone(), direction, rows };
        let Page { values, next } = reads.page(core, span).await?;
        // A value of many pieces needs a larger page.
        least_rows = if values.is_empty() { WHOLE_ROWS } else { least_rows };
        if let Some(next) = &next
            && values.is_empty()
            && rows >= WHOLE_ROWS
        {
            // More pieces than any value has: larger pages would never end.
            return Err(damaged(next));
        }
        let mut values: BTreeMap<Bytes, Result<Value, EngineError>> = values.into_iter().collect();
        // What the page covers: all of the span, or up to the key at which it ended.
        let (from, to) = match (&next, direction) {
            (None, _) => (start.clone(), end.clone()),
            (Some(next), Direction::Forward) => (start.clone(), Some(next.to_vec())),
            (Some(next), Direction::Backward) => (after(next), end.clone()),
        };
        for (key, value) in core.backlog.shown_in(&from, to.as_deref()) {
            match value {
                Some(value) => values.insert(key, Ok(value)),
                None => values.remove(&key),
            };
        }
        let pairs = values.into_iter().map(|(key, value)| Ok((key.to_vec(), value?)));
        let room = limit - found.len();
        // A value that cannot be read is an error only if it is asked for.
        let page: Result<Vec<_>, EngineError> = match direction {
            Direction::Forward => pairs.take(room).collect(),
            Direction::Backward => pairs.rev().take(room).collect(),
        };
        found.extend(page?);
        match (next, direction) {
            (None, _) => break,
            (Some(next), Direction::Forward) => start = next.to_vec(),
            (Some(next), Direction::Backward) => end = Some(after(&next)),
        }
    }
    core.may_answer()?;
    Ok(found)
}

/// The first key of a range.
fn first(start: Bound<Key>) -> Vec<u8> {
    match start {
        Bound::Unbounded => Vec::new(),
        Bound::Included(key) => key,
        Bound::Excluded(key) => after(&key),
    }
}

/// The first key behind a range.
fn end(end: Bound<Key>) -> Option<Vec<u8>> {
    match end {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(after(&key)),
        Bound::Excluded(key) => Some(key),
    }
}

/// The key that follows `key` immediately.
pub(super) fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
