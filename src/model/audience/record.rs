//! An audience: what is stored about it apart from its members.

use std::collections::BTreeSet;

use crate::model::audience::{AudienceFilter, AudienceName};
use crate::model::id::AudienceNumber;
use crate::model::value::time::Timestamp;

/// An audience of a memberbase.
#[derive(Debug, Clone, PartialEq)]
pub struct Audience {
    /// Its number.
    pub number: AudienceNumber,
    /// Its name.
    pub name: AudienceName,
    /// Its filter; empty if members are only picked by hand.
    pub filter: AudienceFilter,
    /// The time of the commit that created it.
    pub created_at: Timestamp,
    /// The time of the commit that last changed its name, its filter or whether it is archived.
    pub updated_at: Timestamp,
    /// The time of the commit that archived it; `None` if it is not archived.
    pub archived_at: Option<Timestamp>,
    /// The revision of the memberbase at the commit that last changed it; 0 until the commit has one.
    pub revision: u64,
    /// Whether its members are those of its filter.
    pub state: AudienceState,
}

/// Whether the members of an audience are those of its filter.
#[derive(Debug, Clone, PartialEq)]
pub enum AudienceState {
    /// They are.
    Ready,
    /// Its filter is new, and is being evaluated for the members that existed before.
    Building {
        /// It was evaluated for the rows below this one.
        row: u64,
        /// The filter that decides who is in the audience until then. Empty for a new audience.
        serving: Box<AudienceFilter>,
    },
}

impl Audience {
    /// Whether it is archived.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }

    /// The filter that decides at present who is in it.
    #[must_use]
    pub fn serving(&self) -> &AudienceFilter {
        match &self.state {
            AudienceState::Ready => &self.filter,
            AudienceState::Building { serving, .. } => serving,
        }
    }

    /// The audiences that its filters name, the one that is being built included.
    #[must_use]
    pub fn named(&self) -> BTreeSet<AudienceNumber> {
        self.filter.audiences().union(self.serving().audiences()).copied().collect()
    }
}
