//! Lists of members, page by page. A page shows one revision. Cursors are row numbers, so a member that
//! exists throughout appears exactly once, whatever is written between two pages.

use crate::directory::list::{Narrowed, Page, Part, RawPage, Shown, check, show};
use crate::directory::{Directory, Error, PageRoom};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Member, RawFilter, Row};
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
    /// How many members match; `None` unless asked for and known without checking each of them.
    pub total: Option<u64>,
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
        Ok(MemberPage {
            members: read.members,
            cursor: read.next.map(|next| page.cursor(key, next.after.0, next.skip)),
            total: if is_counted { Some(narrowed.count().await) } else { None },
            revision: narrowed.revision,
            room,
        })
    }
}
