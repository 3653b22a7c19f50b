//! What a file of failed rows says about its rows.

/// The columns that a file of failed rows has after those of the original file.
pub const FAILURE_COLUMNS: [&str; 4] = ["line", "reason", "field", "message"];

/// Why a row failed in an earlier import, as a file of failed rows states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The reason.
    pub reason: String,
    /// What it says to people.
    pub message: String,
}
