//! Model to bytes and back: every key and every stored record, with their format versions.
//!
//! [`key`] is the registry of keys; the other files hold one stored record each. Every record begins with a version
//! byte; a record written by a released version decodes for ever, one written by a newer version is an error that names
//! both. Nothing here does I/O, and no wire message is ever stored.

pub mod block;
pub mod bucket;
pub mod bytes;
pub mod commit;
#[cfg(test)]
pub(crate) mod documented;
pub mod header;
pub mod idempotency;
pub mod index;
pub mod key;
pub mod member;
pub mod member_record;
pub mod meta;
pub mod record_key;
pub mod set_key;
pub mod token;

/// Why stored bytes could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The record was written by a newer version of this program.
    #[error("{record} has version {found}; this program reads up to version {supported}")]
    Newer {
        /// Which record.
        record: &'static str,
        /// The version found.
        found: u8,
        /// The newest version this program reads.
        supported: u8,
    },
    /// The bytes end too early, go on too long, or hold what cannot be.
    #[error("{record} is damaged: {detail}")]
    Damaged {
        /// Which record.
        record: &'static str,
        /// What is wrong.
        detail: &'static str,
    },
}

/// Takes the version byte off a record.
fn versioned<'a>(record: &'static str, supported: u8, bytes: &'a [u8]) -> Result<&'a [u8], DecodeError> {
    match bytes.split_first() {
        Some((&found, rest)) if (1..=supported).contains(&found) => Ok(rest),
        Some((&found, _)) if found > supported => Err(DecodeError::Newer { record, found, supported }),
        _ => Err(DecodeError::Damaged { record, detail: "it has no version" }),
    }
}
