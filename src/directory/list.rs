//! Lists of members, page by page. A page shows one revision; cursors are row numbers, so whatever is written between
//! two pages, a member that exists throughout appears exactly once.

use super::narrow::{Narrowed, join, narrow, split};
use super::page::{Page, RawPage};
use super::weight::weight;
use super::{Directory, Error, REPLY_BYTES, view};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Direction, Filter, Member, MemberView, RawFilter, Row};
use crate::table::{Chunk, Sets, View};

/// Most records that one page checks against its filter, in members. A page that would need more comes back short.
const CHECKED_MAX: usize = 20_000;
/// Records that are read together, in members.
const READ_TOGETHER: usize = 512;

/// Which members to list.
#[derive(Debug)]
pub struct MemberList {
    /// Of which memberbase.
    pub base: BaseNumber,
    /// All of these hold.
    pub filters: Vec<RawFilter>,
    /// Which part.
    pub page: RawPage,
    /// Whether to count all that match.
    pub total: bool,
    /// The revision that the memberbase must have reached.
    pub min_revision: Option<u64>,
}

/// A part of a list of members.
#[derive(Debug)]
pub struct MemberPage {
    /// The members, in the order asked for.
    pub members: Vec<(Row, Member)>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// How many members match; `None` unless asked for and known without checking records.
    pub total: Option<u64>,
    /// The revision that the page shows.
    pub revision: u64,
}

impl Directory {
    /// One page of the members of a memberbase.
    pub async fn list_members(&self, list: MemberList) -> Result<MemberPage, Error> {
        let key = self.guarded.cursor_key();
        let filter = Filter::parse_members(list.filters, self.sealer(), list.base);
        let page = Page::parse(list.page, filter, key, list.base)?;
        self.guarded.check_filter(&page.filter)?;
        let base = self.guarded.base(AccessLevel::Read, list.base).await?;
        let view = view(&base, list.min_revision).await?;
        page.attributes.check(view.schema())?;
        let narrowed = narrow(&view, &page.filter).await?;
        if !narrowed.exact {
            page.check_skip()?;
        }
        let part = read(&view, &narrowed, &Part::of(&page)).await?;
        Ok(MemberPage {
            members: part.members.into_iter().map(|(row, member)| (row, self.guarded.show(member))).collect(),
            cursor: part.next.map(|next| page.cursor(key, next.after.0, next.skip)),
            total: (list.total && narrowed.exact).then(|| narrowed.count(view.sets())),
            revision: view.revision(),
        })
    }
}

/// What to read of a list.
pub struct Part<'a> {
    /// What matches.
    pub filter: &'a Filter,
    /// Which way.
    pub direction: Direction,
    /// The last row looked at before.
    pub after: Option<u64>,
    /// Matching members to pass over first.
    pub skip: u64,
    /// Most members.
    pub limit: usize,
    /// Most bytes, after the first member.
    pub bytes: usize,
}

impl<'a> Part<'a> {
    fn of(page: &'a Page) -> Self {
        let Page { filter, direction, limit, after, skip, .. } = page;
        Self { filter, direction: *direction, after: *after, skip: *skip, limit: *limit, bytes: REPLY_BYTES }
    }
}

/// What was read of a list.
#[derive(Default)]
pub struct Read {
    /// The members.
    pub members: Vec<(Row, Member)>,
    /// Where to go on, if there may be more.
    pub next: Option<Next>,
}

/// Where a list goes on.
#[derive(Clone, Copy)]
pub struct Next {
    /// The last row that was looked at.
    pub after: Row,
    /// Matching members still to pass over.
    pub skip: u64,
}

