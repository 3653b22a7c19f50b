//! Reads a part of a list: members of one revision, without holding up writes for longer than a moment.
//!
//! **A part shows one revision**: the one at which its rows were narrowed. Members are read under the view of
//! that revision as long as this is little work ([`KEPT_STEPS`]); then the view is dropped. From then on rows
//! are computed without a view, and members are read [`READ_TOGETHER`] at a time, each time under a new view,
//! which may show a later revision. The part still does not mix revisions, because a member carries the
//! revision of its last change: **a member whose revision is not above that of the narrowing is as it was
//! then**. The part ends before a member that has a later revision or is gone, see [`Source::members`].
//!
//! - If members are checked, the part then comes back short, like one whose check used up its steps. The next
//!   part continues from there, at a later revision.
//! - If the rows are exact, or nothing was looked at yet, the part begins again at a later revision. After
//!   [`ROUNDS`] repeats, an exact part keeps the view to its end, and a part that checks members keeps it for
//!   its first piece. So a list ends however much is written.

use super::check::Check;
use super::items::Items;
use super::narrow::{Narrowed, narrow};
use super::part::{Next, Part, Read};
use super::walk::Walk;
use super::weight::weight;
use crate::compute::Stretch;
use crate::directory::access::{Guarded, view};
use crate::directory::{Error, PageRoom};
use crate::model::{BorrowedMember, Effort, Filter, Member, MemberView, Row};
use crate::table::{Base, StoredMember, View};

/// Members that are read together.
const READ_TOGETHER: usize = 512;
/// A view is kept for this many members to read and conditions to check: enough for a page that needs no
/// checks.
const KEPT_STEPS: usize = 8_192;
/// Times that a part begins again because members changed, before it keeps the view.
pub const ROUNDS: usize = 3;

/// A part of a list, and what it was read from.
pub struct Shown<I> {
    /// The part.
    pub read: Read<I>,
    /// The rows that can match.
    pub narrowed: Narrowed,
}

/// Reads the part of a list that `begin` selects from the narrowed rows, as the caller may see it, into the
/// empty items that come with it. Before, `admit` may reject the request, given the view and the narrowed
/// rows. The part ends early when `room` is full.
pub async fn show<I: Items>(
    guarded: &Guarded,
    base: &Base,
    min_revision: Option<u64>,
    filter: &Filter,
    admit: impl Fn(&View<'_>, &Narrowed) -> Result<(), Error>,
    begin: impl Fn(&Narrowed) -> (Part, I),
    room: &mut PageRoom,
) -> Result<Shown<I>, Error> {
    let mut round = 0;
    loop {
        let (view, narrowed) = narrow(base, min_revision, filter).await?;
        admit(&view, &narrowed)?;
        let is_last = round == ROUNDS;
        let view = Some(view).filter(|_| is_last || narrowed.is_light());
        let steps = if is_last && narrowed.exact { usize::MAX } else { KEPT_STEPS };
        let source = Source { base, view, steps };
        let (part, members) = begin(&narrowed);
        let taking = Taking::new(guarded, part, &mut *room, members);
        if let Some(read) = read(source, filter, &narrowed, taking).await? {
            return Ok(Shown { read, narrowed });
        }
        round += 1;
    }
}

/// Where members are read from.
struct Source<'a> {
    base: &'a Base,
    /// The view that the rows were narrowed under, until it is dropped.
    view: Option<View<'a>>,
    /// Steps that may still be taken under it.
    steps: usize,
}

impl Source<'_> {
    /// The members at `rows`, up to the first that changed since the narrowing, and whether none changed.
    /// Each member takes `steps`.
    async fn members(
        &mut self,
        rows: &[Row],
        narrowed: &Narrowed,
        steps: usize,
    ) -> Result<(Vec<(Row, StoredMember)>, bool), Error> {
        if let Some(kept) = &self.view {
            let members = kept.stored_members(rows).await?;
            self.steps = self.steps.saturating_sub(members.len().saturating_mul(steps));
            if self.steps == 0 {
                self.view = None;
            }
            return Ok((members, true));
        }
        let view = view(self.base, None).await?;
        let mut members = view.stored_members(rows).await?;
        let is_later = view.revision() > narrowed.revision;
        drop(view);
        if !is_later {
            return Ok((members, true));
        }
        let mut same = 0;
        for (row, (found, member)) in rows.iter().zip(&members) {
            if row != found || member.revision()? > narrowed.revision {
                break;
            }
            same += 1;
        }
        members.truncate(same);
        Ok((members, same == rows.len()))
    }
}

