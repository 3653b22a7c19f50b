//! The kinds of records, and counts of them.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_from_their_numbers() {
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_index(kind.index()), Some(kind));
        }
        assert_eq!(RecordKind::from_index(0), None);
    }
}
