//! The most that a row can count as for the guard, whatever member it finds. The request finds it out from
//! the row, so that the lane need not look into rows that it does not apply.

use crate::model::counted::Unseen;
use crate::model::{Change, GuardCounts, MatchBy, MemberRow, Semantics, Status, UpsertOptions};

/// What one row can count as, each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    removes: bool,
    identifies: bool,
    clears: bool,
    reactivates: bool,
    leaves_tier: bool,
    /// Whether the row names the status of members who have left.
    pub leaves: bool,
}

impl Most {
    /// The most that a row can count as that is applied with these options, and finds its member by a key or
    /// else by its id.
    pub fn of(row: &MemberRow, is_by_key: bool, options: &UpsertOptions) -> Self {
        let patch = &row.patch;
        let replaces = options.semantics == Semantics::Replace;
        let clears = |is_cleared: bool, is_kept: bool| is_cleared || (replaces && is_kept);
        let status = row.status.filter(|_| options.apply_status);
        let is_found_by = |by: MatchBy| is_by_key && options.match_by == by;
        let ref_counts = is_found_by(MatchBy::Email) || is_found_by(MatchBy::WorkerId);
        let loses_attributes = replaces
            || patch.attributes.replace_all
            || patch.attributes.iter().any(|(_, value)| value.is_none());
        let unseen = Unseen::of(options.sight, patch, options.semantics).unwrap_or_default();
        Self {
            removes: status == Some(Status::Inactive),
            identifies: (patch.email.as_set().is_some() && !is_found_by(MatchBy::Email))
                || patch.first_name.as_set().is_some()
                || patch.last_name.as_set().is_some()
                || patch.dob.as_set().is_some()
                || patch.account_details.as_set().is_some()
                || (ref_counts && patch.ref_.as_set().is_some()),
            clears: clears(patch.email == Change::Clear, patch.email.is_keep())
                || clears(patch.phone == Change::Clear, patch.phone.is_keep())
                || clears(patch.account_details == Change::Clear, patch.account_details.is_keep())
                || loses_attributes
                || unseen.clears,
            reactivates: options.reactivate || status.is_some_and(|status| status != Status::Inactive),
            leaves_tier: clears(patch.tier == Change::Clear, patch.tier.is_keep())
                || patch.tier.as_set().is_some(),
            leaves: row.status == Some(Status::Inactive),
        }
    }

    /// Adds it to what other rows can count as.
    pub fn add_to(self, sum: &mut GuardCounts) {
        sum.removals += u64::from(self.removes);
        sum.identities += u64::from(self.identifies);
        sum.clears += u64::from(self.clears);
        sum.reactivations += u64::from(self.reactivates);
        sum.tiers += u64::from(self.leaves_tier);
    }

    /// It alone.
    pub fn counts(self) -> GuardCounts {
        let mut counts = GuardCounts::default();
        self.add_to(&mut counts);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Email, Ref, Tier};

    fn counts(row: &MemberRow, options: &UpsertOptions) -> [u64; 5] {
        let counts = Most::of(row, true, options).counts();
        [counts.removals, counts.identities, counts.clears, counts.reactivations, counts.tiers]
    }

    #[test]
    fn a_row_counts_at_most_once_as_each_thing_that_it_may_do() {
        let options = UpsertOptions::default();
        let mut row = MemberRow::default();
        assert_eq!(counts(&row, &options), [0; 5]);
        row.patch.ref_ = Change::Set(Ref::parse("a").unwrap());
        assert_eq!(counts(&row, &options), [0; 5], "a key that finds the member says nothing new");
        let by_email = UpsertOptions { match_by: MatchBy::Email, ..options };
        assert_eq!(counts(&row, &by_email), [0, 1, 0, 0, 0]);
        row.patch.email = Change::Set(Email::parse("a@b.cd").unwrap());
        row.patch.tier = Change::Set(Tier::parse("Gold").unwrap());
        assert_eq!(counts(&row, &options), [0, 1, 0, 0, 1]);
        assert_eq!(
            counts(&row, &UpsertOptions { semantics: Semantics::Replace, ..options }),
            [0, 1, 1, 0, 1]
        );
        row.patch.phone = Change::Clear;
        assert_eq!(counts(&row, &UpsertOptions { reactivate: true, ..options }), [0, 1, 1, 1, 1]);
        row.status = Some(Status::Inactive);
        assert_eq!(counts(&row, &options), [0, 1, 1, 0, 1], "statuses are not applied");
        assert!(Most::of(&row, true, &options).leaves);
        assert_eq!(counts(&row, &UpsertOptions { apply_status: true, ..options }), [1, 1, 1, 0, 1]);
        row.status = Some(Status::Active);
        assert_eq!(counts(&row, &UpsertOptions { apply_status: true, ..options }), [0, 1, 1, 1, 1]);
        let mut sum = Most::of(&row, true, &options).counts();
        Most::of(&row, true, &options).add_to(&mut sum);
        assert_eq!((sum.identities, sum.clears, sum.tiers), (2, 2, 2));
    }
}
