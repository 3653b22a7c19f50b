//! Records: clips, stamp collections and transactions. They are attached to a member and are deleted with it.
//!
//! Each record has a name that its caller chose: the creative of a clip, the external id of a stamp
//! collection or transaction. A save under an existing name is a repeat: it is merged into the existing
//! record (see [`MemberRecord::merge`]), so every save can be sent again safely.

pub mod clip;
mod name;
#[cfg(test)]
pub(crate) mod samples;
pub mod stamps;
pub mod transaction;

pub use self::clip::{Clip, ClipDetails, ClipId, JsonObject};
pub use self::name::ForeignText;
pub use self::stamps::{StampCollection, StampCollectionId};
pub use self::transaction::{Bin, Currency, Network, Transaction};

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A deal that the member saved.
    Clip,
    /// Stamps of a loyalty program.
    StampCollection,
    /// A purchase.
    Transaction,
}

impl RecordKind {
    /// Every kind, in the order of [`RecordKind::index`].
    pub const ALL: [Self; 3] = [Self::Clip, Self::StampCollection, Self::Transaction];

    /// Its number. It is stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::Clip => 1,
            Self::StampCollection => 2,
            Self::Transaction => 3,
        }
    }

    /// The kind with this number.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.index() == index)
    }
}

/// The number of records of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordCounts {
    /// Clips.
    pub clips: u64,
    /// Stamp collections.
    pub stamp_collections: u64,
    /// Transactions.
    pub transactions: u64,
}

impl RecordCounts {
    /// The counter of a kind.
    pub fn get_mut(&mut self, kind: RecordKind) -> &mut u64 {
        match kind {
            RecordKind::Clip => &mut self.clips,
            RecordKind::StampCollection => &mut self.stamp_collections,
            RecordKind::Transaction => &mut self.transactions,
        }
    }

    /// Adds the counts of other records.
    pub fn add(&mut self, other: Self) {
        self.clips = self.clips.saturating_add(other.clips);
        self.stamp_collections = self.stamp_collections.saturating_add(other.stamp_collections);
        self.transactions = self.transactions.saturating_add(other.transactions);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A record of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRecord {
    /// A deal that the member saved.
    Clip(Box<Clip>),
    /// Stamps of a loyalty program.
    StampCollection(Box<StampCollection>),
    /// A purchase.
    Transaction(Box<Transaction>),
}

/// Why a change of a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// There is no such member.
    MemberNotFound,
    /// The member has no such record.
    RecordNotFound,
    /// The name belongs to a record of another member.
    OfAnotherMember,
    /// The name belongs to a stamp collection of another loyalty program.
    OfAnotherProgram,
}

impl MemberRecord {
    /// The kind of the record.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Clip(_) => RecordKind::Clip,
            Self::StampCollection(_) => RecordKind::StampCollection,
            Self::Transaction(_) => RecordKind::Transaction,
        }
    }

    /// The name that its caller chose.
    pub fn name(&self) -> &ForeignText {
        match self {
            Self::Clip(clip) => &clip.creative_id,
            Self::StampCollection(stamps) => &stamps.external_id,
            Self::Transaction(transaction) => &transaction.external_id,
        }
    }

    /// The id from the service, for the kinds that have one.
    pub fn id(&self) -> Option<u128> {
        match self {
            Self::Clip(clip) => Some(clip.id.0),
            Self::StampCollection(stamps) => Some(stamps.id.0),
            Self::Transaction(_) => None,
        }
    }

    /// The record after a repeat of its save; `None` if that changes nothing. Details that the repeat omits
    /// stay.
    pub fn merge(&self, repeat: &Self) -> Result<Option<Self>, RecordFault> {
        let merged = match (self, repeat) {
            (Self::Clip(old), Self::Clip(new)) => Self::Clip(Box::new(old.merge(new))),
            (Self::StampCollection(old), Self::StampCollection(new)) => {
                if old.loyalty_program_id != new.loyalty_program_id {
                    return Err(RecordFault::OfAnotherProgram);
                }
                return Ok(None);
            }
            (Self::Transaction(old), Self::Transaction(new)) => Self::Transaction(Box::new(old.merge(new))),
            // Names belong to one kind, so records of different kinds never have the same name.
            (Self::Clip(_) | Self::StampCollection(_) | Self::Transaction(_), _) => return Ok(None),
        };
        Ok((merged != *self).then_some(merged))
    }

    /// The record, changed at `now`.
    #[must_use]
    pub fn updated_at(mut self, now: crate::model::Timestamp) -> Self {
        match &mut self {
            Self::Clip(clip) => clip.updated_at = now,
            Self::StampCollection(stamps) => stamps.updated_at = now,
            Self::Transaction(transaction) => transaction.updated_at = now,
        }
        self
    }

    /// The record, created at `now`.
    #[must_use]
    pub fn created_at(mut self, now: crate::model::Timestamp) -> Self {
        match &mut self {
            Self::Clip(clip) => clip.created_at = now,
            Self::StampCollection(stamps) => stamps.created_at = now,
            Self::Transaction(transaction) => transaction.created_at = now,
        }
        self.updated_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::samples::{clip, stamps, transaction};

    fn foreign(text: &str) -> ForeignText {
        ForeignText::parse(text).unwrap()
    }

    #[test]
    fn a_repeat_that_says_the_same_or_less_changes_nothing() {
        let bare = Clip { details: ClipDetails::default(), ..clip() };
        for (old, new) in [
            (MemberRecord::Clip(clip().into()), MemberRecord::Clip(clip().into())),
            (MemberRecord::Clip(clip().into()), MemberRecord::Clip(bare.into())),
            (MemberRecord::StampCollection(stamps().into()), MemberRecord::StampCollection(stamps().into())),
            (
                MemberRecord::Transaction(transaction().into()),
                MemberRecord::Transaction(transaction().into()),
            ),
        ] {
            assert_eq!(old.merge(&new), Ok(None));
        }
    }

    #[test]
    fn a_repeat_advances_a_transaction_and_leaves_its_fixed_fields() {
        let old = Transaction { cleared_at: None, ..transaction() };
        let new = Transaction { amount: None, auth_code: foreign("other"), ..transaction() };
        let merged = MemberRecord::Transaction(old.into()).merge(&MemberRecord::Transaction(new.into()));
        assert_eq!(merged, Ok(Some(MemberRecord::Transaction(transaction().into()))));
    }

    #[test]
    fn a_stamp_collection_stays_with_its_program() {
        let old = MemberRecord::StampCollection(stamps().into());
        let other = StampCollection { loyalty_program_id: foreign("other"), ..stamps() };
        let merged = old.merge(&MemberRecord::StampCollection(other.into()));
        assert_eq!(merged, Err(RecordFault::OfAnotherProgram));
    }

    #[test]
    fn kinds_come_back_from_their_numbers() {
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_index(kind.index()), Some(kind));
        }
        assert_eq!(RecordKind::from_index(0), None);
    }
}
