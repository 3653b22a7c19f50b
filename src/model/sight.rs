//! What of members a caller may see, and what follows from that for what it may learn.
//!
//! Nothing that a caller without the right to what is personal (`dob` and `account_details`) gets to hear
//! depends on these two fields. So what it is shown has neither of them; whatever it writes into one counts
//! as a change, because "unchanged" would say that it guessed right; and whether a member is too large is
//! judged by the other fields alone.

use crate::model::match_by::Semantics;
use crate::model::member::Member;
use crate::model::patch::MemberPatch;

/// What of members a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sight {
    /// Everything.
    #[default]
    Whole,
    /// Everything but date of birth and bank details.
    WithoutPii,
}

impl Sight {
    /// Takes from `member` what may not be seen.
    pub fn cover(self, member: &mut Member) {
        match self {
            Self::Whole => {}
            Self::WithoutPii => {
                member.profile.dob = None;
                member.profile.account_details = None;
            }
        }
    }

    /// Whether `patch` writes fields that may not be seen. What a replacement does not name it clears.
    pub fn is_blind_to(self, patch: &MemberPatch, semantics: Semantics) -> bool {
        match self {
            Self::Whole => false,
            Self::WithoutPii => {
                semantics == Semantics::Replace || !patch.dob.is_keep() || !patch.account_details.is_keep()
            }
        }
    }
}
