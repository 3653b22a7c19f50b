//! Which fields of members a caller may see, and which outcomes it may learn.
//!
//! No reply to a caller without the `pii` right depends on the personal fields `dob` and `account_details`.
//! So its replies omit both. A value that it writes into one of them always counts as a change, because
//! "unchanged" would confirm a guess. And only the other fields decide whether a member is too large.

use crate::model::membership::borrowed::BorrowedMember;
use crate::model::membership::member::Member;
use crate::model::row::match_by::Semantics;
use crate::model::row::patch::MemberPatch;

/// Which fields of members a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sight {
    /// Everything.
    #[default]
    Whole,
    /// Everything except date of birth and bank details.
    WithoutPii,
}

impl Sight {
    /// Removes from `member` the fields that the caller may not see.
    pub fn cover(self, member: &mut Member) {
        match self {
            Self::Whole => {}
            Self::WithoutPii => {
                member.profile.dob = None;
                member.profile.account_details = None;
            }
        }
    }

    /// The same as [`Self::cover`].
    pub fn cover_borrowed(self, member: &mut BorrowedMember<'_>) {
        match self {
            Self::Whole => {}
            Self::WithoutPii => {
                member.dob = None;
                member.account_details = None;
            }
        }
    }

    /// Whether `patch` writes fields that the caller may not see. A replacement always does: it clears fields
    /// that it does not name.
    pub fn is_blind_to(self, patch: &MemberPatch, semantics: Semantics) -> bool {
        match self {
            Self::Whole => false,
            Self::WithoutPii => {
                semantics == Semantics::Replace || !patch.dob.is_keep() || !patch.account_details.is_keep()
            }
        }
    }
}
