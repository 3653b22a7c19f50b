//! All members of a memberbase, or those that match, as a series of pages.
//!
//! Each page has a view of its own, so a long export holds up no writes. Each member is exported as it was
//! when the export began or later; members created since then are left out.

use std::sync::Arc;

use crate::directory::access::Guarded;
use crate::directory::list::{Narrowed, Part, Read, check, narrow, show};
use crate::directory::{Directory, Error, PageRoom};
use crate::model::field::ProfileField;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Direction, Filter, Member, Named, Parsed, RawFilter, Row};
use crate::table::{Base, View};

/// Most bytes of members in a page: enough to make its overhead small, and little enough to keep it moving.
const PAGE_BYTES: usize = 1024 * 1024;
/// Most members in a page.
const PAGE_MEMBERS: usize = 5_000;

/// An export in progress.
pub struct Export {
    guarded: Guarded,
    number: BaseNumber,
    base: Arc<Base>,
    filter: Filter,
    named: Named,
    /// The last row that was looked at.
    after: Option<u64>,
    /// The first row that did not exist when the export began.
    end: Row,
    done: bool,
    /// The revision at which the export began.
    pub revision: u64,
    /// The number of members to expect, if it is known without checking each of them.
    pub total: Option<u64>,
    /// The fields that the caller may not see, and that are left out of every member.
    pub left_out: &'static [ProfileField],
}

impl Directory {
    /// Begins an export.
    pub async fn export(
        &self,
        number: BaseNumber,
        filters: Vec<RawFilter>,
        min_revision: Option<u64>,
    ) -> Result<Export, Error> {
        let parse = |filters| self.member_filter(filters, number);
        let Parsed { filter, named } = check::parse(filters, parse).await?;
        self.guarded.check_filter(&filter)?;
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let (view, narrowed) = narrow(&base, min_revision, &filter).await?;
        self.guarded.check_named(&named, &view)?;
        let (end, revision) = (view.next_row(), view.revision());
        drop(view);
        let total = if narrowed.exact { Some(narrowed.count().await) } else { None };
        let (guarded, left_out) = (self.guarded.clone(), self.guarded.leaves_out());
        Ok(Export {
            guarded,
            number,
            base,
            filter,
            named,
            after: None,
            end,
            done: false,
            revision,
            total,
            left_out,
        })
    }
}

impl Export {
    /// The next members; `None` after the last. A page may be empty if many members had to be checked.
    pub async fn next(&mut self) -> Result<Option<Vec<(Row, Member)>>, Error> {
        if self.done {
            return Ok(None);
        }
        self.guarded.check_base(AccessLevel::Read, self.number).await?;
        let part = Part {
            direction: Direction::Ascending,
            after: self.after,
            skip: 0,
            limit: PAGE_MEMBERS,
            bytes: PAGE_BYTES,
        };
        // The caller takes memory for a page before it asks for one.
        let room = &mut PageRoom::unlimited();
        let (guarded, base, filter) = (&self.guarded, &self.base, &self.filter);
        // An audience that was archived since has no members, so the export would seem to be complete.
        let admit = |view: &View<'_>, _: &Narrowed| guarded.check_named(&self.named, view);
        let mut page: Read =
            show(guarded, base, None, filter, admit, |_| (part, Vec::new()), room).await?.read;
        page.members.retain(|(row, _)| *row < self.end);
        self.done = page.next.is_none_or(|next| next.after >= self.end);
        self.after = page.next.map(|next| next.after.0);
        Ok(Some(page.members))
    }
}
