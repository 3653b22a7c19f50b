//! Lists the values that cannot be read, when a check met one of them.

use super::scan::{MANY_ROWS, WHOLE_ROWS, after};
use crate::engine::postgres::core::Core;
use crate::engine::postgres::pieces::damaged;
use crate::engine::postgres::reading::{Page, Reads, Span};
use crate::engine::{Direction, EngineError};

/// See [`Engine::unreadable`](crate::engine::Engine::unreadable).
pub(super) async fn unreadable(
    core: &Core,
    reads: &Reads,
    most: usize,
) -> Result<Vec<EngineError>, EngineError> {
    let (mut found, mut start, mut rows) = (Vec::new(), Vec::new(), MANY_ROWS);
    while found.len() < most {
        let span = Span { start: start.clone(), end: None, direction: Direction::Forward, rows };
        let Page { values, next } = match reads.page(core, span).await {
            Ok(page) => page,
            // The database itself cannot read a row of the page.
            Err(EngineError::Corrupt { .. }) if rows > WHOLE_ROWS => {
                rows = (rows / 2).max(WHOLE_ROWS);
                continue;
            }
            Err(error @ EngineError::Corrupt { .. }) => {
                // Where that row ends is not known, so what follows cannot be looked at.
                found.push(error);
                break;
            }
            Err(error) => return Err(error),
        };
        let is_stuck = values.is_empty();
        found.extend(values.into_iter().filter_map(|(_, value)| value.err()));
        match next {
            None => break,
            // One key has more pieces than any value; its page shows none of them.
            Some(next) if is_stuck && rows >= WHOLE_ROWS => {
                found.push(damaged(&next));
                start = after(&next);
            }
            Some(next) => start = next.to_vec(),
        }
        rows = MANY_ROWS;
    }
    found.truncate(most);
    Ok(found)
}
