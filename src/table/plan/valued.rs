//! How many members have values for attributes that a schema would remove or retype.
//!
//! In a large base the lane counts them in pieces, between other batches (`Plan::count_on`). The count has
//! the members of the rows that it has passed, as of everything that was planned: a batch moves it with every
//! member that it writes there (`Plan::note`). Rows that it has not passed are counted as they are then. So a
//! complete count is exact for the request that is planned next, whatever was written meanwhile.

use crate::model::{Member, Row};
use crate::table::TableError;

/// A count, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valued {
    /// Each attribute, with the members that have a value for it.
    keys: Vec<(String, u64)>,
    /// The members that have a value for at least one of them.
    members: u64,
    /// The members of lower rows are counted; `None` once all are.
    below: Option<Row>,
}

/// What one write does to a count.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ValuedMove {
    /// The places of attributes for which the member has no value any more, or has one now.
    keys: Vec<(usize, bool)>,
    members: i64,
}

impl Valued {
    /// A count of the members that have values for these attributes. Nobody is counted yet.
    pub fn new(keys: &[&str]) -> Self {
        let keys = keys.iter().map(|key| ((*key).to_owned(), 0)).collect();
        Self { keys, members: 0, below: Some(Row(0)) }
    }

    /// The same, of which nobody is counted.
    pub fn restarted(&self) -> Self {
        let keys: Vec<&str> = self.keys.iter().map(|(key, _)| key.as_str()).collect();
        Self::new(&keys)
    }

    /// Whether every member is counted.
    pub fn is_complete(&self) -> bool {
        self.below.is_none()
    }

    /// Whether it is a count of these attributes.
    pub fn is_of(&self, keys: &[&str]) -> bool {
        self.keys.iter().map(|(key, _)| key.as_str()).eq(keys.iter().copied())
    }

    /// Counts a member that was not counted.
    pub fn count(&mut self, member: &Member) {
        self.follow(&self.between(None, Some(member)));
    }

    /// The members of lower rows are counted; `None` once all are.
    pub fn below(&self) -> Option<Row> {
        self.below
    }

    /// Takes note that the members of the rows below this one are counted, or that all members are.
    pub fn pass(&mut self, below: Row, is_complete: bool) {
        self.below = (!is_complete).then_some(below);
    }

    /// What a write of the member of `row` does to the count; nothing if that row is still to come.
    pub fn moves(&self, row: Row, before: Option<&Member>, after: Option<&Member>) -> ValuedMove {
        let is_counted = self.below.is_none_or(|below| row < below);
        if is_counted { self.between(before, after) } else { ValuedMove::default() }
    }

    fn between(&self, before: Option<&Member>, after: Option<&Member>) -> ValuedMove {
        let mut moves = ValuedMove::default();
        let (mut had_any, mut has_any) = (false, false);
        let has = |member: Option<&Member>, key| member.is_some_and(|m| m.attributes.get(key).is_some());
        for (place, (key, _)) in self.keys.iter().enumerate() {
            let (had, has) = (has(before, key), has(after, key));
            (had_any, has_any) = (had_any || had, has_any || has);
            if had != has {
                moves.keys.push((place, has));
            }
        }
        moves.members = i64::from(has_any) - i64::from(had_any);
        moves
    }

    /// Follows a write.
    pub fn follow(&mut self, moves: &ValuedMove) {
        for (place, has) in &moves.keys {
            if let Some((_, count)) = self.keys.get_mut(*place) {
                *count = count.saturating_add_signed(if *has { 1 } else { -1 });
            }
        }
        self.members = self.members.saturating_add_signed(moves.members);
    }

    /// Refuses a schema without these attributes if members have values for them. The count must be complete.
    pub fn refuse(&self) -> Result<(), TableError> {
        let held: Vec<(String, u64)> = self.keys.iter().filter(|(_, count)| *count > 0).cloned().collect();
        if held.is_empty() { Ok(()) } else { Err(TableError::SchemaInUse { held, members: self.members }) }
    }
}
