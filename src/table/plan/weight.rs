//! The size of a batch, counted while it is planned.
//!
//! - Some senders may not see dates of birth and bank details; these bytes are counted separately, as hidden.
//!   Only the other bytes decide where a commit ends, and whether a call of such a sender fits into one
//!   commit. So neither a revision nor a refusal reveals the length of anything hidden.
//! - What is written still fits into a batch. A slice has at most 1,000 rows; they, the 15 other members of
//!   each block and the previous members hide less than 7 MiB beyond the bytes at which a slice ends. A
//!   request that is one commit counts, for such a sender, as if every member in it hid the most that it can,
//!   as far as this is more than [`HIDDEN_ROOM_BYTES`]. Even with that room, the largest commit is smaller
//!   than the largest batch, by more than the framing of its members takes.

use crate::engine::MAX_BATCH_BYTES;
use crate::model::Sight;
use crate::model::limits::{ATOMIC_MAX_BYTES, PII_MAX_BYTES};
use crate::stored::block::Block;
use crate::stored::member;

/// Hidden bytes that fit into a batch in addition to the largest commit.
const HIDDEN_ROOM_BYTES: usize = 32 * 1024 * 1024;
/// The most that the framing of a commit's members and changes takes beyond what is counted for them.
const FRAMING_BYTES: usize = 16 * 1024 * 1024;

const _: () = assert!(ATOMIC_MAX_BYTES + HIDDEN_ROOM_BYTES + FRAMING_BYTES <= MAX_BATCH_BYTES);

/// An estimate of what a batch writes, rather too high than too low.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that are not hidden from any sender.
    seen: usize,
    /// Bytes of dates of birth and bank details.
    hidden: usize,
    /// Stored members, in blocks and as they were before.
    members: usize,
}

impl Weight {
    /// Adds bytes that are not hidden.
    pub fn add(&mut self, bytes: usize) {
        self.seen += bytes;
    }

    /// Adds a stored member.
    pub fn add_member(&mut self, stored: &[u8]) {
        let hidden = hidden(stored);
        self.seen += stored.len().saturating_sub(hidden);
        self.hidden += hidden;
        self.members += 1;
    }

    /// Subtracts a stored member that was added before.
    pub fn remove_member(&mut self, stored: &[u8]) {
        let hidden = hidden(stored);
        self.seen -= stored.len().saturating_sub(hidden);
        self.hidden -= hidden;
        self.members -= 1;
    }

    /// Adds the members of a block.
    pub fn add_block(&mut self, block: &Block) {
        block.members().for_each(|(_, stored)| self.add_member(stored));
    }

    /// Adds another weight.
    pub fn add_all(&mut self, other: Self) {
        self.seen += other.seen;
        self.hidden += other.hidden;
        self.members += other.members;
    }

    /// The bytes that are not hidden from any sender.
    pub fn seen(self) -> usize {
        self.seen
    }

    /// All bytes.
    pub fn all(self) -> usize {
        self.seen + self.hidden
    }

    /// The bytes that a request counts as one commit, for a sender who may see this much of members.
    pub fn of_one_commit(self, sight: Sight) -> usize {
        match sight {
            Sight::Whole => self.all(),
            Sight::WithoutPii => {
                let most_hidden = self.members * PII_MAX_BYTES;
                self.seen + most_hidden.saturating_sub(HIDDEN_ROOM_BYTES)
            }
        }
    }
}

/// The hidden bytes of a stored member; 0 if it is damaged. Damage is reported where a member is read; here
/// it may be only a neighbour of a changed member.
fn hidden(stored: &[u8]) -> usize {
    member::pii_bytes(stored).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountDetails, Date, Member, Profile, Ref};

    fn stored(is_hidden: bool) -> Vec<u8> {
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
    fn hidden_bytes_count_only_for_senders_who_may_see_them() {
        let [mut bare, mut full] = [Weight::default(); 2];
        for _ in 0..3 {
            bare.add_member(&stored(false));
            full.add_member(&stored(true));
        }
        full.remove_member(&stored(true));
        full.add_member(&stored(false));
        assert_eq!(full.seen(), bare.seen());
        assert_eq!(full.all() - bare.all(), 2 * (stored(true).len() - stored(false).len()));
        let count =
            |weight: Weight| (weight.of_one_commit(Sight::WithoutPii), weight.of_one_commit(Sight::Whole));
        assert_eq!(count(full).0, count(bare).0);
        assert!(count(full).1 > count(bare).1);
    }

    #[test]
    fn the_largest_commit_of_a_sender_without_pii_fits_into_a_batch_whatever_is_hidden() {
        for members in [0, 1, 80_000, 100_000, 170_000, 10_000_000] {
            let hides = |seen| Weight { seen, hidden: members * PII_MAX_BYTES, members };
            let mut seen = ATOMIC_MAX_BYTES;
            while seen > 0 && hides(seen).of_one_commit(Sight::WithoutPii) > ATOMIC_MAX_BYTES {
                seen = seen.saturating_sub(1 << 16);
            }
            if hides(seen).of_one_commit(Sight::WithoutPii) <= ATOMIC_MAX_BYTES {
                assert!(hides(seen).all() + FRAMING_BYTES <= MAX_BATCH_BYTES, "{members} members");
            }
        }
    }

    #[test]
    fn ten_thousand_members_in_as_many_blocks_fit_into_one_commit_of_a_sender_without_pii() {
        let members = 10_000 * 17;
        let weight = Weight { seen: members * 180, hidden: 0, members };
        assert!(weight.of_one_commit(Sight::WithoutPii) <= ATOMIC_MAX_BYTES);
    }
}
