//! How much was changed when: the commits of a base between times, counted without reading the log.
//!
//! - The times of commits never go back. So a binary search finds the first commit at or after a time: some
//!   twenty commits are read for each time, however long the log is.
//! - Revisions are consecutive, but for the jumps of [`TIMELINE_JUMP`], one for each restore. So the number of
//!   commits follows from two revisions.
//! - Nothing that is gone counts: a commit of which a part was removed is not in any number.

use crate::engine::Direction;
use crate::model::Timestamp;
use crate::stored::commit::CommitPart;
use crate::stored::header::TIMELINE_JUMP;
use crate::stored::key;
use crate::table::TableError;
use crate::table::open::OpenBase;

/// The commits of a base between times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// How many there are from each time to the next one, and from the last one to the present.
    pub commits: Vec<u64>,
    /// When the oldest commit was made that is still kept, unless all are.
    pub kept_since: Option<Timestamp>,
}

/// The commits between times, which ascend, and from the last of them on.
pub async fn activity(open: &OpenBase, since: &[Timestamp]) -> Result<Activity, TableError> {
    let newest = open.published.read().await.header.revision;
    let oldest = open.parts.engine.scan(key::commits(open.number), Direction::Forward, 1).await?.pop();
    let Some((key, value)) = oldest else {
        return Ok(Activity { commits: vec![0; since.len()], kept_since: None });
    };
    let (revision, part) = key::commit_parts(&key).unwrap_or_default();
    // The first parts of a commit may have been removed before the others.
    let oldest = revision.saturating_add(u64::from(part > 0));
    let is_whole = oldest <= 1;
    let kept_since = if is_whole { None } else { Some(CommitPart::open(&value)?.time) };
    let (mut firsts, mut low) = (Vec::new(), oldest);
    for time in since {
        low = first_at(open, *time, low, newest).await?;
        firsts.push(low);
    }
    let ends = firsts.iter().skip(1).copied().chain([newest.saturating_add(1)]);
    let commits = firsts.iter().zip(ends).map(|(first, end)| commits_between(*first, end)).collect();
    Ok(Activity { commits, kept_since })
}

/// The number of commits from a revision up to the one before `end`.
fn commits_between(first: u64, end: u64) -> u64 {
    let revisions = end.saturating_sub(first);
    // Each jump passes over this many revisions less one, which no commit has.
    revisions % TIMELINE_JUMP + revisions / TIMELINE_JUMP
}

/// The first revision of a commit at or after a time, from `low` up to `newest`; the one after `newest` if
/// there is none.
pub async fn first_at(open: &OpenBase, time: Timestamp, low: u64, newest: u64) -> Result<u64, TableError> {
    let (mut low, mut high) = (low, newest.saturating_add(1));
    // Nothing may have happened for long: then the first commit is the answer.
    let mut middle = low;
    while low < high {
        let range = key::commits_from(open.number, middle);
        match open.parts.engine.scan(range, Direction::Forward, 1).await?.pop() {
            Some((key, value)) if CommitPart::open(&value)?.time < time => {
                low = key::commit_revision(&key).unwrap_or(middle).saturating_add(1);
            }
            Some(_) | None => high = middle,
        }
        middle = low + high.saturating_sub(low) / 2;
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_counts_as_one_commit() {
        for (first, end, commits) in [
            (1, 1, 0),
            (1, 8, 7),
            (5, 5 + TIMELINE_JUMP, 1),
            (5, 9 + TIMELINE_JUMP, 5),
            (7, 10 + 2 * TIMELINE_JUMP, 5),
            (9, 3, 0),
        ] {
            assert_eq!(commits_between(first, end), commits, "{first} {end}");
        }
    }
}
