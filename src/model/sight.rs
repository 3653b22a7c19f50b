//! What of members a caller may see, and what follows from that for what it may learn.
//!
//! Nothing that a caller without the right to what is personal (`dob` and `account_details`) gets to hear
//! depends on these two fields. So what it is shown has neither of them; whatever it writes into one counts
//! as a change, because "unchanged" would say that it guessed right; and whether a member is too large is
//! judged by the other fields alone.

use crate::model::input::{MemberPatch, Semantics};
use crate::model::member::Member;
use crate::model::time::Timestamp;
use crate::model::upsert::Update;

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

    /// What `patch` does to `current`, as far as that may be known: `update`, but for what is unchanged in a
    /// field that may not be seen. That is written like a change.
    pub fn judge(
        self,
        update: Update,
        current: &Member,
        patch: &MemberPatch,
        semantics: Semantics,
        now: Timestamp,
    ) -> Update {
        if update == Update::Unchanged && self.is_blind_to(patch, semantics) {
            Update::Updated(Member { updated_at: now, ..current.clone() })
        } else {
            update
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountDetails, Change, Date, Name};

    const LATER: Timestamp = Timestamp::MAX;

    /// Patches that write something personal, whatever the semantics.
    fn personal() -> [MemberPatch; 4] {
        let date = Date::parse("1990-02-03").unwrap();
        let account = AccountDetails::parse_uk("Ada", "200000", "55779911").unwrap();
        [
            MemberPatch { dob: Change::Set(date), ..MemberPatch::default() },
            MemberPatch { dob: Change::Clear, ..MemberPatch::default() },
            MemberPatch { account_details: Change::Set(account), ..MemberPatch::default() },
            MemberPatch { account_details: Change::Clear, ..MemberPatch::default() },
        ]
    }

    fn judged(sight: Sight, patch: &MemberPatch, semantics: Semantics) -> Update {
        sight.judge(Update::Unchanged, &Member::default(), patch, semantics, LATER)
    }

    #[test]
    fn what_is_written_unseen_is_never_unchanged() {
        let written = Update::Updated(Member { updated_at: LATER, ..Member::default() });
        for semantics in [Semantics::Merge, Semantics::Replace] {
            for patch in personal() {
                assert_eq!(judged(Sight::WithoutPii, &patch, semantics), written, "{patch:?}");
                assert_eq!(judged(Sight::Whole, &patch, semantics), Update::Unchanged, "{patch:?}");
            }
        }
    }

    #[test]
    fn a_replacement_writes_what_it_does_not_name_and_a_merge_does_not() {
        let name = Change::Set(Name::parse("Ada".to_owned()).unwrap());
        let patch = MemberPatch { first_name: name, ..MemberPatch::default() };
        assert_eq!(judged(Sight::WithoutPii, &patch, Semantics::Merge), Update::Unchanged);
        assert!(matches!(judged(Sight::WithoutPii, &patch, Semantics::Replace), Update::Updated(_)));
        assert_eq!(judged(Sight::Whole, &patch, Semantics::Replace), Update::Unchanged);
    }
}
