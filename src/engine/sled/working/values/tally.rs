//! How much lives in each value file, as the position says it.
//!
//! The tally is exact unless a process was killed between two positions. It decides which file is emptied
//! next, and never whether something in a file lives: that is asked of sled.

use std::collections::BTreeMap;

use super::number::{u32_at, u64_at};

/// The bytes of one file in a tally.
const FILE_BYTES: usize = 12;

/// The living bytes of each value file, by its number.
pub(crate) type Tally = BTreeMap<u32, u64>;

pub(crate) fn encode(tally: &Tally, out: &mut Vec<u8>) {
    for (file, living) in tally {
        out.extend_from_slice(&file.to_le_bytes());
        out.extend_from_slice(&living.to_le_bytes());
    }
}

/// `None` if the bytes are not a tally.
pub(crate) fn decode(bytes: &[u8]) -> Option<Tally> {
    bytes.chunks(FILE_BYTES).map(|file| Some((u32_at(file, 0)?, u64_at(file, 4)?))).collect()
}
