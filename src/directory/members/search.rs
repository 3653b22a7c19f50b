//! Finds members by offset.
//!
//! Lists by cursor (see [`super::list`]) may end a page early; a search never does. If an index knows which
//! members match, the search shows one revision. If members must be checked, the search reads them part by
//! part, each part at its own revision, so that it holds up no writes.

use crate::directory::list::{Narrowed, Part, Read, Shown, check, show};
use crate::directory::{Directory, Error, PageRoom, REPLY_BYTES};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Direction, Filter, Member, Parsed, RawFilter, Row};
use crate::table::{Base, View};

/// Members in one part, if members must be checked.
const CHECKED_TOGETHER: usize = 5_000;

/// Which members to search for.
#[derive(Debug)]
pub struct Search {
    /// In which memberbase.
    pub base: BaseNumber,
    /// All of these hold.
    pub filters: Vec<RawFilter>,
    /// Matching members to skip.
    pub skip: u64,
    /// Most members to return.
    pub take: usize,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The members after the skipped ones, in the order of their creation: as many as asked for, if there are
    /// enough.
    pub members: Vec<(Row, Member)>,
    /// How many match in all.
    pub total: u64,
}

impl Directory {
    /// Members of a memberbase from an offset on.
    pub async fn search_members(&self, search: Search) -> Result<Found, Error> {
        let parse = |filters| self.member_filter(filters, search.base);
        let Parsed { filter, named } = check::parse(search.filters, parse).await?;
        self.guarded.check_filter(&filter)?;
        let base = self.guarded.base(AccessLevel::Read, search.base).await?;
        let (skip, take) = (search.skip, search.take);
        let admit = |view: &View<'_>, _: &Narrowed| self.guarded.check_named(&named, view);
        let whole = Part { skip, limit: take, bytes: usize::MAX, ..part(None) };
        let begin = |rows: &Narrowed| (if rows.exact { whole } else { part(None) }, Vec::new());
        // A search never ends early.
        let room = &mut PageRoom::unlimited();
        let shown = show(&self.guarded, &base, None, &filter, &admit, begin, room).await?;
        let Shown { read, narrowed } = shown;
        if narrowed.exact {
            return Ok(Found { members: read.members, total: narrowed.count().await });
        }
        self.checked(&base, &filter, &admit, (skip, take), read).await
    }

    /// Searches by checking every member that can match; `read` is the first part of them. Before each
    /// further part, this checks again whether the caller has access, and whether audiences can still be
    /// used.
    async fn checked(
        &self,
        base: &Base,
        filter: &Filter,
        admit: impl Fn(&View<'_>, &Narrowed) -> Result<(), Error>,
        (skip, take): (u64, usize),
        mut read: Read,
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        loop {
            for member in read.members {
                if found.total >= skip && found.members.len() < take {
                    found.members.push(member);
                }
                found.total += 1;
            }
            let Some(next) = read.next else { return Ok(found) };
            self.guarded.check_base(AccessLevel::Read, base.number()).await?;
            let after = Some(next.after.0);
            let room = &mut self.page_room();
            let begin = |_: &Narrowed| (part(after), Vec::new());
            read = show(&self.guarded, base, None, filter, &admit, begin, room).await?.read;
        }
    }
}

/// A part of the members that are checked one by one.
fn part(after: Option<u64>) -> Part {
    Part { direction: Direction::Ascending, after, skip: 0, limit: CHECKED_TOGETHER, bytes: REPLY_BYTES }
}
