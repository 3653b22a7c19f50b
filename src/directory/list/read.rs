//! Reads a part of a list: members of one revision, without holding up writes for longer than a moment.
//!
//! **What one part shows is of one revision**: the one that its rows were narrowed at. It is read under the view that they were
//! narrowed under, for as long as that is little work ([`KEPT_STEPS`]). Then the view is given back. Rows are worked out
//! without one, and members are read [`READ_TOGETHER`] at a time, each time under a view of its own, which may be of a later
//! revision. That shows no mixture, because a member carries the revision of its last change: **a member whose revision is not
//! above that of the narrowing is as it was then**. One that is above it, or is gone, ends the part before it, see
//! [`Source::members`].
//!
//! - Where records are checked, the part comes back short then, like one whose check took what it may. The next one goes
//!   on from there, at a later revision.
//! - Where the rows are exact, and where nothing was looked at yet, it begins again at a later revision. After [`ROUNDS`] of
//!   them an exact part keeps the view to its end, and one that checks records for its first piece, so that a list ends
//!   however much is written.

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

/// Records that are read together, in members.
const READ_TOGETHER: usize = 512;
/// Records to read, and conditions to hold them against, for which a view is kept: enough for a page that an index answers.
const KEPT_STEPS: usize = 8_192;
/// Times that a part is begun again because members changed, before it keeps the view.
pub const ROUNDS: usize = 3;

/// A part of a list, and what it was read from.
pub struct Shown {
    /// The part.
    pub read: Read,
    /// The rows that can match.
    pub narrowed: Narrowed,
}

/// Reads the part of a list that `part` makes of the narrowed rows, as the caller may see it, after `admit`
/// had a look at what it would be read from. It ends where `room` does.
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
    /// The view that the rows were narrowed under, until it is given back.
    view: Option<View<'a>>,
    /// What may still be done under it.
    steps: usize,
}

impl Source<'_> {
    /// The members at `rows` up to the first that is not as it was at the revision of the narrowing; and whether there was none.
    /// Each of them will take `steps`.
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

/// Reads a part of the rows that `narrowed` left, in order; nothing if it has to begin again.
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
    // A record to read, and its conditions to check.
    let steps = if narrowed.exact { 1 } else { filter.conditions().saturating_add(1) };
    let mut members = Vec::new();
    // Where a part that ends here would be followed.
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
            // Writes do not wait with it.
            source.view = None;
        }
        let read = found.len();
        if narrowed.exact {
            stretch.work(read).await;
        }
        let Checked { records, is_over } = if narrowed.exact {
            Checked { records: found.into_iter().map(|member| (member, true)).collect(), is_over: false }
        } else {
            let matches = move |filter: &Filter, (row, member): &(Row, Member), effort: &mut Effort| {
                filter.matches(&MemberView { row: *row, member, fold }, effort)
            };
            check.check(found, matches).await
        };
        let is_cut = records.len() < read;
        for ((row, member), is_match) in records {
            if is_match && skip > 0 {
                skip -= 1;
            } else if is_match {
                // What may not be seen has no weight either: a page ends where what it shows is full.
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
