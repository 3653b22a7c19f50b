//! Which key rows are matched by, and how they are applied.

use crate::model::field::ProfileField;

/// The key that finds a row's member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MatchBy {
    /// The `ref`.
    #[default]
    Ref,
    /// The folded e-mail address.
    Email,
    /// The worker id.
    WorkerId,
    /// The id that the service gave. It makes no members.
    Id,
}

impl MatchBy {
    /// The field of the profile that it is; none for the id, which is not part of it.
    pub fn field(self) -> Option<ProfileField> {
        match self {
            Self::Ref => Some(ProfileField::Ref),
            Self::Email => Some(ProfileField::Email),
            Self::WorkerId => Some(ProfileField::WorkerId),
            Self::Id => None,
        }
    }

    /// The name of the field on the wire.
    pub fn as_str(self) -> &'static str {
        self.field().map_or("id", ProfileField::as_str)
    }
}

/// What a field that a row does not name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Semantics {
    /// It stays.
    #[default]
    Merge,
    /// It is cleared, attributes included: the row is the whole member. Only the `ref` stays, so that a row matched by
    /// another key never takes a member's `ref` away by its silence; and the status, which rows do not change.
    Replace,
}
