//! Members as they were at an earlier revision, found in the commit log.
//!
//! A commit has every member that it changes as it was before. So the first commit after a revision that
//! changes a row has the member of that revision. This reads the log a few parts at a time, without any lock.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::engine::Direction;
use crate::model::{Member, Row};
use crate::stored::commit::CommitPart;
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::open::OpenBase;

/// Parts of commits read at once: less than 1 MiB.
const PARTS_AT_ONCE: usize = 16;

/// The members of `revision` at `rows`, each of which was changed since. Reads the log until it has found all
/// of them; rows that it does not have any more are left out.
pub async fn members(
    open: &OpenBase,
    revision: u64,
    mut rows: BTreeSet<Row>,
) -> Result<Vec<(Row, Member)>, TableError> {
    let mut members = Vec::with_capacity(rows.len());
    let mut range = key::commits_from(open.number, revision.saturating_add(1));
    while !rows.is_empty() {
        let parts = open.parts.engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
        let Some((last, _)) = parts.last() else { break };
        range.start = Bound::Excluded(last.clone());
        for (_, value) in &parts {
            let mut part = CommitPart::open(value)?;
            while let Some(change) = part.next_change()? {
                if !change.change.is_of_member() || !rows.remove(&change.row) {
                    continue;
                }
                // Of a change that goes on, the first part has the member before it.
                if let Some(before) = change.before {
                    members.push((change.row, member::decode(before)?));
                }
            }
        }
    }
    Ok(members)
}
