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

use super::check::{Check, Checked};
use super::narrow::{Narrowed, narrow};
use super::part::{Next, Part, Read};
use super::walk::Walk;
use super::weight::weight;
use crate::compute::Stretch;
use crate::directory::access::{Guarded, view};
use crate::directory::{Error, PageRoom};
use crate::model::{Effort, Filter, Member, MemberView, Row};
use crate::table::{Base, View};

/// Members that are read together.
const READ_TOGETHER: usize = 512;
/// A view is kept for this many members to read and conditions to check: enough for a page that needs no
/// checks.
const KEPT_STEPS: usize = 8_192;
/// Times that a part begins again because members changed, before it keeps the view.
pub const ROUNDS: usize = 3;

/// A part of a list, and what it was read from.
pub struct Shown {
    /// The part.
    pub read: Read,
    /// The rows that can match.
    pub narrowed: Narrowed,
}

/// Reads the part of a list that `part` selects from the narrowed rows, as the caller may see it. Before,
/// `admit` may reject the request, given the view and the narrowed rows. The part ends early when `room` is
/// full.
pub async fn show(
    guarded: &Guarded,
    base: &Base,
    min_revision: Option<u64>,
    filter: &Filter,
    admit: impl Fn(&View<'_>, &Narrowed) -> Result<(), Error>,
    part: impl Fn(&Narrowed) -> Part,
    room: &mut PageRoom,
) -> Result<Shown, Error> {
    let mut round = 0;
    loop {
        let (view, narrowed) = narrow(base, min_revision, filter).await?;
        admit(&view, &narrowed)?;
        let is_last = round == ROUNDS;
        let view = Some(view).filter(|_| is_last || narrowed.is_light());
        let steps = if is_last && narrowed.exact { usize::MAX } else { KEPT_STEPS };
        let (source, part) = (Source { base, view, steps }, part(&narrowed));
        if let Some(read) = read(guarded, source, filter, &narrowed, &part, room).await? {
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
    ) -> Result<(Vec<(Row, Member)>, bool), Error> {
        if let Some(kept) = &self.view {
            let members = kept.members(rows).await?;
            self.steps = self.steps.saturating_sub(members.len().saturating_mul(steps));
            if self.steps == 0 {
                self.view = None;
            }
            return Ok((members, true));
        }
        let view = view(self.base, None).await?;
        let mut members = view.members(rows).await?;
        let is_later = view.revision() > narrowed.revision;
        drop(view);
        if !is_later {
            return Ok((members, true));
        }
        let as_it_was = |(row, (found, member)): (&Row, &(Row, Member))| {
            row == found && member.revision <= narrowed.revision
        };
        let same = rows.iter().zip(&members).take_while(|pair| as_it_was(*pair)).count();
        members.truncate(same);
        Ok((members, same == rows.len()))
    }
}

/// Reads a part of the narrowed rows, in order; `None` if it must begin again.
async fn read(
    guarded: &Guarded,
    mut source: Source<'_>,
    filter: &Filter,
    narrowed: &Narrowed,
    part: &Part,
    room: &mut PageRoom,
) -> Result<Option<Read>, Error> {
    let mut walk = Walk::new(narrowed, part).await;
    let mut skip = part.skip;
    if narrowed.exact {
        walk.skip(skip).await;
        skip = 0;
    }
    let fold = source.base.fold();
    let mut check = Check::new(filter);
    let mut stretch = Stretch::default();
    // One step to read a member, and one for each condition to check.
    let steps = if narrowed.exact { 1 } else { filter.conditions().saturating_add(1) };
    let mut members = Vec::new();
    // Where the next part would continue if this one ended here.
    let mut next = None;
    let mut bytes = 0;
    loop {
        let wanted = if narrowed.exact { part.limit - members.len() } else { READ_TOGETHER };
        let rows = walk.take(wanted.min(READ_TOGETHER)).await;
        if rows.is_empty() {
            return Ok(Some(Read { members, next: None }));
        }
        let (found, is_whole) = source.members(&rows, narrowed, steps).await?;
        if !is_whole && narrowed.exact {
            return Ok(None);
        }
        if check.may_wait() && !narrowed.exact {
            // Otherwise writes would wait for the check's turn too.
            source.view = None;
        }
        let read = found.len();
        if narrowed.exact {
            stretch.work(read).await;
        }
        let Checked { items, is_over } = if narrowed.exact {
            Checked { items: found.into_iter().map(|member| (member, true)).collect(), is_over: false }
        } else {
            // Members may come from later commits, but who is in an audience is of the narrowing's revision.
            let audiences = narrowed.memberships.clone();
            let matches = move |filter: &Filter, (row, member): &(Row, Member), effort: &mut Effort| {
                filter.matches(&MemberView { row: *row, member, fold, audiences: &audiences }, effort)
            };
            check.check(found, matches).await
        };
        let is_cut = items.len() < read;
        for ((row, member), is_match) in items {
            if is_match && skip > 0 {
                skip -= 1;
            } else if is_match {
                // Hidden fields have no weight, so where a page ends depends only on what it shows.
                let member = guarded.show(member);
                bytes += weight(&member);
                let is_large = bytes > part.bytes || !room.has(bytes);
                if members.len() == part.limit || (is_large && !members.is_empty()) {
                    return Ok(Some(Read { members, next }));
                }
                members.push((row, member));
            }
            next = Some(Next { after: row, skip });
        }
        if is_cut {
            return Ok(Some(Read { members, next }));
        }
        if !is_whole {
            return Ok(next.is_some().then_some(Read { members, next }));
        }
        if members.len() == part.limit || is_over {
            let next = if walk.has_more().await { next } else { None };
            return Ok(Some(Read { members, next }));
        }
    }
}