/// What was taken of a part so far.
struct Taking<'a, I> {
    guarded: &'a Guarded,
    part: Part,
    room: &'a mut PageRoom,
    read: Read<I>,
    /// Matching members still to skip.
    skip: u64,
    /// What the members weigh.
    bytes: usize,
}

impl<'a, I: Items> Taking<'a, I> {
    fn new(guarded: &'a Guarded, part: Part, room: &'a mut PageRoom, members: I) -> Self {
        let read = Read { members, count: 0, ends: None, next: None };
        Self { guarded, part, room, read, skip: part.skip, bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.read.count == self.part.limit
    }

    /// Takes a member that matches, unless it is to be skipped. Whether there was room for it.
    fn take(&mut self, row: Row, mut member: BorrowedMember<'_>) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            // Hidden fields have no weight, so where a page ends depends only on what it shows.
            self.guarded.show_borrowed(&mut member);
            self.bytes += weight(&member);
            let is_large = self.bytes > self.part.bytes || !self.room.has(self.bytes);
            if self.is_full() || (is_large && self.read.count > 0) {
                return false;
            }
            self.read.members.add(row, &member);
            self.read.count += 1;
            self.read.ends = Some((self.read.ends.map_or(row, |(first, _)| first), row));
        }
        self.pass(row);
        true
    }

    /// Looked at this row: the next part would continue after it if this one ended here.
    fn pass(&mut self, row: Row) {
        self.read.next = Some(Next { after: row, skip: self.skip });
    }
}

/// Reads a part of the narrowed rows, in order; `None` if it must begin again.
async fn read<I: Items>(
    mut source: Source<'_>,
    filter: &Filter,
    narrowed: &Narrowed,
    mut taking: Taking<'_, I>,
) -> Result<Option<Read<I>>, Error> {
    let mut walk = Walk::new(narrowed, &taking.part).await;
    if narrowed.exact {
        walk.skip(taking.skip).await;
        taking.skip = 0;
    }
    let fold = source.base.fold();
    let mut check = Check::new(filter);
    let mut stretch = Stretch::default();
    // One step to read a member, and one for each condition to check.
    let steps = if narrowed.exact { 1 } else { filter.conditions().saturating_add(1) };
    loop {
        let wanted = if narrowed.exact { taking.part.limit - taking.read.count } else { READ_TOGETHER };
        let rows = walk.take(wanted.min(READ_TOGETHER)).await;
        if rows.is_empty() {
            return Ok(Some(Read { next: None, ..taking.read }));
        }
        let (found, is_whole) = source.members(&rows, narrowed, steps).await?;
        if !is_whole && narrowed.exact {
            return Ok(None);
        }
        let mut is_over = false;
        if narrowed.exact {
            stretch.work(found.len()).await;
            taking.read.members.expect(found.len());
            for (row, member) in &found {
                if !taking.take(*row, member.read()?) {
                    return Ok(Some(taking.read));
                }
            }
        } else {
            if check.may_wait() {
                // Otherwise writes would wait for the check's turn too.
                source.view = None;
            }
            let found = decoded(found)?;
            let read = found.len();
            // Members may come from later commits, but who is in an audience is of the narrowing's revision.
            let audiences = narrowed.memberships.clone();
            let matches = move |filter: &Filter, (row, member): &(Row, Member), effort: &mut Effort| {
                filter.matches(&MemberView { row: *row, member, fold, audiences: &audiences }, effort)
            };
            let checked = check.check(found, matches).await;
            for ((row, member), is_match) in &checked.items {
                if !is_match {
                    taking.pass(*row);
                } else if !taking.take(*row, member.into()) {
                    return Ok(Some(taking.read));
                }
            }
            if checked.items.len() < read {
                return Ok(Some(taking.read));
            }
            is_over = checked.is_over;
        }
        if !is_whole {
            return Ok(taking.read.next.is_some().then_some(taking.read));
        }
        if taking.is_full() || is_over {
            if !walk.has_more().await {
                taking.read.next = None;
            }
            return Ok(Some(taking.read));
        }
    }
}

fn decoded(members: Vec<(Row, StoredMember)>) -> Result<Vec<(Row, Member)>, Error> {
    members.into_iter().map(|(row, member)| Ok((row, member.decode()?))).collect()
}
