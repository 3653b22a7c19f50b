//! The stored form of a header: head and settings, or one value of an older version.

use bytes::Bytes;

use super::form::{Head, Header, is_whole};
use super::{older, settings};
use crate::stored::DecodeError;

impl Header {
    /// The stored form of the head.
    #[must_use]
    pub fn encode_head(&self) -> Vec<u8> {
        Head::of(self).encode()
    }

    /// The stored form of the settings.
    #[must_use]
    pub fn encode_settings(&self) -> Vec<u8> {
        settings::encode(self)
    }

    /// Whether `stored` is the stored form of these settings, in this or an older version.
    #[must_use]
    pub fn has_settings(&self, stored: &[u8]) -> bool {
        settings::is_of(stored, self)
    }

    /// The value that is stored under the key of the head as long as the base has this header.
    #[must_use]
    pub fn stored_head(&self) -> Bytes {
        self.whole.clone().unwrap_or_else(|| Bytes::from(self.encode_head()))
    }

    /// Reads head and settings. In older versions the value under the key of the head is the whole header.
    pub fn decode(head: &[u8], settings: Option<&[u8]>) -> Result<Self, DecodeError> {
        if is_whole(head) {
            return older::decode(head);
        }
        let head = Head::decode(head)?;
        let missing = DecodeError::Damaged { value: settings::VALUE, detail: "they are missing" };
        Ok(settings::decode(settings.ok_or(missing)?)?.with(head))
    }
}
