//! The position: the last batch that sled has, and what lives in the value files as of then.
//!
//! ```text
//! at  size  what
//!  0  16    timeline
//! 16   8    number of the last batch applied
//! 24        the tally of the value files
//! ```

use super::values::tally::{self, Tally};
use crate::engine::sled::log::segment::Timeline;

/// What sled has under the key of the position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) timeline: Timeline,
    pub(crate) last: u64,
    pub(crate) tally: Tally,
}

impl Position {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = [self.timeline.as_slice(), &self.last.to_le_bytes()].concat();
        tally::encode(&self.tally, &mut out);
        out
    }

    /// `None` if the bytes are not a position.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let timeline = bytes.get(..16)?.try_into().ok()?;
        let last = u64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?);
        Some(Self { timeline, last, tally: tally::decode(bytes.get(24..)?)? })
    }
}
