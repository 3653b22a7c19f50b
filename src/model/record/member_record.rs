//! A record of any kind, and its merge with a repeat of its save.

use super::clip::Clip;
use super::kind::RecordKind;
use super::name::ForeignText;
use super::stamps::StampCollection;
use super::transaction::Transaction;
use crate::model::value::time::Timestamp;

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

    /// When it was changed last.
    #[must_use]
    pub fn changed_at(&self) -> Timestamp {
        match self {
            Self::Clip(clip) => clip.updated_at,
            Self::StampCollection(stamps) => stamps.updated_at,
            Self::Transaction(transaction) => transaction.updated_at,
        }
    }

    /// The record, changed at `now`.
    #[must_use]
    pub fn updated_at(mut self, now: Timestamp) -> Self {
        match &mut self {
            Self::Clip(clip) => clip.updated_at = now,
            Self::StampCollection(stamps) => stamps.updated_at = now,
            Self::Transaction(transaction) => transaction.updated_at = now,
        }
        self
    }

    /// The record, created at `now`.
    #[must_use]
    pub fn created_at(mut self, now: Timestamp) -> Self {
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
    use crate::model::record::clip::ClipDetails;
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
}
