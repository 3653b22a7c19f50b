//! What the guard counts one write of a member as.
//!
//! - Values are compared only if the member really changes. A first value is never counted: it replaces
//!   nothing.
//! - A sender that may not see dates of birth and bank accounts must learn nothing about them from a count.
//!   So what it writes to them counts by itself, whatever the member had.

use crate::model::contact::email::Fold;
use crate::model::guard::counts::GuardCounts;
use crate::model::guard::slots::TierCounts;
use crate::model::guard::tiers::TierLimits;
use crate::model::membership::member::{Member, Profile, Status};
use crate::model::row::change::Change;
use crate::model::row::match_by::Semantics;
use crate::model::row::patch::MemberPatch;
use crate::model::row::sight::Sight;

/// How a write came to its member, as far as that decides what it counts as.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Decides which e-mail addresses are equal.
    pub fold: Fold,
    /// Whether another ref is another identity: the member was found by its e-mail address or worker id.
    pub ref_is_identity: bool,
    /// What a sender writes that it may not see; `None` if it may see everything.
    pub unseen: Option<Unseen>,
}

/// What a sender writes to fields that it may not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unseen {
    /// It gives the member a date of birth or a bank account.
    pub sets: bool,
    /// It clears the bank account, if the member has one.
    pub clears: bool,
}

impl Unseen {
    /// What `patch` writes, if its sender may not see everything.
    #[must_use]
    pub fn of(sight: Sight, patch: &MemberPatch, semantics: Semantics) -> Option<Self> {
        let account = &patch.account_details;
        match sight {
            Sight::Whole => None,
            Sight::WithoutPii => Some(Self {
                sets: patch.dob.as_set().is_some() || account.as_set().is_some(),
                clears: match account {
                    Change::Set(_) => false,
                    Change::Clear => true,
                    Change::Keep => semantics == Semantics::Replace,
                },
            }),
        }
    }
}

impl GuardCounts {
    /// These counts of a write of a member, whose removal counts for its tier too if that has a limit.
    #[must_use]
    pub fn in_tier_of(mut self, before: Option<&Member>, limits: &TierLimits) -> Self {
        if self.removals > 0
            && let Some(slot) = limits.slot(before.and_then(|member| member.profile.tier.as_ref()))
        {
            self.of_tiers.add(slot, self.removals);
        }
        self
    }

    /// What a write counts as that takes a member from `before` to `after`; `None` before it exists and after
    /// it is deleted.
    #[must_use]
    pub fn of_write(before: Option<&Member>, after: Option<&Member>, written: Written) -> Self {
        match (before, after) {
            (None, _) => Self::default(),
            (Some(_), None) => Self::of_removals(1),
            (Some(before), Some(after)) => {
                let was_there = before.status != Status::Inactive;
                let is_there = after.status != Status::Inactive;
                Self {
                    removals: u64::from(was_there && !is_there),
                    identities: u64::from(is_somebody_else(&before.profile, &after.profile, written)),
                    clears: u64::from(lost_data(before, after, written)),
                    reactivations: u64::from(!was_there && is_there),
                    tiers: u64::from(
                        before.profile.tier.is_some() && before.profile.tier != after.profile.tier,
                    ),
                    of_tiers: TierCounts::NONE,
                }
            }
        }
    }
}

/// Whether the profile is that of somebody else.
fn is_somebody_else(before: &Profile, after: &Profile, written: Written) -> bool {
    let is_unseen_other = match written.unseen {
        Some(unseen) => unseen.sets,
        None => {
            is_other(&before.dob, &after.dob) || is_other(&before.account_details, &after.account_details)
        }
    };
    is_unseen_other
        || has_other_email(before, after, written.fold)
        || has_other_names(before, after)
        || (written.ref_is_identity && is_other(&before.ref_, &after.ref_))
}

/// Whether a value takes the place of another one.
fn is_other<T: PartialEq>(before: &Option<T>, after: &Option<T>) -> bool {
    matches!((before, after), (Some(before), Some(after)) if before != after)
}

fn has_other_email(before: &Profile, after: &Profile, fold: Fold) -> bool {
    match (&before.email, &after.email) {
        (Some(before), Some(after)) if before != after => before.folded(fold) != after.folded(fold),
        _ => false,
    }
}

/// Whether both names change, or the only one that the member has.
fn has_other_names(before: &Profile, after: &Profile) -> bool {
    let [first, last] = [(&before.first_name, &after.first_name), (&before.last_name, &after.last_name)];
    let is_absent = |(before, after): (&Option<_>, &Option<_>)| before.is_none() && after.is_none();
    let (first_is_other, last_is_other) = (is_other(first.0, first.1), is_other(last.0, last.1));
    (first_is_other && (last_is_other || is_absent(last))) || (last_is_other && is_absent(first))
}

/// Whether the member loses contact data, its bank account, or all of its attributes.
fn lost_data(before: &Member, after: &Member, written: Written) -> bool {
    let (old, new) = (&before.profile, &after.profile);
    let lost_account = match written.unseen {
        Some(unseen) => unseen.clears,
        None => old.account_details.is_some() && new.account_details.is_none(),
    };
    lost_account
        || (old.email.is_some() && new.email.is_none())
        || (old.phone.is_some() && new.phone.is_none())
        || (!before.attributes.is_empty() && after.attributes.is_empty())
}

#[cfg(test)]
mod tests;
