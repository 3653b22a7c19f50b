//! Lists of members, page by page. A page shows one revision. Cursors are row numbers, so a member that
//! exists throughout appears exactly once, whatever is written between two pages.

use crate::directory::list::{Narrowed, Page, Part, RawPage, Shown, Walk, check, show};
use crate::directory::{Directory, Error, PageRoom};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, CursorKey, Member, RawFilter, Row};
use crate::table::View;

/// Which members to list.
#[derive(Debug)]
pub struct MemberList {
    /// Of which memberbase.
    pub base: BaseNumber,
    /// All of these hold.
    pub filters: Vec<RawFilter>,
    /// Which page.
    pub page: RawPage,
    /// Whether to count all that match.
    pub total: bool,
    /// Whether to say where the page lies in the list.
    pub ends: bool,
    /// The revision that the memberbase must have reached.
    pub min_revision: Option<u64>,
}

/// Where a page lies in its list.
#[derive(Debug, Default)]
pub struct PageEnds {
    /// The cursors of its first and its last member; `None` if the page has no members. Lists continue after
    /// the member of their cursor.
    pub cursors: Option<(String, String)>,
    /// Whether the list has members before the page. If members are checked one by one: whether it may have.
    pub has_earlier: bool,
}

/// A part of a list of members.
#[derive(Debug)]
pub struct MemberPage {
    /// The members, in the order asked for.
    pub members: Vec<(Row, Member)>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// How many members match; `None` unless asked for and known without checking each of them.
    pub total: Option<u64>,
    /// Where the page lies; `None` unless asked for.
    pub ends: Option<PageEnds>,
    /// The revision that the page shows.
    pub revision: u64,
    /// The memory that the members take.
    pub room: PageRoom,
}

impl Directory {
    /// One page of the members of a memberbase.
    pub async fn list_members(&self, list: MemberList) -> Result<MemberPage, Error> {
        let key = self.guarded.cursor_key();
        let parse = |filters| self.member_filter(filters, list.base);
        let filter = check::parse(list.filters, parse).await;
        let page = Page::parse(list.page, filter, key, list.base)?;
        self.guarded.check_filter(&page.filter)?;
        let base = self.guarded.base(AccessLevel::Read, list.base).await?;
        let admit = |view: &View<'_>, narrowed: &Narrowed| -> Result<(), Error> {
            self.guarded.check_named(&page.named, view)?;
            Ok(if narrowed.exact { Ok(()) } else { page.check_skip() }?)
        };
        let mut room = self.page_room();
        let part = |_: &Narrowed| Part::of(&page);
        let (guarded, min_revision) = (&self.guarded, list.min_revision);
        let shown = show(guarded, &base, min_revision, &page.filter, admit, part, &mut room).await?;
        let Shown { read, narrowed } = shown;
        let is_counted = list.total && narrowed.exact;
        let ends = if list.ends { Some(ends(&page, key, &read.members, &narrowed).await) } else { None };
        Ok(MemberPage {
            members: read.members,
            ends,
            cursor: read.next.map(|next| page.cursor(key, next.after.0, next.skip)),
            total: if is_counted { Some(narrowed.count().await) } else { None },
            revision: narrowed.revision,
            room,
        })
    }
}

/// Where a page with these members lies.
async fn ends(page: &Page, key: &CursorKey, members: &[(Row, Member)], narrowed: &Narrowed) -> PageEnds {
    let cursor = |(row, _): &(Row, Member)| page.cursor(key, row.0, 0);
    let cursors = members.first().zip(members.last()).map(|(first, last)| (cursor(first), cursor(last)));
    let has_earlier = match page.after {
        None => false,
        Some(after) => Walk::new(narrowed, &Part::before(page, after)).await.has_more().await,
    };
    PageEnds { cursors, has_earlier }
}
