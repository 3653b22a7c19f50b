//! All rows that match a filter, at one revision.
//!
//! Where sets and lookups know the rows, no member is read. Otherwise members are read in pieces and checked,
//! with no more effort than a count may take. No view is held meanwhile: **a member that was changed since
//! the narrowing is checked as it was then**, as the commit log has it. So the result is of one revision
//! however much is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::{Check, Checked};
use super::narrow::{Narrowed, split};
use super::part::Part;
use super::walk::Walk;
use crate::compute::Stretch;
use crate::directory::Error;
use crate::directory::access::view;
use crate::model::{Direction, Effort, Filter, Member, MemberView, Reason, Refusal, Row};
use crate::table::{AudienceMembers, Base, Chunk};

/// Members that are read together.
const READ_TOGETHER: usize = 512;

/// The rows that match.
pub enum Matching<'a> {
    /// All of the narrowed rows.
    All(&'a Narrowed),
    /// Those that were checked and match, by chunk.
    Checked(BTreeMap<u64, Chunk>),
}

impl Matching<'_> {
    /// The numbers of the chunks that may have rows, in order.
    pub fn chunks(&self) -> Vec<u64> {
        match self {
            Self::All(narrowed) => narrowed.chunks(),
            Self::Checked(chunks) => chunks.keys().copied().collect(),
        }
    }

    /// The rows of one chunk, by their places in it.
    pub async fn chunk(&self, number: u64, stretch: &mut Stretch) -> Chunk {
        match self {
            Self::All(narrowed) => narrowed.chunk(number, stretch).await,
            Self::Checked(chunks) => chunks.get(&number).cloned().unwrap_or_default(),
        }
    }

    /// How many rows there are.
    pub async fn count(&self) -> u64 {
        match self {
            Self::All(narrowed) => narrowed.count().await,
            Self::Checked(chunks) => chunks.values().map(Chunk::len).sum(),
        }
    }
}

/// The rows among `narrowed` that match `filter` at the revision of the narrowing. An error if checking them
/// takes too much effort.
pub async fn matching<'a>(
    base: &Base,
    filter: &Filter,
    narrowed: &'a Narrowed,
) -> Result<Matching<'a>, Error> {
    if narrowed.exact {
        return Ok(Matching::All(narrowed));
    }
    let found = find(base, Check::of_count(filter), narrowed, Looked::default(), u64::MAX).await?;
    if found.is_whole {
        Ok(Matching::Checked(found.chunks))
    } else {
        Err(Refusal::new(Reason::TooManyToCheck).into())
    }
}

/// The same, however much effort it takes. The check stops when the caller goes away.
pub async fn matching_all<'a>(
    base: &Base,
    filter: &Filter,
    narrowed: &'a Narrowed,
) -> Result<Matching<'a>, Error> {
    if narrowed.exact {
        return Ok(Matching::All(narrowed));
    }
    let found = find(base, Check::of_all(filter), narrowed, Looked::default(), u64::MAX).await?;
    Ok(Matching::Checked(found.chunks))
}

/// The members at `rows`, which had some at this revision, as they were then, in the order of their rows.
pub async fn members_then(base: &Base, revision: u64, rows: &[Row]) -> Result<Vec<(Row, Member)>, Error> {
    let mut members = view(base, None).await?.members(rows).await?;
    members.retain(|(_, member)| member.revision <= revision);
    let same: BTreeSet<Row> = members.iter().map(|(row, _)| *row).collect();
    let changed = rows.iter().copied().filter(|row| !same.contains(row)).collect();
    members.extend(base.members_at(revision, changed).await?);
    if members.len() < rows.len() {
        // The log was cut off meanwhile.
        return Err(Error::Overloaded);
    }
    members.sort_unstable_by_key(|(row, _)| *row);
    Ok(members)
}

/// How many rows among `narrowed` match `filter`, up to `most`, and whether there may be more: because there
/// are, or because checking them takes more effort than a count may take. Rows that were `looked` at already
/// are not read again.
pub async fn count_to(
    base: &Base,
    filter: &Filter,
    narrowed: &Narrowed,
    looked: Looked,
    most: u64,
) -> Result<(u64, bool), Error> {
    let (count, is_whole) = if narrowed.exact {
        (narrowed.count().await, true)
    } else {
        let found = find(base, Check::of_count(filter), narrowed, looked, most).await?;
        (found.count, found.is_whole)
    };
    Ok((count.min(most), count > most || !is_whole))
}

/// The rows from the beginning of a list that were looked at already, at the revision of its narrowing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    /// The direction of the list.
    pub direction: Direction,
    /// The last of these rows; `None` if there are none.
    pub to: Option<Row>,
    /// How many of them match.
    pub matching: u64,
}

/// The rows that were found to match.
#[derive(Default)]
struct Found {
    chunks: BTreeMap<u64, Chunk>,
    count: u64,
    /// Whether these are all.
    is_whole: bool,
}

/// Checks the narrowed rows until there are more than `most` that match, or the check is over.
async fn find(
    base: &Base,
    mut check: Check<'_>,
    narrowed: &Narrowed,
    looked: Looked,
    most: u64,
) -> Result<Found, Error> {
    let Looked { direction, to, matching } = looked;
    let rest = Part { direction, after: to.map(|row| row.0), skip: 0, limit: 0, bytes: 0 };
    let mut walk = Walk::new(narrowed, &rest).await;
    let memberships = Arc::new(narrowed.memberships.clone());
    let mut found = Found { count: matching, ..Found::default() };
    let mut changed = BTreeSet::new();
    loop {
        let rows = walk.take(READ_TOGETHER).await;
        if rows.is_empty() {
            break;
        }
        let mut members = view(base, None).await?.members(&rows).await?;
        members.retain(|(_, member)| member.revision <= narrowed.revision);
        let same: BTreeSet<Row> = members.iter().map(|(row, _)| *row).collect();
        changed.extend(rows.iter().filter(|row| !same.contains(row)));
        if !found.add(&mut check, base, &memberships, members).await || found.count > most {
            return Ok(found);
        }
    }
    let expected = changed.len();
    let members = base.members_at(narrowed.revision, changed).await?;
    if members.len() < expected {
        // The log was cut off meanwhile.
        return Err(Error::Overloaded);
    }
    found.is_whole = found.add(&mut check, base, &memberships, members).await;
    Ok(found)
}

impl Found {
    /// Adds those of these members that match. Returns `false` if the check was over before the last one.
    async fn add(
        &mut self,
        check: &mut Check<'_>,
        base: &Base,
        memberships: &Arc<AudienceMembers>,
        members: Vec<(Row, Member)>,
    ) -> bool {
        let (fold, count) = (base.fold(), members.len());
        let memberships = Arc::clone(memberships);
        let matches = move |filter: &Filter, (row, member): &(Row, Member), effort: &mut Effort| {
            filter.matches(&MemberView { row: *row, member, fold, audiences: &*memberships }, effort)
        };
        let Checked { items, .. } = check.check(members, matches).await;
        let is_whole = items.len() == count;
        for ((Row(row), _), _) in items.into_iter().filter(|(_, is_match)| *is_match) {
            let (chunk, place) = split(row);
            self.chunks.entry(chunk).or_default().insert(place);
            self.count += 1;
        }
        is_whole
    }
}
