//! Finding deleted members in the commit log.
//!
//! There is no index from rows to commits, so the log is read from its end: a few parts at a time, without
//! any lock, and no further back than members can come back.
//!
//! - A search for somebody who is not there reads all of that. It ends when its caller leaves or the deadline
//!   passes, and it reads no more than [`Parts::undelete_log_bytes`](crate::table::open::Parts): what was
//!   deleted before can no longer come back.
//! - A row that is found empty stays empty while [`OpenBase::undeleting`] is held, because only an undelete
//!   fills a row again.
//! - A member is found only if it is certain that this was its last deletion.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use roaring::RoaringTreemap;

use crate::engine::{Direction, Engine, Key, Value};
use crate::model::limits::{ATOMIC_MAX_BYTES, UNDELETE_PART_MIN_BYTES};
use crate::model::{BaseNumber, Member, Ref, Row, Timestamp};
use crate::stored::block::place;
use crate::stored::commit::{Change, CommitPart};
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::index::block;
use crate::table::open::OpenBase;
use crate::table::read::view::{MemberKey, View};

/// Parts of commits read at once: less than 1 MiB.
const PARTS_AT_ONCE: usize = 16;
/// Rows whose blocks are read at once.
const ROWS_AT_ONCE: usize = 128;

/// Members that one commit deletes at most.
const ONE_COMMIT_DELETES: usize = 1_000;

/// How a request says which members come back.
#[derive(Debug, Clone)]
pub enum WhichDeleted {
    /// By place.
    Rows(Vec<Row>),
    /// By the ref that each had when it was deleted; of several, the one deleted last.
    Refs(Vec<Ref>),
    /// All that the commit of this revision deleted.
    Revision(u64),
}

impl WhichDeleted {
    /// The members that the request names, or that one commit deletes at most.
    pub fn members(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Refs(refs) => refs.len(),
            Self::Revision(_) => ONE_COMMIT_DELETES,
        }
    }
}

/// What was found for one member of a request.
#[derive(Debug, Clone)]
pub enum Sought {
    /// There never was such a member, or it can no longer come back. Its row, if it is known.
    Missing(Option<Row>),
    /// It is not deleted.
    Living(Row),
    /// It is deleted.
    Deleted(Deleted),
}

/// A deleted member.
#[derive(Debug, Clone)]
pub struct Deleted {
    /// Its row.
    pub row: Row,
    /// When it was deleted.
    pub at: Timestamp,
    /// Its stored form before that.
    pub record: Bytes,
}

impl Sought {
    /// The deleted member, if there is one.
    pub fn deleted(&self) -> Option<&Deleted> {
        match self {
            Self::Deleted(deleted) => Some(deleted),
            Self::Missing(_) | Self::Living(_) => None,
        }
    }
}

/// Finds the members. The caller holds [`OpenBase::undeleting`].
pub async fn find(
    open: &OpenBase,
    which: &WhichDeleted,
    deadline: Option<Instant>,
) -> Result<Vec<Sought>, TableError> {
    let now = open.now(&open.published.read().await.header).micros();
    let since = Timestamp::from_micros(now.saturating_sub(open.parts.undelete_micros));
    let search = Search { open, since, deadline, bytes: 0, found: BTreeMap::new() };
    match which {
        WhichDeleted::Rows(rows) => search.rows(rows).await,
        WhichDeleted::Refs(refs) => search.refs(refs).await,
        WhichDeleted::Revision(revision) => search.revision(*revision).await,
    }
}

struct Search<'a> {
    open: &'a OpenBase,
    /// Members that were deleted then or earlier can no longer come back.
    since: Timestamp,
    deadline: Option<Instant>,
    /// Bytes of the records found.
    bytes: usize,
    /// The last deletion of each row.
    found: BTreeMap<Row, Deleted>,
}

/// Walks backwards through the commit log.
struct Walk {
    end: Option<Bound<Key>>,
    /// Revisions up to this one are not read.
    down_to: u64,
    /// How many bytes it may still read.
    left: u64,
    /// Whether it has reached commits that are too old, or may read no more.
    is_over: bool,
}

