//! Checks the stored results of requests: every time has a result with all its parts, and every part belongs
//! to a result.

use std::ops::Bound;

use crate::engine::{Direction, Key, Value};
use crate::model::Timestamp;
use crate::stored::idempotency::key::{
    PartWidth, request_of, request_parts, request_time, request_time_parts, request_times, requests,
};
use crate::stored::idempotency::{Size, StoredResult};
use crate::table::TableError;
use crate::table::audit::state::Audit;
use crate::table::index::damage::Damage;
use crate::table::index::damage::hex;

/// Keys read in one step.
const READ_TOGETHER: usize = 1_000;

/// Checks the tables of results and of their times against each other.
pub async fn check(audit: &mut Audit<'_>) -> Result<(), TableError> {
    let mut range = request_times();
    loop {
        let times = audit.engine.scan(range.clone(), Direction::Forward, READ_TOGETHER).await?;
        let Some((last, _)) = times.last() else { break };
        range.start = Bound::Excluded(last.clone());
        check_times(audit, &times).await?;
    }
    let mut range = requests();
    // The result whose parts come next: its hashed request id, and the number and width of its parts.
    let mut known = None;
    loop {
        let parts = audit.engine.scan(range.clone(), Direction::Forward, READ_TOGETHER).await?;
        let Some((last, _)) = parts.last() else { return Ok(()) };
        range.start = Bound::Excluded(last.clone());
        check_parts(audit, &parts, &mut known).await?;
    }
}

/// Checks that each time has a result with this time and size, whose parts are all stored and readable.
async fn check_times(audit: &mut Audit<'_>, times: &[(Key, Value)]) -> Result<(), TableError> {
    let mut wanted: Vec<(&Key, Timestamp, u128, Size)> = Vec::new();
    for (key, value) in times {
        match (request_time_parts(key), Size::decode(value)) {
            (None, _) => audit.findings.unknown_key(None, key),
            (_, Err(error)) => audit.findings.add(None, Damage::Unreadable { key: hex(key), error }),
            (Some((at, name)), Ok(size)) => wanted.push((key, at, name, size)),
        }
    }
    let firsts: Vec<Key> = wanted.iter().map(|(_, _, name, size)| request_of(size.width, *name, 0)).collect();
    let firsts = audit.engine.get_many(&firsts).await?;
    for ((key, at, name, size), first) in wanted.into_iter().zip(firsts) {
        // An unreadable result is reported by `check_parts`.
        let stored = first.map(|bytes| StoredResult::decode(&bytes));
        match stored {
            Some(Err(_)) => {}
            Some(Ok(mut stored))
                if (stored.at, stored.parts, stored.width) == (at, size.parts, size.width) =>
            {
                let of = |part| request_of(size.width, name, part);
                let keys: Vec<Key> = (1..=size.parts).map(of).collect();
                let parts: Option<Vec<Value>> = audit.engine.get_many(&keys).await?.into_iter().collect();
                match parts.map(|parts| stored.join(&parts.concat())) {
                    None => audit.findings.add(None, Damage::ResultMissing { key: hex(key) }),
                    Some(Err(error)) => {
                        audit.findings.add(None, Damage::Unreadable { key: hex(&of(1)), error });
                    }
                    Some(Ok(())) => {}
                }
            }
            Some(Ok(_)) | None => audit.findings.add(None, Damage::ResultMissing { key: hex(key) }),
        }
    }
    Ok(())
}

/// Checks that each part belongs to a result, and that each result has its time.
async fn check_parts(
    audit: &mut Audit<'_>,
    parts: &[(Key, Value)],
    known: &mut Option<(u128, u32, PartWidth)>,
) -> Result<(), TableError> {
    let mut times = Vec::new();
    for (key, value) in parts {
        match request_parts(key) {
            None => audit.findings.unknown_key(None, key),
            Some((name, 0, width)) => match StoredResult::decode(value) {
                Ok(stored) => {
                    // If its width differs from that of its key, none of its parts is found, and all are
                    // reported.
                    *known = Some((name, stored.parts, stored.width));
                    times.push((key, request_time(stored.at, name)));
                }
                Err(error) => {
                    *known = Some((name, u32::MAX, width));
                    audit.findings.add(None, Damage::Unreadable { key: hex(key), error });
                }
            },
            Some((name, part, width)) => {
                let is_known = |(known, parts, of)| (known, of) == (name, width) && part <= parts;
                if !known.is_some_and(is_known) {
                    audit.findings.add(None, Damage::ResultLost { key: hex(key) });
                }
            }
        }
    }
    let keys: Vec<Key> = times.iter().map(|(_, time)| time.clone()).collect();
    for ((key, _), time) in times.into_iter().zip(audit.engine.get_many(&keys).await?) {
        if time.is_none() {
            audit.findings.add(None, Damage::ResultLost { key: hex(key) });
        }
    }
    Ok(())
}
