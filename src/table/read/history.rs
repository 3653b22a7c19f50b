//! The history of one member, from the newest change back, read from the commit log.
//!
//! There is no index from rows to commits. The changes of a member are a chain instead: its stored form names
//! the revision of its last change, and the commit of that revision has the stored form before, which names
//! the revision of the change before that. A [`HistoryWalk`] follows this chain.
//!
//! - **A revision is one change.** A commit may change a row several times, because a request may have several
//!   rows for one member. Nobody ever saw the member in between, so the walk returns one change: from the
//!   member before the first of them to the member after the last.
//! - **Only a deletion has to be searched for**, because no stored form names it: the last one of a member
//!   that is deleted, and the one before a member came back. The search reads the log backwards.
//! - **A walk has bounds.** It reads about as many bytes of the log as it is given, and at most two commits
//!   more. Then it says [`Told::Pause`], and another walk goes on at its [`place`](HistoryWalk::place).
//! - **No end is silent.** The walk says whether it came to the creation of the member or only to the first
//!   commit that the log still has.
//! - **Nobody is brought back by looking.** Of a member that is deleted only those commits are read that are
//!   younger than the time in which it can come back. If its deletion is older, there is nothing.
//! - **Walks fit together.** Commits never change, so what a later walk returns does not depend on what is
//!   written meanwhile. Changes made after the first walk began are not in the history.
//!
//! Not in this history, because they do not write the member: changes of its records, and moves between
//! audiences that a change of the audience caused. Nothing holds the view lock here.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::engine::{Direction, Value};
use crate::model::limits::UNDELETE_PART_MIN_BYTES;
use crate::model::origin::Call;
use crate::model::{AudienceNumber, Member, Origin, Row, Status, Timestamp};
use crate::stored::commit::{Change, CommitPart, RowChange};
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::open::OpenBase;

/// Parts of commits read at once: less than 1 MiB.
const PARTS_AT_ONCE: usize = 16;

/// One change of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryChange {
    /// The revision of the commit.
    pub revision: u64,
    /// When the commit was made.
    pub at: Timestamp,
    /// Where it came from; `None` if the commit is so old that it does not say.
    pub origin: Option<Origin>,
    /// What happened.
    pub kind: HistoryKind,
    /// The member before; `None` if it did not exist.
    pub before: Option<Member>,
    /// The member after; `None` if it was deleted.
    pub after: Option<Member>,
    /// The audiences that the member entered (`true`) or left because of this change.
    pub audiences: Vec<(AudienceNumber, bool)>,
}

/// What happened to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    /// It was created.
    Created,
    /// Fields of it changed.
    Updated,
    /// It left the status `inactive`; fields may have changed too.
    Reactivated,
    /// It was deleted.
    Deleted,
    /// It came back after it was deleted.
    Restored,
}

/// Where a history ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryEnd {
    /// At the creation of the member.
    Creation,
    /// There were earlier changes, which are no longer kept, or are no longer shown of a deleted member.
    Retention,
}

/// What a walk says next.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A change, older than those before.
    Change(Box<HistoryChange>),
    /// The walk has read as much as it may. It goes on at its [`place`](HistoryWalk::place).
    Pause,
    /// There are no more changes.
    End(HistoryEnd),
    /// There is no such member: it was deleted and can no longer come back.
    Missing,
}

/// Where a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryPlace {
    /// Below the change of this revision.
    After(u64),
    /// The last deletion of the member is sought below this revision. No change was returned yet.
    FirstBelow(u64),
    /// The same, after changes were returned.
    Below(u64),
}

/// A walk through the history of one member.
pub struct HistoryWalk<'a> {
    open: &'a OpenBase,
    row: Row,
    /// Commits made then or earlier are not read, because the member is deleted.
    since: Option<Timestamp>,
    next: Next,
    /// How many bytes of the log it may still read.
    left: u64,
    /// Whether its place has moved. No walk stops before, so that a series of walks comes to its end.
    has_moved: bool,
}

/// What a walk does next.
enum Next {
    /// Reads the commit that made the member `after`.
    Change {
        revision: u64,
        after: Option<Box<Member>>,
        place: Option<HistoryPlace>,
    },
    /// Reads the commit of a change that was returned, for the member before it.
    Again(u64),
    /// Looks for the last deletion below a revision.
    Search {
        below: u64,
        is_first: bool,
    },
    End(HistoryEnd),
    Missing,
}

/// What a commit says about the row.
struct Found {
    time: Timestamp,
    origin: Option<Origin>,
    before: Option<Bytes>,
    audiences: BTreeMap<AudienceNumber, bool>,
}

