//! The outcome of a change for a caller that may not see every field of a member.

use crate::model::effect::upsert::Update;
use crate::model::membership::member::Member;
use crate::model::row::match_by::Semantics;
use crate::model::row::patch::MemberPatch;
use crate::model::row::sight::Sight;
use crate::model::value::time::Timestamp;

impl Sight {
    /// The outcome that a caller with this sight may learn. If `patch` writes a field that the caller may not
    /// see and changes nothing, the member is written as if it had changed. Otherwise the outcome is
    /// `update`.
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

    /// Patches that write a personal field under either semantics.
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
    fn a_write_to_an_unseen_field_is_never_unchanged() {
        let written = Update::Updated(Member { updated_at: LATER, ..Member::default() });
        for semantics in [Semantics::Merge, Semantics::Replace] {
            for patch in personal() {
                assert_eq!(judged(Sight::WithoutPii, &patch, semantics), written, "{patch:?}");
                assert_eq!(judged(Sight::Whole, &patch, semantics), Update::Unchanged, "{patch:?}");
            }
        }
    }

    #[test]
    fn a_replacement_writes_fields_that_it_does_not_name_and_a_merge_does_not() {
        let name = Change::Set(Name::parse("Ada".to_owned()).unwrap());
        let patch = MemberPatch { first_name: name, ..MemberPatch::default() };
        assert_eq!(judged(Sight::WithoutPii, &patch, Semantics::Merge), Update::Unchanged);
        assert!(matches!(judged(Sight::WithoutPii, &patch, Semantics::Replace), Update::Updated(_)));
        assert_eq!(judged(Sight::Whole, &patch, Semantics::Replace), Update::Unchanged);
    }
}
