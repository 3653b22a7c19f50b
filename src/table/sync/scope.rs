//! Which members a list may remove at all.

use std::sync::Arc;

use crate::compute;
use crate::model::{Effort, Filter, Fold, Member, MemberView, NoAudiences, Row};

/// Up to this many conditions are evaluated in the task of the plan, unless one is a regular expression.
const PLAIN_CONDITIONS: usize = 16;
/// Members of one piece of work for the pool.
const PIECE_MEMBERS: usize = 16;

/// The scope of a list: the filter, and what its evaluation reuses from one member to the next.
pub struct Scope {
    filter: Arc<Filter>,
    fold: Fold,
    effort: Effort,
}

impl Scope {
    /// The scope that a filter describes.
    pub fn new(filter: Filter, fold: Fold) -> Self {
        Self { filter: Arc::new(filter), fold, effort: Effort::default() }
    }

    /// Those of the members that are in the scope, in the same order.
    pub async fn keep(&mut self, mut members: Vec<(Row, Member)>) -> Vec<(Row, Member)> {
        let fold = self.fold;
        let matches = move |filter: &Filter, effort: &mut Effort, (row, member): &(Row, Member)| {
            filter.matches(&MemberView { row: *row, member, fold, audiences: &NoAudiences }, effort)
        };
        if self.filter.regexes() == 0 && self.filter.conditions() <= PLAIN_CONDITIONS {
            members.retain(|member| matches(&self.filter, &mut self.effort, member));
            return members;
        }
        let mut kept = Vec::new();
        while !members.is_empty() {
            let rest = members.split_off(PIECE_MEMBERS.min(members.len()));
            let mut piece = std::mem::replace(&mut members, rest);
            let (filter, mut effort) = (Arc::clone(&self.filter), std::mem::take(&mut self.effort));
            let work = move || {
                piece.retain(|member| matches(&filter, &mut effort, member));
                (piece, effort)
            };
            let (piece, effort) = compute::run(work).await;
            self.effort = effort;
            kept.extend(piece);
        }
        kept
    }
}