impl<'a> HistoryWalk<'a> {
    /// A walk that reads about `bytes` of the log. `present` is the member at `row` at `revision`, `now` the
    /// time of that view, and `place` the place where an earlier walk through the same history stopped.
    pub fn new(
        open: &'a OpenBase,
        row: Row,
        (present, revision, now): (Option<Member>, u64, Timestamp),
        place: Option<HistoryPlace>,
        bytes: u64,
    ) -> Self {
        let since = Timestamp::from_micros(now.micros().saturating_sub(open.parts.undelete_micros));
        let since = present.is_none().then_some(since);
        let next = match (place, present) {
            (Some(HistoryPlace::After(revision)), _) => Next::Again(revision),
            (Some(HistoryPlace::FirstBelow(below)), _) => Next::Search { below, is_first: true },
            (Some(HistoryPlace::Below(below)), _) => Next::Search { below, is_first: false },
            (None, Some(member)) => {
                Next::Change { revision: member.revision, after: Some(Box::new(member)), place: None }
            }
            (None, None) => Next::Search { below: revision.saturating_add(1), is_first: true },
        };
        Self { open, row, since, next, left: bytes, has_moved: false }
    }

    /// The next change.
    pub async fn next(&mut self) -> Result<Told, TableError> {
        loop {
            match &self.next {
                Next::End(end) => return Ok(Told::End(*end)),
                Next::Missing => return Ok(Told::Missing),
                Next::Change { .. } | Next::Again(_) | Next::Search { .. } => {}
            }
            if self.has_moved && self.left == 0 {
                return Ok(Told::Pause);
            }
            match std::mem::replace(&mut self.next, Next::Missing) {
                Next::Change { revision, after, .. } => {
                    let Some(found) = self.commit(revision).await? else {
                        self.next = Next::End(HistoryEnd::Retention);
                        continue;
                    };
                    let change = change(revision, after.map(|member| *member), found)?;
                    self.next = below(revision, change.before.as_ref(), change.kind)?;
                    self.has_moved = true;
                    return Ok(Told::Change(Box::new(change)));
                }
                Next::Again(revision) => {
                    let before = match self.commit(revision).await? {
                        Some(Found { before: Some(before), .. }) => Some(member::decode(&before)?),
                        Some(_) | None => None,
                    };
                    self.next = match before {
                        Some(before) => below(revision, Some(&before), HistoryKind::Updated)?,
                        None => Next::End(HistoryEnd::Retention),
                    };
                }
                Next::Search { below, is_first } => {
                    self.next = self.search(below, is_first).await?;
                    self.has_moved |= matches!(self.next, Next::Search { .. });
                }
                end @ (Next::End(_) | Next::Missing) => self.next = end,
            }
        }
    }

    /// Where another walk goes on after what this one has said; `None` at the end, and before this one has
    /// said anything.
    pub fn place(&self) -> Option<HistoryPlace> {
        match self.next {
            Next::Change { place, .. } => place,
            Next::Again(revision) => Some(HistoryPlace::After(revision)),
            Next::Search { below, is_first: true } => Some(HistoryPlace::FirstBelow(below)),
            Next::Search { below, is_first: false } => Some(HistoryPlace::Below(below)),
            Next::End(_) | Next::Missing => None,
        }
    }

    /// Where the history ends, if this is known without reading more.
    pub fn end(&self) -> Option<HistoryEnd> {
        match self.next {
            Next::End(end) => Some(end),
            Next::Change { .. } | Next::Again(_) | Next::Search { .. } | Next::Missing => None,
        }
    }

