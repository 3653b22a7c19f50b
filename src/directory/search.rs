//! Members by offset.
//!
//! Lists by cursor (see [`super::list`]) may end a page early; a search never does, whatever it takes. Where an index knows
//! which members match, it shows one revision. Where records must be checked it looks at a part at a time, each as it is
//! then, so that it holds up no writes.

use super::list::{Part, read};
use super::narrow::narrow;
use super::{Directory, Error, REPLY_BYTES, view};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Direction, Filter, Member, Parsed, RawFilter, Row};
use crate::table::Base;

/// Members that are looked at together where records must be checked.
const CHECKED_TOGETHER: usize = 5_000;

/// Which members to search for.
#[derive(Debug)]
pub struct Search {
    /// In which memberbase.
    pub base: BaseNumber,
    /// All of these hold.
    pub filters: Vec<RawFilter>,
    /// Matching members to pass over.
    pub skip: u64,
    /// Most members to return.
    pub take: usize,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The members after those passed over, in the order of their creation: as many as asked for, if there are so many.
    pub members: Vec<(Row, Member)>,
    /// How many match in all.
    pub total: u64,
}

impl Directory {
    /// Members of a memberbase from an offset on.
    pub async fn search_members(&self, search: Search) -> Result<Found, Error> {
        let Parsed { filter, attributes } =
            Filter::parse_members(search.filters, self.sealer(), search.base)?;
        self.guarded.check_filter(&filter)?;
        let base = self.guarded.base(AccessLevel::Read, search.base).await?;
        attributes.check(view(&base, None).await?.schema())?;
        let (skip, take) = (search.skip, search.take);
        let mut found = match indexed(&base, &filter, skip, take).await? {
            Some(found) => found,
            None => checked(&base, &filter, skip, take).await?,
        };
        let members = found.members.into_iter();
        found.members = members.map(|(row, member)| (row, self.guarded.show(member))).collect();
        Ok(found)
    }
}

/// The search, if an index knows which members match.
async fn indexed(base: &Base, filter: &Filter, skip: u64, take: usize) -> Result<Option<Found>, Error> {
    let view = view(base, None).await?;
    let narrowed = narrow(&view, filter).await?;
    if !narrowed.exact {
        return Ok(None);
    }
    let part = Part { skip, limit: take, bytes: usize::MAX, ..part(filter, None) };
    let members = read(&view, &narrowed, &part).await?.members;
    Ok(Some(Found { members, total: narrowed.count(view.sets()) }))
}

/// The search by looking at every member that may match.
async fn checked(base: &Base, filter: &Filter, skip: u64, take: usize) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut after = None;
    loop {
        let view = view(base, None).await?;
        let narrowed = narrow(&view, filter).await?;
        let page = read(&view, &narrowed, &part(filter, after)).await?;
        drop(view);
        for member in page.members {
            if found.total >= skip && found.members.len() < take {
                found.members.push(member);
            }
            found.total += 1;
        }
        let Some(next) = page.next else { return Ok(found) };
        after = Some(next.after.0);
    }
}

fn part(filter: &Filter, after: Option<u64>) -> Part<'_> {
    Part {
        filter,
        direction: Direction::Ascending,
        after,
        skip: 0,
        limit: CHECKED_TOGETHER,
        bytes: REPLY_BYTES,
    }
}
