//! The key that matches rows to members, and the semantics of fields that a row does not name.

use crate::model::row::field::ProfileField;

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
    /// The id that the service gave. A row with an id never creates a member.
    Id,
}

impl MatchBy {
    /// The field of the profile; `None` for the id, which is not in the profile.
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

/// What happens to fields that a row does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Semantics {
    /// They stay.
    #[default]
    Merge,
    /// They are cleared, attributes included: the row is the whole member. Only the `ref` stays, so that a
    /// row matched by another key does not remove it by not naming it; and the status, which rows do not
    /// change.
    Replace,
}
