//! When the records of a member changed last.

use std::ops::Bound;
use std::sync::Arc;

use crate::engine::{Direction, Engine, Key, Value};
use crate::model::{BaseNumber, Row, Timestamp};
use crate::stored::{member_record, record_key};
use crate::table::TableError;

/// Records read at once.
const RECORDS: usize = 500;

/// When a record of the member was attached or changed last; `None` if it has none. `newer` has values that
/// are not published yet.
pub async fn last_change(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    row: Row,
    newer: impl Fn(&Key) -> Option<Option<Value>>,
) -> Result<Option<Timestamp>, TableError> {
    let mut last = None;
    let mut range = record_key::records_of_row(base, row);
    loop {
        let found = engine.scan(range.clone(), Direction::Forward, RECORDS).await?;
        let Some((end, _)) = found.last() else { return Ok(last) };
        range.start = Bound::Excluded(end.clone());
        for (key, value) in found {
            let place = record_key::record_place(&key);
            let place =
                place.ok_or_else(|| TableError::Damaged("the key of a record cannot be read".to_owned()))?;
            let Some(value) = newer(&key).unwrap_or(Some(value)) else { continue };
            last = last.max(Some(member_record::decode(place.kind, &value)?.changed_at()));
        }
    }
}
