//! The audiences that a filter names, and who is in them.
//!
//! A filter is parsed before the memberbase is opened. Whether it has an audience with a number, and whether
//! that audience is archived, is checked later, under the view that the list reads
//! ([`Audiences`](crate::model::Audiences)).

use crate::model::id::{AudienceNumber, Row};

/// Who is in which audience, at one revision of a memberbase.
pub trait Memberships: Sync {
    /// Whether the member at `row` is in `audience`.
    fn is_in(&self, audience: AudienceNumber, row: Row) -> bool;
}

/// For filters that name no audience: nobody is in any.
#[derive(Debug, Clone, Copy)]
pub struct NoAudiences;

impl Memberships for NoAudiences {
    fn is_in(&self, _: AudienceNumber, _: Row) -> bool {
        false
    }
}

/// The audiences that a filter names, one for each operand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedAudiences(Vec<(String, AudienceNumber)>);

impl NamedAudiences {
    /// Adds an audience, with the path of the operand that names it.
    pub(super) fn add(&mut self, path: String, audience: AudienceNumber) {
        self.0.push((path, audience));
    }

    /// Each audience, with the path of the operand that names it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, AudienceNumber)> {
        self.0.iter().map(|(path, audience)| (path.as_str(), *audience))
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
