//! What a batch takes, counted while it is planned.
//!
//! - What some senders may not see of members, their dates of birth and bank details, is counted apart. Where a commit
//!   ends follows from the rest alone, and so does whether a call of such a sender fits into one: neither a revision
//!   nor a refusal tells how long anything hidden is.
//! - What is written fits nevertheless. The at most 1,000 rows of a slice, each with the 15 others of its block and
//!   with what was before, hide less than 7 MiB beside the bytes at which a slice ends. And a request that is one
//!   commit counts, for such a sender, as though every record in it hid as much as there can be, as far as that is
//!   more than [`HIDDEN_ROOM_BYTES`]: with these, the largest commit is still smaller than the largest batch, by
//!   more than the framing of its records takes.

use crate::engine::MAX_BATCH_BYTES;
use crate::model::Sight;
use crate::model::limits::{ATOMIC_MAX_BYTES, PII_MAX_BYTES};
use crate::stored::block::Block;
use crate::stored::member;

/// So much that is hidden fits beside the largest commit, in bytes.
const HIDDEN_ROOM_BYTES: usize = 32 * 1024 * 1024;
/// What the framing of a commit's records and changes takes at most, beside what is counted for them.
const FRAMING_BYTES: usize = 16 * 1024 * 1024;

const _: () = assert!(ATOMIC_MAX_BYTES + HIDDEN_ROOM_BYTES + FRAMING_BYTES <= MAX_BATCH_BYTES);

/// About what a batch writes, rather more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that everybody may know of.
    seen: usize,
    /// Bytes of dates of birth and bank details.
    hidden: usize,
    /// Records of members, in blocks and as they were before.
    records: usize,
}

impl Weight {
    /// Adds bytes of which nothing is hidden.
    pub fn add(&mut self, bytes: usize) {
        self.seen += bytes;
    }

    /// Adds the stored record of a member.
    pub fn add_record(&mut self, record: &[u8]) {
        let hidden = hidden(record);
        self.seen += record.len().saturating_sub(hidden);
        self.hidden += hidden;
        self.records += 1;
    }

    /// Takes away a record that was added.
    pub fn remove_record(&mut self, record: &[u8]) {
        let hidden = hidden(record);
        self.seen -= record.len().saturating_sub(hidden);
        self.hidden -= hidden;
        self.records -= 1;
    }

    /// Adds the records of a block.
    pub fn add_block(&mut self, block: &Block) {
        block.slots.iter().flatten().for_each(|record| self.add_record(record));
    }

    /// Adds what was counted apart.
    pub fn add_all(&mut self, other: Self) {
        self.seen += other.seen;
        self.hidden += other.hidden;
        self.records += other.records;
    }

    /// The bytes that everybody may know of.
    pub fn seen(self) -> usize {
        self.seen
    }

    /// All bytes.
    pub fn all(self) -> usize {
        self.seen + self.hidden
    }

    /// What a request counts as one commit, for a sender who may see so much of members.
    pub fn of_one_commit(self, sight: Sight) -> usize {
        match sight {
            Sight::Whole => self.all(),
            Sight::WithoutPii => {
                let most_hidden = self.records * PII_MAX_BYTES;
                self.seen + most_hidden.saturating_sub(HIDDEN_ROOM_BYTES)
            }
        }
    }
}

/// What a record hides. One that is damaged is found where it is read; here it is a neighbour of what is written.
fn hidden(record: &[u8]) -> usize {
    member::pii_bytes(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountDetails, Date, Member, Profile, Ref};

    fn record(is_hidden: bool) -> Vec<u8> {
        let account = || AccountDetails::parse_uk("Ada".to_owned(), "200000", "55779911").unwrap();
        let profile = Profile {
            ref_: Some(Ref::parse("a").unwrap()),
            dob: is_hidden.then(|| Date::parse("1990-02-03").unwrap()),
            account_details: is_hidden.then(account),
            ..Profile::default()
        };
        member::encode(&Member { profile, ..Member::default() })
    }

    #[test]
    fn what_is_hidden_counts_for_those_who_may_see_it_alone() {
        let [mut bare, mut full] = [Weight::default(); 2];
        for _ in 0..3 {
            bare.add_record(&record(false));
            full.add_record(&record(true));
        }
        full.remove_record(&record(true));
        full.add_record(&record(false));
        assert_eq!(full.seen(), bare.seen());
        assert_eq!(full.all() - bare.all(), 2 * (record(true).len() - record(false).len()));
        let count =
            |weight: Weight| (weight.of_one_commit(Sight::WithoutPii), weight.of_one_commit(Sight::Whole));
        assert_eq!(count(full).0, count(bare).0);
        assert!(count(full).1 > count(bare).1);
    }

    #[test]
    fn whatever_is_hidden_the_largest_commit_of_who_does_not_see_it_is_a_batch() {
        for records in [0, 1, 80_000, 100_000, 170_000, 10_000_000] {
            let hides = |seen| Weight { seen, hidden: records * PII_MAX_BYTES, records };
            let mut seen = ATOMIC_MAX_BYTES;
            while seen > 0 && hides(seen).of_one_commit(Sight::WithoutPii) > ATOMIC_MAX_BYTES {
                seen = seen.saturating_sub(1 << 16);
            }
            if hides(seen).of_one_commit(Sight::WithoutPii) <= ATOMIC_MAX_BYTES {
                assert!(hides(seen).all() + FRAMING_BYTES <= MAX_BATCH_BYTES, "{records} records");
            }
        }
    }

    #[test]
    fn ten_thousand_members_in_as_many_blocks_are_one_commit_of_who_sees_little_of_them() {
        let records = 10_000 * 17;
        let weight = Weight { seen: records * 180, hidden: 0, records };
        assert!(weight.of_one_commit(Sight::WithoutPii) <= ATOMIC_MAX_BYTES);
    }
}
