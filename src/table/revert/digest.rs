//! The digest of a revert's plan.

use sha2::{Digest, Sha256};

use crate::model::PlanHash;
use crate::stored::job::{Reversal, Undo};

/// The beginning of the digest of a revert. That of a list begins with 1.
const OF_REVERT: u8 = 2;

/// Collects what a plan does with each member, in any order.
#[derive(Debug, Default)]
pub struct RevertDigest(Vec<(u64, [u8; 32])>);

impl RevertDigest {
    /// Adds what happens with one member.
    pub fn add(&mut self, reversal: &Reversal) {
        let place = reversal.row.map_or(0, |row| row.0.saturating_add(1));
        let mut hash = Sha256::new();
        hash.update(place.to_le_bytes());
        hash.update([reversal.does.kind()]);
        if reversal.does.is_change() {
            // What the member is now matters too: somebody saw that it would be given up.
            hash.update(reversal.seen.to_le_bytes());
        }
        if let Undo::Back { record, .. } | Undo::Returns { record, .. } = &reversal.does {
            hash.update(record);
        }
        self.0.push((place, hash.finalize().into()));
    }

    /// The digest of all, in the order of their rows.
    pub fn finish(mut self) -> PlanHash {
        self.0.sort_unstable();
        let mut hash = Sha256::new();
        hash.update([OF_REVERT]);
        self.0.iter().for_each(|(_, one)| hash.update(one));
        let bytes: [u8; 32] = hash.finalize().into();
        PlanHash(*bytes.first_chunk().unwrap_or(&[0; 16]))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::Row;
    use crate::stored::documented::assert_documented;

    #[test]
    fn a_digest_has_its_golden_bytes_in_any_order() {
        let reversal = |row, does| Reversal { row: Some(Row(row)), seen: row, with_next: false, does };
        let back = Undo::Back { record: Bytes::from_static(b"ab"), reactivates: false };
        let all = [reversal(2, Undo::Unchanged), reversal(300, back)];
        let (mut digest, mut reversed) = (RevertDigest::default(), RevertDigest::default());
        all.iter().for_each(|one| digest.add(one));
        all.iter().rev().for_each(|one| reversed.add(one));
        let digest = digest.finish();
        assert_eq!(digest, reversed.finish());
        assert_documented(&digest.0);
        let mut later = RevertDigest::default();
        all.iter().for_each(|one| later.add(&Reversal { seen: one.seen + 1, ..one.clone() }));
        assert_ne!(later.finish(), digest);
    }
}
