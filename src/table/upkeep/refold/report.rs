//! What a refold found and did.

use std::fmt;

use crate::model::{BaseNumber, Email, Row, Sealer};

/// Pairs and addresses that are listed; further ones are counted.
pub const MAX_LISTED: usize = 1_000;

/// What a refold found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefoldReport {
    /// What became of the store.
    pub outcome: RefoldOutcome,
    /// Members with an e-mail address that were looked at.
    pub members: u64,
    /// Members of one base whose addresses the new fold makes one.
    pub pairs: Vec<(Holder, Holder)>,
    /// How many further pairs there are.
    pub more_pairs: u64,
    /// Members whose address would not be accepted today. They keep it.
    pub outdated: Vec<Holder>,
    /// How many further ones there are.
    pub more_outdated: u64,
}

/// What became of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefoldOutcome {
    /// It has the newest fold already, or there is no store.
    #[default]
    Newest,
    /// It has the newest fold now.
    Refolded,
    /// Nothing was changed, because there are pairs.
    Refused,
}

impl fmt::Display for RefoldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "the store has the newest rule already",
            Self::Refolded => "the store has the newest rule now",
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

/// For whoever has to change one of two members, so with the address.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.member, self.email.as_str())
    }
}

/// The member at `row`, with its address.
pub fn holder(sealer: &Sealer, base: BaseNumber, row: u64, email: &Email) -> Holder {
    Holder { base: sealer.base_id(base), member: sealer.member_id(base, Row(row)), email: email.clone() }
}