impl Search<'_> {
    async fn rows(mut self, rows: &[Row]) -> Result<Vec<Sought>, TableError> {
        let next_row = self.view().await.next_row();
        let living = self.living(rows.iter().copied().filter(|row| *row < next_row)).await?;
        let empty = |row: &&Row| **row < next_row && !living.contains(row);
        let mut wanted: BTreeSet<Row> = rows.iter().filter(empty).copied().collect();
        self.last_deletions(&mut wanted, 0).await?;
        Ok(rows.iter().map(|row| self.sought(*row, living.contains(row))).collect())
    }

    async fn revision(mut self, revision: u64) -> Result<Vec<Sought>, TableError> {
        let mut range = key::commits_from(self.open.number, revision);
        let mut rows: Vec<Deleted> = Vec::new();
        'parts: loop {
            let parts = self.open.parts.engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
            let Some((last, _)) = parts.last() else { break };
            range.start = Bound::Excluded(last.clone());
            for (key, part) in parts {
                if key::commit_revision(&key) != Some(revision) {
                    break 'parts;
                }
                for deleted in deletions(&part)? {
                    self.weigh(&deleted)?;
                    rows.push(deleted);
                }
            }
            self.check_wanted()?;
        }
        let living = self.living(rows.iter().map(|deleted| deleted.row)).await?;
        let empty = rows.iter().map(|deleted| deleted.row).filter(|row| !living.contains(row));
        let mut again: BTreeSet<Row> = empty.collect();
        let is_certain = self.last_deletions(&mut again, revision).await?;
        let sought = |deleted: Deleted| match deleted.row {
            row if living.contains(&row) => Sought::Living(row),
            // A later commit deleted the member again, or may have done so.
            row if !is_certain || self.found.contains_key(&row) => Sought::Missing(Some(row)),
            row if deleted.at <= self.since => Sought::Missing(Some(row)),
            _ => Sought::Deleted(deleted),
        };
        Ok(rows.into_iter().map(sought).collect())
    }

    async fn refs(mut self, refs: &[Ref]) -> Result<Vec<Sought>, TableError> {
        let mut open: HashMap<&str, Option<Row>> = refs.iter().map(|ref_| (ref_.as_str(), None)).collect();
        let begun = self.view().await.revision();
        let mut left = open.len();
        let (mut seen, mut walk) = (RoaringTreemap::new(), self.walk(0));
        while left > 0 {
            let Some(parts) = self.next_parts(&mut walk).await? else { break };
            let mut met: Vec<(Deleted, Ref)> = Vec::new();
            for part in parts {
                for deleted in self.deletions(&part)? {
                    let is_last = seen.insert(deleted.row.0);
                    let Some(ref_) = member::decode(&deleted.record)?.profile.ref_ else { continue };
                    if is_last && open.get(ref_.as_str()) == Some(&None) {
                        met.push((deleted, ref_));
                    }
                }
            }
            let living = self.living(met.iter().map(|(deleted, _)| deleted.row)).await?;
            for (deleted, ref_) in met {
                let Some(place) = open.get_mut(ref_.as_str()) else { continue };
                if place.is_none() && !living.contains(&deleted.row) {
                    *place = Some(deleted.row);
                    left -= 1;
                    self.weigh(&deleted)?;
                    self.found.insert(deleted.row, deleted);
                }
            }
        }
        // A row that was deleted since the walk began has a later deletion.
        let mut again: BTreeSet<Row> = self.found.keys().copied().collect();
        self.last_deletions(&mut again, begun).await?;
        self.sought_by_ref(refs, &open).await
    }

    async fn sought_by_ref(
        &mut self,
        refs: &[Ref],
        rows: &HashMap<&str, Option<Row>>,
    ) -> Result<Vec<Sought>, TableError> {
        let keys: Vec<MemberKey> = refs.iter().cloned().map(MemberKey::Ref).collect();
        let holders = self.view().await.find(&keys).await?;
        let mut sought = Vec::with_capacity(refs.len());
        for (ref_, holder) in refs.iter().zip(holders) {
            let row = rows.get(ref_.as_str()).copied().flatten();
            let deleted = row.and_then(|row| self.found.get(&row)).cloned();
            let same = |deleted: &Deleted| match member::decode(&deleted.record) {
                Ok(member) => Ok(member.profile.ref_.as_ref() == Some(ref_)),
                Err(error) => Err(TableError::from(error)),
            };
            sought.push(match (deleted, holder) {
                (Some(deleted), _) if same(&deleted)? => Sought::Deleted(deleted),
                (_, Some((row, _))) => Sought::Living(row),
                (_, None) => Sought::Missing(None),
            });
        }
        Ok(sought)
    }

    fn sought(&self, row: Row, is_living: bool) -> Sought {
        match self.found.get(&row) {
            _ if is_living => Sought::Living(row),
            Some(deleted) => Sought::Deleted(deleted.clone()),
            None => Sought::Missing(Some(row)),
        }
    }

    /// Finds the last deletion of each of these rows, among the commits after `down_to`. Returns `false` if
    /// it could not read all of them, so that the rows that are left may have been deleted there too.
    async fn last_deletions(&mut self, rows: &mut BTreeSet<Row>, down_to: u64) -> Result<bool, TableError> {
        let mut walk = self.walk(down_to);
        while !rows.is_empty() {
            let Some(parts) = self.next_parts(&mut walk).await? else { break };
            for part in parts {
                for deleted in self.deletions(&part)? {
                    if rows.remove(&deleted.row) {
                        self.weigh(&deleted)?;
                        self.found.insert(deleted.row, deleted);
                    }
                }
            }
        }
        Ok(walk.left > 0)
    }

    fn walk(&self, down_to: u64) -> Walk {
        Walk { end: None, down_to, left: self.open.parts.undelete_log_bytes, is_over: false }
    }

    /// The next parts of commits, newest first; `None` at the end.
    async fn next_parts(&self, walk: &mut Walk) -> Result<Option<Vec<Value>>, TableError> {
        if walk.is_over {
            return Ok(None);
        }
        self.check_wanted()?;
        tokio::task::yield_now().await;
        let mut range = key::commits_from(self.open.number, walk.down_to.saturating_add(1));
        if let Some(end) = walk.end.take() {
            range.end = end;
        }
        let parts = self.open.parts.engine.scan(range, Direction::Backward, PARTS_AT_ONCE).await?;
        let Some((last, oldest)) = parts.last() else { return Ok(None) };
        walk.end = Some(Bound::Excluded(last.clone()));
        let bytes = |part: &Value| u64::try_from(part.len()).unwrap_or(u64::MAX).max(UNDELETE_PART_MIN_BYTES);
        let read = parts.iter().map(|(_, part)| bytes(part)).sum();
        walk.left = walk.left.saturating_sub(read);
        walk.is_over = walk.left == 0 || CommitPart::open(oldest)?.time <= self.since;
        Ok(Some(parts.into_iter().map(|(_, part)| part).collect()))
    }

    /// The deletions in a part, if the members can still come back.
    fn deletions(&self, part: &Value) -> Result<Vec<Deleted>, TableError> {
        let mut found = deletions(part)?;
        found.retain(|deleted| deleted.at > self.since);
        Ok(found)
    }

    /// Those of the rows at which there is a member.
    async fn living(&self, rows: impl Iterator<Item = Row>) -> Result<BTreeSet<Row>, TableError> {
        let rows: Vec<Row> = rows.collect();
        let mut living = BTreeSet::new();
        for together in rows.chunks(ROWS_AT_ONCE) {
            self.check_wanted()?;
            let mut numbers: Vec<u64> = together.iter().map(|row| place(*row).0).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let blocks = block::read(&self.open.parts.engine, self.open.number, &numbers).await?;
            living.extend(together.iter().copied().filter(|row| {
                let (number, slot) = place(*row);
                blocks.get(&number).is_some_and(|block| block.get(slot).is_some())
            }));
        }
        Ok(living)
    }

    /// Counts a record without its hidden fields, whose size must not show in a refusal, and refuses the
    /// request once it takes more than one commit can.
    fn weigh(&mut self, deleted: &Deleted) -> Result<(), TableError> {
        let hidden = member::pii_bytes(&deleted.record).unwrap_or_default();
        self.bytes += deleted.record.len().saturating_sub(hidden);
        if self.bytes > ATOMIC_MAX_BYTES {
            return Err(TableError::too_large(self.found.len(), self.bytes));
        }
        Ok(())
    }

    fn check_wanted(&self) -> Result<(), TableError> {
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(TableError::DeadlinePassed),
            Some(_) | None => Ok(()),
        }
    }

    async fn view(&self) -> View<'_> {
        View::new(self.open, self.open.published.read().await)
    }
}

