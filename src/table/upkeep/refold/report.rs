//! The report of a refold.

use std::fmt;

use crate::model::{BaseNumber, Email, Row, Sealer};

/// The most pairs, and the most addresses, that are listed; further ones are only counted.
pub const MAX_LISTED: usize = 1_000;

/// The report of a refold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefoldReport {
    /// What happened to the store.
    pub outcome: RefoldOutcome,
    /// How many members with an e-mail address were checked.
    pub members: u64,
    /// Pairs of members of one base whose addresses are equal under the new fold.
    pub pairs: Vec<(Holder, Holder)>,
    /// How many further pairs there are.
    pub more_pairs: u64,
    /// Members whose address would not be accepted today. They keep it.
    pub outdated: Vec<Holder>,
    /// How many further ones there are.
    pub more_outdated: u64,
}

/// What happened to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefoldOutcome {
    /// It had the newest fold before, or there is no store.
    #[default]
    Newest,
    /// It was changed to the newest fold.
    Refolded,
    /// It was not changed, because there are pairs.
    Refused,
}

impl fmt::Display for RefoldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "the store already uses the newest rule",
            Self::Refolded => "the store now uses the newest rule",
            Self::Refused => "nothing was changed",
        })
    }
}

/// A member, and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The id of its base.
    pub base: String,
    /// Its id.
    pub member: String,
    /// Its address, as it is stored.
    pub email: Email,
}

/// Includes the address, because the reader has to change one of two members.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.member, self.email.as_str())
    }
}

/// The member at `row`, with its address.
pub fn holder(sealer: &Sealer, base: BaseNumber, row: u64, email: &Email) -> Holder {
    Holder { base: sealer.base_id(base), member: sealer.member_id(base, Row(row)), email: email.clone() }
}
