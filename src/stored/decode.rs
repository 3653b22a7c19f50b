//! Why stored bytes could not be decoded, and the version byte that most values begin with.

/// Why stored bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A newer version of this program wrote the value.
    #[error("{value} has version {found}; this program reads up to version {supported}")]
    Newer {
        /// Which value.
        value: &'static str,
        /// The version found.
        found: u8,
        /// The newest version this program reads.
        supported: u8,
    },
    /// The bytes end too early, go on too long, or hold something invalid.
    #[error("{value} is damaged: {detail}")]
    Damaged {
        /// Which value.
        value: &'static str,
        /// What is wrong.
        detail: &'static str,
    },
}

/// Takes the version byte off a value.
pub(super) fn versioned<'a>(
    value: &'static str,
    supported: u8,
    bytes: &'a [u8],
) -> Result<&'a [u8], DecodeError> {
    match bytes.split_first() {
        Some((&found, rest)) if (1..=supported).contains(&found) => Ok(rest),
        Some((&found, _)) if found > supported => Err(DecodeError::Newer { value, found, supported }),
        _ => Err(DecodeError::Damaged { value, detail: "it has no version" }),
    }
}
