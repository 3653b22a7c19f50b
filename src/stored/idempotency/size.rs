//! What the answer to a request takes, as it is stored under the time of the request.

use super::{VERSION, read_parts, version_of, width_of};
use crate::stored::bytes::{Reader, Writer};
use crate::stored::idempotency::key::PartWidth;
use crate::stored::{DecodeError, versioned};

const TIME: &str = "the time of a request";

/// What an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Parts beside the first.
    pub parts: u32,
    /// In how many bytes its keys have the number of a part.
    pub width: PartWidth,
}

impl Size {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(version_of(self.width));
        w.varint(self.bytes);
        w.varint(u64::from(self.parts));
        w.0
    }

    /// Reads the stored form.
    pub fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(TIME, versioned(TIME, VERSION, record)?);
        let bytes = r.varint()?;
        let parts = read_parts(&mut r)?;
        let size = Self { bytes, parts, width: width_of(record) };
        r.end()?;
        Ok(size)
    }
}
