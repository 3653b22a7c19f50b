//! Which members a list may remove at all.

use std::sync::Arc;

use crate::compute;
use crate::model::{Effort, Field, Filter, Fold, Member, MemberView, Row};
use crate::table::index::audiences::AudienceMembers;
use crate::table::index::published::Published;

/// Up to this many conditions are evaluated in the task of the plan, unless one is a regular expression.
const PLAIN_CONDITIONS: usize = 16;
/// Members of one piece of work for the pool.
const PIECE_MEMBERS: usize = 16;

/// The scope of a list: the filter, and what its evaluation reuses from one member to the next.
pub struct Scope {
    filter: Arc<Filter>,
    fold: Fold,
    effort: Effort,
    /// Who is in which audience; nobody is in any if the filter names none.
    memberships: AudienceMembers,
}

impl Scope {
    /// The scope that a filter describes.
    pub fn new(filter: Filter, fold: Fold) -> Self {
        let (effort, memberships) = (Effort::default(), AudienceMembers::default());
        Self { filter: Arc::new(filter), fold, effort, memberships }
    }

    /// Takes who is in which audience, if the filter asks for it.
    pub fn see(&mut self, published: &Published) {
        if self.filter.fields().contains(&Field::Audience) {
            self.memberships = published.members.snapshot();
        }
    }

    /// Those of the members that are in the scope, in the same order.
    pub async fn keep(&mut self, mut members: Vec<(Row, Member)>) -> Vec<(Row, Member)> {
        let (fold, audiences) = (self.fold, self.memberships.clone());
        let matches = move |filter: &Filter, effort: &mut Effort, (row, member): &(Row, Member)| {
            filter.matches(&MemberView { row: *row, member, fold, audiences: &audiences }, effort)
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
            let matches = matches.clone();
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
