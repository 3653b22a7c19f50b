//! Lists of members, page by page. A page shows one revision. Cursors are row numbers, so a member that
//! exists throughout appears exactly once, whatever is written between two pages.

use crate::directory::list::{
    Items, Looked, Narrowed, Next, Page, Part, RawPage, Shown, Walk, both, check, count_to, show,
};
use crate::directory::{Directory, Error, PageRoom};
use crate::model::limits::SEARCH_TOTAL_MAX;
use crate::model::search::SearchText;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, CursorKey, Filter, Member, Parsed, RawFilter, Refusal, Row};
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
    /// Words of which each must be the beginning of some word of the member
    /// ([`search`](crate::model::search)).
    pub search: Option<String>,
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
pub struct MemberPage<I = Vec<(Row, Member)>> {
    /// The members, in the order asked for.
    pub members: I,
    /// How many they are.
    pub count: usize,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// How many members match; `None` unless asked for and known without checking each of them. With a
    /// search it is known, up to [`SEARCH_TOTAL_MAX`].
    pub total: Option<u64>,
    /// Where the page lies; `None` unless asked for.
    pub ends: Option<PageEnds>,
    /// Whether there may be more than `total`.
    pub total_is_minimum: bool,
    /// The revision that the page shows.
    pub revision: u64,
    /// The memory that the members take.
    pub room: PageRoom,
}

impl Directory {
    /// One page of the members of a memberbase.
    pub async fn list_members(&self, list: MemberList) -> Result<MemberPage, Error> {
        self.list_members_into(list, Vec::new).await
    }

    /// The same page, whose members become what `new` makes.
    pub async fn list_members_into<I: Items>(
        &self,
        list: MemberList,
        new: impl Fn() -> I,
    ) -> Result<MemberPage<I>, Error> {
        let key = self.guarded.cursor_key();
        let parse = |filters| self.member_filter(filters, list.base);
        let filter = check::parse(list.filters, parse).await;
        let search = list.search.map(|text| SearchText::parse(&text)).transpose();
        let is_search = matches!(search, Ok(Some(_)));
        let search = search.map_err(|rule| Refusal::rule("search", &rule));
        let filter = both(filter, search).map(|(parsed, search)| searching(parsed, search));
        let page = Page::parse(list.page, filter, key, list.base)?;
        self.guarded.check_filter(&page.filter)?;
        let base = self.guarded.base(AccessLevel::Read, list.base).await?;
        let admit = |view: &View<'_>, narrowed: &Narrowed| -> Result<(), Error> {
            self.guarded.check_named(&page.named, view)?;
            Ok(if narrowed.exact { Ok(()) } else { page.check_skip() }?)
        };
        let mut room = self.page_room();
        let begin = |_: &Narrowed| (Part::of(&page), new());
        let (guarded, min_revision) = (&self.guarded, list.min_revision);
        let shown = show(guarded, &base, min_revision, &page.filter, admit, begin, &mut room).await?;
        let Shown { read, narrowed } = shown;
        let ends = if list.ends { Some(ends(&page, key, read.ends, &narrowed).await) } else { None };
        let (mut total, mut total_is_minimum) = (None, false);
        let is_whole = page.after.is_none() && page.skip == 0 && read.next.is_none();
        if list.total && is_search && is_whole {
            // Those on the page are all.
            total = Some(u64::try_from(read.count).unwrap_or(u64::MAX));
        } else if list.total && is_search {
            let (filter, looked) = (&page.filter, looked(&page, read.count, read.next));
            let (count, is_minimum) = count_to(&base, filter, &narrowed, looked, SEARCH_TOTAL_MAX).await?;
            (total, total_is_minimum) = (Some(count), is_minimum);
        } else if list.total && narrowed.exact {
            total = Some(narrowed.count().await);
        }
        Ok(MemberPage {
            members: read.members,
            count: read.count,
            ends,
            cursor: read.next.map(|next| page.cursor(key, next.after.0, next.skip)),
            total,
            total_is_minimum,
            revision: narrowed.revision,
            room,
        })
    }
}

/// What a page with so many members has looked at, if it begins with the list.
fn looked(page: &Page, count: usize, next: Option<Next>) -> Looked {
    let Some(next) = next.filter(|_| page.after.is_none()) else { return Looked::default() };
    let on_page = u64::try_from(count).unwrap_or(u64::MAX);
    let matching = page.skip.saturating_sub(next.skip).saturating_add(on_page);
    Looked { direction: page.direction, to: Some(next.after), matching }
}

/// Where a page with these first and last members lies.
async fn ends(page: &Page, key: &CursorKey, ends: Option<(Row, Row)>, narrowed: &Narrowed) -> PageEnds {
    let cursor = |row: Row| page.cursor(key, row.0, 0);
    let cursors = ends.map(|(first, last)| (cursor(first), cursor(last)));
    let has_earlier = match page.after {
        None => false,
        Some(after) => Walk::new(narrowed, &Part::before(page, after)).await.has_more().await,
    };
    PageEnds { cursors, has_earlier }
}

/// The filter, which members that are searched for must match too.
fn searching(parsed: Parsed, search: Option<SearchText>) -> Parsed {
    let Some(search) = search else { return parsed };
    let search = Filter::Search(search);
    let filter = match parsed.filter {
        Filter::True => search,
        filter => Filter::And(vec![filter, search]),
    };
    Parsed { filter, ..parsed }
}
