//! The members that earlier jobs created after a list arrived.
//!
//! The jobs of a memberbase run in the order in which they were sent. So a list that waited for its turn is
//! newer than what the jobs before it wrote meanwhile, although they wrote it after the list arrived. Lists
//! that are sent one after another leave what they would have left if each had waited for the one before.

use std::ops::Bound;

use roaring::RoaringTreemap;

use crate::engine::Direction;
use crate::model::origin::Cause;
use crate::model::{JobNumber, Timestamp};
use crate::stored::commit::{Change, CommitPart};
use crate::stored::key;
use crate::table::TableError;
use crate::table::open::OpenBase;
use crate::table::read::activity::first_at;

/// Parts of commits read at once: about 1.5 MiB.
const PARTS_AT_ONCE: usize = 64;

/// The rows that jobs before `job` created since a time, up to a revision.
pub async fn created(
    open: &OpenBase,
    job: JobNumber,
    since: Timestamp,
    end: u64,
) -> Result<RoaringTreemap, TableError> {
    let mut created = RoaringTreemap::new();
    let first = first_at(open, since, 0, end).await?;
    let mut range = key::commits_from(open.number, first);
    loop {
        let parts = open.parts.engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
        let Some((last, _)) = parts.last() else { return Ok(created) };
        range.start = Bound::Excluded(last.clone());
        for (key, value) in parts {
            if key::commit_revision(&key).unwrap_or(u64::MAX) > end {
                return Ok(created);
            }
            add(&mut created, job, &value)?;
        }
        // The list may have waited for days, and the engine reads without giving others a turn.
        tokio::task::yield_now().await;
    }
}

fn add(created: &mut RoaringTreemap, job: JobNumber, value: &[u8]) -> Result<(), TableError> {
    let mut part = CommitPart::open(value)?;
    let is_earlier = |cause| matches!(cause, Cause::Job(number) if number < u128::from(job.0));
    if !part.origin.is_some_and(|origin| is_earlier(origin.cause)) {
        return Ok(());
    }
    while let Some(change) = part.next_change()? {
        if matches!(change.change, Change::Created) {
            created.insert(change.row.0);
        }
    }
    Ok(())
}