/// Reads a part of the rows that `narrowed` left, in order, under one view.
pub async fn read(view: &View<'_>, narrowed: &Narrowed, part: &Part<'_>) -> Result<Read, Error> {
    let mut walk = Walk::new(view.sets(), narrowed, part);
    let mut skip = part.skip;
    if narrowed.exact {
        walk.skip(skip);
        skip = 0;
    }
    let mut out = Read::default();
    let mut bytes = 0;
    let mut checked = 0;
    loop {
        let wanted = if narrowed.exact { part.limit - out.members.len() } else { READ_TOGETHER };
        let rows = walk.take(wanted.min(READ_TOGETHER));
        if rows.is_empty() {
            return Ok(out);
        }
        for (row, member) in view.members(&rows).await? {
            if !narrowed.exact && !part.filter.matches(&MemberView { row, member: &member }) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            bytes += weight(&member);
            let is_full = out.members.len() == part.limit || (bytes > part.bytes && !out.members.is_empty());
            if is_full {
                out.next = out.members.last().map(|(row, _)| Next { after: *row, skip: 0 });
                return Ok(out);
            }
            out.members.push((row, member));
        }
        checked += rows.len();
        let enough = out.members.len() == part.limit || (!narrowed.exact && checked >= CHECKED_MAX);
        if enough {
            out.next = rows.last().filter(|_| walk.has_more()).map(|row| Next { after: *row, skip });
            return Ok(out);
        }
    }
}

/// Walks over rows, chunk by chunk.
struct Walk<'a> {
    sets: &'a Sets,
    narrowed: &'a Narrowed,
    direction: Direction,
    /// The chunks that were not begun yet.
    chunks: std::vec::IntoIter<u64>,
    /// The chunk at hand, and its rows that were not taken yet.
    chunk: u64,
    rows: Chunk,
}

impl<'a> Walk<'a> {
    fn new(sets: &'a Sets, narrowed: &'a Narrowed, part: &Part<'_>) -> Self {
        let mut all = sets.chunks();
        let direction = part.direction;
        let walk = |chunks: Vec<u64>| Self {
            sets,
            narrowed,
            direction,
            chunks: chunks.into_iter(),
            chunk: 0,
            rows: Chunk::new(),
        };
        let Some((chunk, place)) = part.after.map(split) else { return walk(all) };
        all.retain(|number| match direction {
            Direction::Ascending => *number > chunk,
            Direction::Descending => *number < chunk,
        });
        let mut walk = walk(all);
        walk.chunk = chunk;
        walk.rows = narrowed.chunk(sets, chunk).into_owned();
        match part.direction {
            Direction::Ascending => {
                walk.rows.remove_range(..=place);
            }
            Direction::Descending => {
                walk.rows.remove_range(place..);
            }
        }
        walk
    }

    /// Goes on to the next chunk that has rows, if the one at hand has none left.
    fn has_more(&mut self) -> bool {
        while self.rows.is_empty() {
            let next = match self.direction {
                Direction::Ascending => self.chunks.next(),
                Direction::Descending => self.chunks.next_back(),
            };
            let Some(next) = next else { return false };
            self.chunk = next;
            self.rows = self.narrowed.chunk(self.sets, next).into_owned();
        }
        true
    }

    /// Passes over `count` rows, by counting bits.
    fn skip(&mut self, mut count: u64) {
        while count > 0 && self.has_more() {
            let here = self.rows.len();
            if here <= count {
                self.rows.clear();
                count -= here;
                continue;
            }
            self.remove(count);
            count = 0;
        }
    }

    /// The next rows, up to `count` of them; empty at the end.
    fn take(&mut self, count: usize) -> Vec<Row> {
        if !self.has_more() {
            return Vec::new();
        }
        let chunk = self.chunk;
        let rows: Vec<Row> = match self.direction {
            Direction::Ascending => self.rows.iter().take(count).map(|place| join(chunk, place)).collect(),
            Direction::Descending => {
                self.rows.iter().rev().take(count).map(|place| join(chunk, place)).collect()
            }
        };
        self.remove(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        rows
    }

    /// Removes the next `count` rows of the chunk at hand.
    fn remove(&mut self, count: u64) {
        match self.direction {
            Direction::Ascending => self.rows.remove_smallest(count),
            Direction::Descending => self.rows.remove_biggest(count),
        }
    }
}
