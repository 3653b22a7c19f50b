//! Narrows a list before any record is read: which rows can match, by sets and lookups alone.
//!
//! A filter becomes an expression over bitmaps, evaluated chunk by chunk of 65,536 rows. The rows that come out are
//! never too few. Where they are exactly those that match, no record needs to be checked, `skip` is rank and select,
//! and the total is a count of bits.
//!
//! **What was narrowed is of one revision, and stays so**: it holds the sets that it needs as they were ([`RowSet`]), and the
//! rows that keys led to. So only the narrowing itself needs the view; whatever is worked out afterwards (chunks, `skip`,
//! totals) holds up no writes.
//!
//! **Keys are looked up in pieces.** Up to [`FIND_TOGETHER`] of them are found under the view that the sets come from. More
//! are found piece by piece, and the view is given back between the pieces. If nothing was committed meanwhile, they are of one
//! revision. Otherwise they are found once more under one view: what they need was read a moment before and is in memory.

mod plan;
mod rows;

use self::plan::Plan;
pub use self::rows::Narrowed;
use super::find::FIND_TOGETHER;
use super::{Error, view};
use crate::compute::Stretch;
use crate::model::{Filter, Member, Row};
use crate::table::{Base, MemberKey, View};

/// Bits of a row that say its place in its chunk.
const CHUNK_BITS: u32 = 16;

/// The rows that can match `filter`, and the view that shows the revision that they are of.
pub async fn narrow<'a>(
    base: &'a Base,
    min_revision: Option<u64>,
    filter: &Filter,
) -> Result<(View<'a>, Narrowed), Error> {
    let first = view(base, min_revision).await?;
    let plan = Plan::of(first.sets(), filter);
    if plan.keys().len() <= FIND_TOGETHER {
        let found = find(&first, plan.keys()).await?;
        let narrowed = plan.finish(found, first.revision());
        return Ok((first, narrowed));
    }
    let revision = first.revision();
    drop(first);
    let mut stretch = Stretch::default();
    let mut found = Vec::with_capacity(plan.keys().len());
    let mut is_one = true;
    for keys in plan.keys().chunks(FIND_TOGETHER) {
        let view = view(base, min_revision).await?;
        is_one &= view.revision() == revision;
        found.extend(find(&view, keys).await?);
        drop(view);
        stretch.work(keys.len()).await;
    }
    let last = view(base, min_revision).await?;
    if is_one && last.revision() == revision {
        return Ok((last, plan.finish(found, revision)));
    }
    let plan = Plan::of(last.sets(), filter);
    let mut found = Vec::with_capacity(plan.keys().len());
    for keys in plan.keys().chunks(FIND_TOGETHER) {
        found.extend(find(&last, keys).await?);
        stretch.work(keys.len()).await;
    }
    let narrowed = plan.finish(found, last.revision());
    Ok((last, narrowed))
}

/// The rows of the members that have these keys, in the same order.
async fn find(view: &View<'_>, keys: &[MemberKey]) -> Result<Vec<Option<Row>>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    // A filter looks at the ref that a member has, and not at those that it had.
    let is_own = |key: &MemberKey, member: &Member| match key {
        MemberKey::Ref(value) => member.profile.ref_.as_ref() == Some(value),
        MemberKey::Row(_) | MemberKey::Email(_) | MemberKey::WorkerId(_) => true,
    };
    let found = view.find(keys).await?;
    let own = |(key, found): (&MemberKey, Option<(Row, Member)>)| {
        found.filter(|(_, member)| is_own(key, member)).map(|(row, _)| row)
    };
    Ok(keys.iter().zip(found).map(own).collect())
}

/// A row's chunk and its place in it.
pub fn split(row: u64) -> (u64, u32) {
    let place = row & ((1 << CHUNK_BITS) - 1);
    (row >> CHUNK_BITS, u32::try_from(place).unwrap_or(u32::MAX))
}

/// The row at a place of a chunk.
pub fn join(chunk: u64, place: u32) -> Row {
    Row(chunk << CHUNK_BITS | u64::from(place))
}
