//! The failure that a file of failed rows states for a row.

/// Why a row failed in an earlier import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierFailure<'a> {
    pub reason: &'a str,
    pub message: &'a str,
}