    /// What the commit of a revision says about the row; `None` if it is no longer there, or too old.
    async fn commit(&mut self, revision: u64) -> Result<Option<Found>, TableError> {
        let mut range = key::commit_of(self.open.number, revision);
        let (mut found, mut has_first, mut has_last) = (None, false, false);
        while !has_last {
            let parts = self.open.parts.engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
            let Some((last, _)) = parts.last() else { break };
            range.start = Bound::Excluded(last.clone());
            for (key, value) in &parts {
                self.weigh(value);
                has_first |= key::commit_parts(key).is_some_and(|(_, part)| part == 0);
                let mut part = CommitPart::open(value)?;
                has_last |= part.last;
                while let Some(change) = part.next_change()? {
                    if change.row == self.row && change.change.is_of_member() {
                        found.get_or_insert_with(|| Found::first(&part, &change)).add(&change);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        match found {
            // The first parts are removed first, and what they said about the row with them.
            _ if !has_first => Ok(None),
            Some(found) => Ok(Some(found).filter(|found| self.since.is_none_or(|since| found.time > since))),
            None if has_last => {
                let text = format!("commit {revision} does not change row {}, which names it", self.row.0);
                Err(TableError::Damaged(text))
            }
            None => Ok(None),
        }
    }

    /// Looks for the last deletion of the row below a revision.
    async fn search(&mut self, below: u64, is_first: bool) -> Result<Next, TableError> {
        let base = self.open.number;
        let is_missing = is_first && self.since.is_some();
        let over = if is_missing { Next::Missing } else { Next::End(HistoryEnd::Retention) };
        let mut range = key::commits(base);
        range.end = Bound::Excluded(key::commit(base, below, 0));
        let mut oldest = below;
        loop {
            let parts =
                self.open.parts.engine.scan(range.clone(), Direction::Backward, PARTS_AT_ONCE).await?;
            let Some((last, _)) = parts.last() else {
                // The log has all commits, so the member was never deleted.
                let is_whole = !is_first && oldest <= 1;
                return Ok(if is_whole { Next::End(HistoryEnd::Creation) } else { over });
            };
            range.end = Bound::Excluded(last.clone());
            for (key, value) in &parts {
                self.weigh(value);
                let (revision, number) = key::commit_parts(key).unwrap_or_default();
                oldest = revision;
                let mut part = CommitPart::open(value)?;
                if self.since.is_some_and(|since| part.time <= since) {
                    return Ok(over);
                }
                while let Some(change) = part.next_change()? {
                    if change.row == self.row && change.change == Change::Deleted {
                        let below = revision.saturating_add(1);
                        let place = if is_first {
                            HistoryPlace::FirstBelow(below)
                        } else {
                            HistoryPlace::Below(below)
                        };
                        return Ok(Next::Change { revision, after: None, place: Some(place) });
                    }
                }
                // Only between two commits, so that another walk goes on where this one stopped.
                if self.left == 0 && number == 0 {
                    return Ok(Next::Search { below: revision, is_first });
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn weigh(&mut self, part: &Value) {
        let bytes = u64::try_from(part.len()).unwrap_or(u64::MAX).max(UNDELETE_PART_MIN_BYTES);
        self.left = self.left.saturating_sub(bytes);
    }
}

impl Found {
    /// The first change of the row in its commit.
    fn first(part: &CommitPart<'_>, change: &RowChange<'_>) -> Self {
        let before = change.before.map(Bytes::copy_from_slice);
        Self { time: part.time, origin: part.origin, before, audiences: BTreeMap::new() }
    }

    /// Adds the moves of a change, which may take back earlier ones.
    fn add(&mut self, change: &RowChange<'_>) {
        for delta in &change.audiences {
            if self.audiences.remove(&delta.audience) != Some(!delta.enters) {
                self.audiences.insert(delta.audience, delta.enters);
            }
        }
    }

    /// Whether the member, which the commit created, had been there before. It keeps the time of its creation.
    fn is_return(&self, after: Option<&Member>) -> bool {
        let call = self.origin.map(|origin| origin.call);
        matches!(call, Some(Call::UNDELETE_MEMBERS | Call::REVERT))
            || after.is_some_and(|member| member.created_at != self.time)
    }
}

fn change(revision: u64, after: Option<Member>, found: Found) -> Result<HistoryChange, TableError> {
    let before = found.before.as_ref().map(|bytes| member::decode(bytes)).transpose()?;
    let kind = match (&before, &after) {
        (_, None) => HistoryKind::Deleted,
        (None, Some(_)) if found.is_return(after.as_ref()) => HistoryKind::Restored,
        (None, Some(_)) => HistoryKind::Created,
        (Some(before), Some(after)) if before.status == Status::Inactive && after.status != before.status => {
            HistoryKind::Reactivated
        }
        (Some(_), Some(_)) => HistoryKind::Updated,
    };
    let Found { time: at, origin, audiences, .. } = found;
    let audiences = audiences.into_iter().collect();
    Ok(HistoryChange { revision, at, origin, kind, before, after, audiences })
}

/// What comes below the change of a revision, before which the member was `before`.
fn below(revision: u64, before: Option<&Member>, kind: HistoryKind) -> Result<Next, TableError> {
    Ok(match before {
        Some(member) if member.revision < revision => Next::Change {
            revision: member.revision,
            after: Some(Box::new(member.clone())),
            place: Some(HistoryPlace::After(revision)),
        },
        Some(_) => {
            let text = format!("the member before commit {revision} names that commit or a later one");
            return Err(TableError::Damaged(text));
        }
        None if kind == HistoryKind::Restored => Next::Search { below: revision, is_first: false },
        None => Next::End(HistoryEnd::Creation),
    })
}
