//! The states of a job, and the only changes of state.

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for its turn: a memberbase runs one job at a time.
    Pending,
    /// Its plan is being made. Nothing is written to members.
    Planning,
    /// The plan is complete and waits for somebody to approve or reject it. Nothing is written to members;
    /// the store may have been restored to a moment at which a part of the plan was applied.
    Held,
    /// The plan is being applied.
    Running,
    /// It did everything that it could; some rows may have failed. A dry run ends here after its plan.
    Succeeded,
    /// It stopped because of an error. What it had written by then stays.
    Failed,
    /// Somebody rejected the plan, it waited too long, or a newer list took its place. Nothing was written,
    /// except before the store was restored; that stays.
    Rejected,
    /// Somebody cancelled it. What it had written by then stays.
    Cancelled,
}

impl JobState {
    /// Every state, in the order of the stored numbers.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Planning,
        Self::Held,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Planning => "PLANNING",
            Self::Held => "HELD",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The stored number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Planning => 2,
            Self::Held => 3,
            Self::Running => 4,
            Self::Succeeded => 5,
            Self::Failed => 6,
            Self::Rejected => 7,
            Self::Cancelled => 8,
        }
    }

    /// The state with this stored number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// Whether nothing more happens to a job in this state.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected | Self::Cancelled)
    }

    /// Whether a job in this state may get the state `next`.
    ///
    /// A held job that is approved is planned again. A running job is held only by a restore of the store.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Planning | Self::Failed | Self::Cancelled)
                | (
                    Self::Planning,
                    Self::Pending
                        | Self::Held
                        | Self::Running
                        | Self::Succeeded
                        | Self::Failed
                        | Self::Rejected
                        | Self::Cancelled
                )
                | (Self::Held, Self::Pending | Self::Rejected | Self::Cancelled)
                | (Self::Running, Self::Held | Self::Succeeded | Self::Failed | Self::Cancelled)
        )
    }
}

/// Why a job is held or came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEnd {
    /// A stable word for programs, as [`Reason`](crate::model::Reason) has them, such as `REMOVAL_GUARD`.
    pub reason: String,
    /// One sentence for people.
    pub message: String,
}

impl JobEnd {
    /// A reason and a message.
    #[must_use]
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_keep_their_numbers_and_words() {
        for (nth, state) in (1_u8..).zip(JobState::ALL) {
            assert_eq!((state.number(), JobState::from_number(nth)), (nth, Some(state)));
        }
        assert_eq!(JobState::from_number(0), None);
        assert_eq!(JobState::from_number(9), None);
        assert_eq!(JobState::ALL.map(JobState::as_str).join(" "), {
            "PENDING PLANNING HELD RUNNING SUCCEEDED FAILED REJECTED CANCELLED"
        });
    }

    #[test]
    fn no_final_state_is_left_and_every_other_one_can_be() {
        for state in JobState::ALL {
            let leads_on = JobState::ALL.into_iter().any(|next| state.may_become(next));
            assert_eq!(leads_on, !state.is_final(), "{state:?}");
            assert!(!state.may_become(state), "{state:?}");
        }
        assert!(!JobState::Held.may_become(JobState::Running), "a held job is planned again first");
    }
}
