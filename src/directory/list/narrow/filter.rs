//! From a filter to the rows that can match it.

use super::plan::Plan;
use super::rows::Narrowed;
use crate::compute::Stretch;
use crate::directory::Error;
use crate::directory::access::view;
use crate::model::{Filter, Member, Row};
use crate::table::{Base, MemberKey, View};

/// Keys that are looked up together, under one view.
pub const FIND_TOGETHER: usize = 500;

/// The rows that can match `filter`, and a view of the revision at which they can.
pub async fn narrow<'a>(
    base: &'a Base,
    min_revision: Option<u64>,
    filter: &Filter,
) -> Result<(View<'a>, Narrowed), Error> {
    let first = view(base, min_revision).await?;
    let plan = Plan::of(&first, filter);
    if plan.keys().len() <= FIND_TOGETHER {
        let found = find(&first, plan.keys()).await?;
        let words = first.word_rows(plan.words()).await?;
        let narrowed = plan.finish(found, words, first.revision());
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
        let words = last.word_rows(plan.words()).await?;
        return Ok((last, plan.finish(found, words, revision)));
    }
    let plan = Plan::of(&last, filter);
    let mut found = Vec::with_capacity(plan.keys().len());
    for keys in plan.keys().chunks(FIND_TOGETHER) {
        found.extend(find(&last, keys).await?);
        stretch.work(keys.len()).await;
    }
    let words = last.word_rows(plan.words()).await?;
    let narrowed = plan.finish(found, words, last.revision());
    Ok((last, narrowed))
}

/// The rows of the members that have these keys, in the same order.
async fn find(view: &View<'_>, keys: &[MemberKey]) -> Result<Vec<Option<Row>>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    // A filter on `ref` matches a member's current ref only, not its former ones.
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
