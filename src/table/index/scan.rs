//! Reading ranges of the engine piece by piece, so that memory does not grow with the range.

use std::sync::Arc;

use crate::engine::{Direction, Engine, Key, KeyRange, Value};
use crate::table::TableError;

/// The number of pairs read at once. Commit parts take up to 64 KiB each.
const READ_AT_ONCE: usize = 128;

/// Calls `each` for every pair of a range, in order.
pub async fn for_each(
    engine: &Arc<dyn Engine>,
    range: KeyRange,
    mut each: impl FnMut(Key, Value) -> Result<(), TableError>,
) -> Result<(), TableError> {
    for_each_while(engine, range, |key, value| each(key, value).map(|()| true)).await
}

/// The same, until `each` returns false.
pub async fn for_each_while(
    engine: &Arc<dyn Engine>,
    mut range: KeyRange,
    mut each: impl FnMut(Key, Value) -> Result<bool, TableError>,
) -> Result<(), TableError> {
    loop {
        let pairs = engine.scan(range.clone(), Direction::Forward, READ_AT_ONCE).await?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        range.start = std::ops::Bound::Excluded(last.clone());
        let complete = pairs.len() < READ_AT_ONCE;
        for (key, value) in pairs {
            if !each(key, value)? {
                return Ok(());
            }
        }
        if complete {
            return Ok(());
        }
    }
}
