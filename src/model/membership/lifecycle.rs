//! The life of a member: one table of the allowed changes of status.

use crate::model::membership::member::Status;
use crate::model::refusal::error::{Reason, Refusal};

/// An action that changes a member's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The invitation is accepted.
    Activate,
    /// The member leaves.
    Offboard,
    /// The member comes back.
    Reactivate,
}

/// Every allowed change: action, status before, status after. All others are refused.
const TRANSITIONS: &[(Action, Status, Status)] = &[
    (Action::Activate, Status::Invited, Status::Active),
    (Action::Offboard, Status::Invited, Status::Inactive),
    (Action::Offboard, Status::Active, Status::Inactive),
    (Action::Reactivate, Status::Inactive, Status::Invited),
    (Action::Reactivate, Status::Inactive, Status::Active),
];

impl Action {
    /// The action that leads from one status to another.
    pub fn towards(from: Status, to: Status) -> Self {
        match (from, to) {
            (_, Status::Inactive) => Self::Offboard,
            (Status::Inactive, Status::Active | Status::Invited) => Self::Reactivate,
            (Status::Active | Status::Invited, Status::Active | Status::Invited) => Self::Activate,
        }
    }
}

/// Refuses, with `STATUS_TRANSITION`, an `action` that may not change a member's status from `from` to `to`.
pub fn transition(action: Action, from: Status, to: Status) -> Result<(), Refusal> {
    if TRANSITIONS.contains(&(action, from, to)) {
        return Ok(());
    }
    let description = format!("cannot change from {from} to {to}");
    Err(Refusal::field(Reason::StatusTransition, "status", description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_allowed_change_belongs_to_one_action() {
        for (action, from, to) in TRANSITIONS {
            assert_eq!(Action::towards(*from, *to), *action);
        }
        let towards = |from, to| transition(Action::towards(from, to), from, to);
        assert!(towards(Status::Active, Status::Invited).is_err());
    }

    #[test]
    fn only_the_listed_transitions_are_allowed_and_the_others_name_both_states() {
        use Action::{Activate, Offboard, Reactivate};
        use Status::{Active, Inactive, Invited};
        for (action, to, allowed) in [
            (Activate, Active, &[Invited][..]),
            (Activate, Invited, &[]),
            (Activate, Inactive, &[]),
            (Offboard, Inactive, &[Invited, Active]),
            (Offboard, Active, &[]),
            (Offboard, Invited, &[]),
            (Reactivate, Active, &[Inactive]),
            (Reactivate, Invited, &[Inactive]),
            (Reactivate, Inactive, &[]),
        ] {
            for from in Status::ALL {
                let result = transition(action, from, to);
                assert_eq!(result.is_ok(), allowed.contains(&from), "{action:?} {from} {to}");
                if let Err(refusal) = result {
                    assert_eq!(refusal.reason, Reason::StatusTransition);
                    assert_eq!(refusal.message(), format!("status: cannot change from {from} to {to}"));
                }
            }
        }
    }
}
