//! The size of a stored result, which is stored under the time of the request.

use super::version::{VERSION, read_parts, version_of, width_of};
use crate::stored::bytes::{Reader, Writer};
use crate::stored::decode::{DecodeError, versioned};
use crate::stored::idempotency::key::PartWidth;

const VALUE: &str = "size of a result";

/// The size of a stored result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// How many bytes its keys and values take.
    pub bytes: u64,
    /// The number of parts beside the first.
    pub parts: u32,
    /// How many bytes the number of a part takes in its keys.
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
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, value)?);
        let bytes = r.varint()?;
        let parts = read_parts(&mut r)?;
        let size = Self { bytes, parts, width: width_of(value) };
        r.end()?;
        Ok(size)
    }
}
