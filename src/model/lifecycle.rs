//! The life of a member: which change of status is allowed, in one table.

use crate::model::error::{Reason, Refusal};
use crate::model::member::Status;

/// What is done to a member's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The invitation is accepted.
    Activate,
    /// The member leaves.
    Offboard,
    /// The member comes back.
    Reactivate,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Activate, Self::Offboard, Self::Reactivate];

    /// The action as a verb.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Offboard => "offboard",
            Self::Reactivate => "reactivate",
        }
    }
}

/// Every allowed change: action, status before, status after. What is not here is refused.
const TRANSITIONS: &[(Action, Status, Status)] = &[
    (Action::Activate, Status::Invited, Status::Active),
    (Action::Offboard, Status::Invited, Status::Inactive),
    (Action::Offboard, Status::Active, Status::Inactive),
    (Action::Reactivate, Status::Inactive, Status::Invited),
    (Action::Reactivate, Status::Inactive, Status::Active),
];

/// The status after `action` on a member with status `from`. `new_members` says where a member that comes back begins:
/// the base's setting, unless the caller asks for another. Refused with `STATUS_TRANSITION`, which names action and status.
pub fn transition(action: Action, from: Status, new_members: Status) -> Result<Status, Refusal> {
    TRANSITIONS
        .iter()
        .filter(|(allowed, before, _)| *allowed == action && *before == from)
        .map(|(_, _, after)| *after)
        .find(|after| action != Action::Reactivate || *after == new_members)
        .ok_or_else(|| {
            let description = format!("is {from}, which does not allow to {}", action.as_str());
            Refusal::field(Reason::StatusTransition, "status", description)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_transitions_are_allowed() {
        use Status::{Active, Inactive, Invited};
        for (action, new_members, expected) in [
            (Action::Activate, Active, [Some(Active), None, None]),
            (Action::Activate, Invited, [Some(Active), None, None]),
            (Action::Offboard, Active, [Some(Inactive), Some(Inactive), None]),
            (Action::Offboard, Invited, [Some(Inactive), Some(Inactive), None]),
            (Action::Reactivate, Active, [None, None, Some(Active)]),
            (Action::Reactivate, Invited, [None, None, Some(Invited)]),
            (Action::Reactivate, Inactive, [None, None, None]),
        ] {
            let after = Status::ALL.map(|from| transition(action, from, new_members).ok());
            assert_eq!(after, expected, "{action:?} {new_members}");
        }
    }

    #[test]
    fn a_refused_transition_is_named() {
        let refusal = transition(Action::Activate, Status::Inactive, Status::Active).unwrap_err();
        assert_eq!(refusal.reason, Reason::StatusTransition);
        assert_eq!(refusal.message(), "status: is inactive, which does not allow to activate");
    }
}
