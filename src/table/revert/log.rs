//! Reading the commit log for a revert: which members it changed, and how they were before.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use roaring::RoaringTreemap;

use crate::engine::{Direction, KeyRange};
use crate::model::origin::{Actor, Call, Cause};
use crate::model::{JobNumber, Reason, Refusal, RevertOf, Row, Timestamp};
use crate::stored::commit::{Change, CommitPart, RowChange};
use crate::stored::key;
use crate::table::TableError;
use crate::table::open::OpenBase;
use crate::table::read::activity::first_at;

/// Parts of commits read at once: about 1.5 MiB.
const PARTS_AT_ONCE: usize = 64;
/// The bytes that a changed member counts for besides its stored form.
const TRACE_BYTES: usize = 160;

/// What the log says about one member.
#[derive(Debug)]
pub struct Trace {
    /// The revision of the first change that is taken back.
    pub first: u64,
    /// The time of the first change.
    pub since: Timestamp,
    /// The revision of the last one.
    pub last: u64,
    /// The stored form before the first one; `None` if there was no member.
    pub before: Option<Bytes>,
    /// When the last one deleted the member, if it did.
    pub deleted_at: Option<Timestamp>,
    /// Whether somebody else changed the member after the first one, as far as the log was read.
    pub is_foreign: bool,
}

/// What the log says about all members.
#[derive(Debug, Default)]
pub struct Traces {
    /// The members that were changed.
    pub members: BTreeMap<Row, Trace>,
    /// The members whose records were changed.
    pub records: RoaringTreemap,
    /// The changes of the memberbase itself: revision and call.
    pub base: Vec<(u64, Option<Call>)>,
    /// Whether one of the members was deleted last.
    has_deleted: bool,
    bytes: usize,
}

/// Which commits are taken back.
#[derive(Debug, Clone, Copy)]
pub struct Own {
    pub of: RevertOf,
    /// The end of what a token did.
    pub until: Timestamp,
    /// The revert itself, whose commits are never taken back.
    pub job: JobNumber,
}

/// How far the log was read.
#[derive(Debug)]
pub struct Walk {
    range: KeyRange,
    /// The last revision that may have to be taken back.
    until: u64,
    /// The last revision that the plan looks at.
    end: u64,
}

impl Own {
    fn has(&self, revision: u64, part: &CommitPart<'_>) -> bool {
        let cause = part.origin.map(|origin| origin.cause);
        let is_job = |job: JobNumber| cause == Some(Cause::Job(u128::from(job.0)));
        !is_job(self.job)
            && match self.of {
                RevertOf::Job(job) => is_job(job),
                RevertOf::Revisions(first, last) => (first..=last).contains(&revision),
                RevertOf::Token(token, since) => {
                    let actor = part.origin.map(|origin| origin.actor);
                    actor == Some(Actor::Token(token)) && (since..=self.until).contains(&part.time)
                }
            }
    }
}

impl Walk {
    /// From the first to the last revision that may have to be taken back. `end` is the last revision of all.
    pub fn new(open: &OpenBase, first: u64, until: u64, end: u64) -> Self {
        Self { range: key::commits_from(open.number, first), until: until.min(end), end }
    }

    /// Reads on. Returns `false` at the end. What comes after the last change that is taken back is read only
    /// if members were deleted: they may have come back and be deleted again.
    pub async fn read(
        &mut self,
        open: &OpenBase,
        own: &Own,
        traces: &mut Traces,
    ) -> Result<bool, TableError> {
        let parts = open.parts.engine.scan(self.range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
        let Some((last, _)) = parts.last() else { return Ok(false) };
        self.range.start = Bound::Excluded(last.clone());
        for (key, value) in parts {
            let revision = key::commit_revision(&key).unwrap_or(u64::MAX);
            if revision > self.end || (revision > self.until && !traces.has_deleted) {
                return Ok(false);
            }
            traces.add(revision, own, &value)?;
        }
        if traces.bytes > open.parts.revert_bytes {
            return Err(Refusal::new(Reason::RevertTooLarge).into());
        }
        Ok(true)
    }
}

impl Traces {
    fn add(&mut self, revision: u64, own: &Own, value: &[u8]) -> Result<(), TableError> {
        let mut part = CommitPart::open(value)?;
        let is_own = own.has(revision, &part);
        let (time, call) = (part.time, part.origin.map(|origin| origin.call));
        while let Some(change) = part.next_change()? {
            match change.change {
                _ if change.goes_on => {}
                Change::Base | Change::Audience | Change::AudienceRows if is_own => {
                    self.base.push((revision, call));
                }
                Change::Records if is_own => drop(self.records.insert(change.row.0)),
                Change::Base | Change::Records | Change::Audience | Change::AudienceRows => {}
                Change::Created | Change::Updated | Change::Reactivated | Change::Deleted => {
                    if is_own {
                        self.own(revision, time, &change);
                    } else if let Some(trace) = self.members.get_mut(&change.row) {
                        trace.is_foreign = true;
                    }
                }
            }
        }
        Ok(())
    }

    fn own(&mut self, revision: u64, time: Timestamp, change: &RowChange<'_>) {
        let bytes = &mut self.bytes;
        let trace = self.members.entry(change.row).or_insert_with(|| {
            *bytes += TRACE_BYTES + change.before.map_or(0, <[u8]>::len);
            let before = change.before.map(Bytes::copy_from_slice);
            let (first, last) = (revision, revision);
            Trace { first, since: time, last, before, deleted_at: None, is_foreign: false }
        });
        trace.last = revision;
        trace.deleted_at = (change.change == Change::Deleted).then_some(time);
        self.has_deleted |= trace.deleted_at.is_some();
    }
}

/// Where the changes begin that are to be taken back.
#[derive(Debug, Clone, Copy)]
pub enum Since {
    /// At this revision.
    Revision(u64),
    /// With the first commit at or after this time.
    Time(Timestamp),
}

/// The first revision since then. Refuses a revert if the log no longer has all commits since then.
pub async fn check_log(open: &OpenBase, since: Since) -> Result<u64, TableError> {
    let (newest, committed_at) = {
        let header = &open.published.read().await.header;
        (header.revision, header.committed_at)
    };
    match since {
        Since::Revision(revision) if revision > newest => return Ok(revision),
        Since::Time(time) if time > committed_at => return Ok(newest + 1),
        Since::Revision(_) | Since::Time(_) => {}
    }
    let oldest = open.parts.engine.scan(key::commits(open.number), Direction::Forward, 1).await?.pop();
    let gone = || Err(Refusal::new(Reason::CommitsGone).into());
    let Some((key, value)) = oldest else { return if newest == 0 { Ok(1) } else { gone() } };
    // The first parts of a commit may have been removed before the others.
    let (oldest, part) = key::commit_parts(&key).unwrap_or_default();
    let oldest = oldest.saturating_add(u64::from(part > 0));
    match since {
        _ if oldest <= 1 => {}
        Since::Revision(revision) if revision >= oldest => {}
        Since::Time(time) if CommitPart::open(&value)?.time < time => {}
        Since::Revision(_) | Since::Time(_) => return gone(),
    }
    match since {
        Since::Revision(revision) => Ok(revision),
        Since::Time(time) => first_at(open, time, 0, newest).await,
    }
}
