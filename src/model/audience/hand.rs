//! What is kept by hand about a member of an audience, and when the member is in it.

/// What is kept by hand about one member in one audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hand {
    /// Nothing: the filter decides.
    #[default]
    None,
    /// The member is in, whatever the filter says.
    Picked,
    /// The member is out, although the filter matches it or once did.
    Removed,
}

impl Hand {
    /// Whether the member is in the audience, given whether the filter matches it.
    #[must_use]
    pub fn is_in(self, is_matched: bool) -> bool {
        match self {
            Self::None => is_matched,
            Self::Picked => true,
            Self::Removed => false,
        }
    }

    /// What is kept after the member was added. Afterwards it is in.
    #[must_use]
    pub fn added(self, is_matched: bool) -> Self {
        match self {
            _ if !is_matched => Self::Picked,
            Self::None | Self::Removed => Self::None,
            Self::Picked => Self::Picked,
        }
    }

    /// What is kept after the member was removed. Afterwards it is out.
    #[must_use]
    pub fn removed(self, is_matched: bool) -> Self {
        match self {
            _ if is_matched => Self::Removed,
            Self::None | Self::Picked => Self::None,
            Self::Removed => Self::Removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Hand::{None, Picked, Removed};

    #[test]
    fn every_combination_has_the_documented_membership() {
        // The hand before, whether the filter matches; then in or out, the hand after an add, after a remove.
        for (hand, is_matched, is_in, added, removed) in [
            (None, false, false, Picked, None),
            (None, true, true, None, Removed),
            (Picked, false, true, Picked, None),
            (Picked, true, true, Picked, Removed),
            (Removed, false, false, Picked, Removed),
            (Removed, true, false, None, Removed),
        ] {
            assert_eq!(hand.is_in(is_matched), is_in, "{hand:?} {is_matched}");
            assert_eq!(hand.added(is_matched), added, "{hand:?} {is_matched}");
            assert_eq!(hand.removed(is_matched), removed, "{hand:?} {is_matched}");
            assert!(added.is_in(is_matched) && !removed.is_in(is_matched));
        }
    }

    #[test]
    fn what_was_done_by_hand_holds_when_the_filter_changes_its_mind() {
        assert!(None.added(false).is_in(true));
        assert!(!None.removed(true).is_in(false));
        // Neither an add that changed nothing nor a remove that changed nothing outlives the match.
        assert!(!None.added(true).is_in(false));
        assert!(None.removed(false).is_in(true));
    }
}