/// Whether the time in which a member that was deleted `at` can come back is over.
pub fn is_over(at: Timestamp, micros: i64, now: Timestamp) -> bool {
    at.micros().saturating_add(micros) <= now.micros()
}

/// When the oldest commit of the log was made; `None` if the log is empty. What was deleted before that can no
/// longer come back, whatever the clock says.
pub async fn log_begins(engine: &Arc<dyn Engine>, base: BaseNumber) -> Result<Option<Timestamp>, TableError> {
    let oldest = engine.scan(key::commits(base), Direction::Forward, 1).await?.pop();
    oldest.map(|(_, part)| Ok(CommitPart::open(&part)?.time)).transpose()
}

/// The members that the commit of a revision deleted, as they were.
pub async fn deleted_by(open: &OpenBase, revision: u64) -> Result<Vec<(Row, Member)>, TableError> {
    let mut range = key::commits_from(open.number, revision);
    let mut members = Vec::new();
    loop {
        let parts = open.parts.engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
        let Some((last, _)) = parts.last() else { return Ok(members) };
        range.start = Bound::Excluded(last.clone());
        for (key, part) in parts {
            if key::commit_revision(&key) != Some(revision) {
                return Ok(members);
            }
            for Deleted { row, record, .. } in deletions(&part)? {
                members.push((row, member::decode(&record)?));
            }
        }
    }
}

/// The deletions in a part of a commit. A row occurs at most once in a commit.
fn deletions(part: &Value) -> Result<Vec<Deleted>, TableError> {
    let mut found = Vec::new();
    let mut read = CommitPart::open(part)?;
    let at = read.time;
    while let Some(change) = read.next_change()? {
        if let (Change::Deleted, Some(before)) = (change.change, change.before) {
            found.push(Deleted { row: change.row, at, record: Bytes::copy_from_slice(before) });
        }
    }
    Ok(found)
}
