//! What a file of failed rows says of a row.

/// What an earlier import said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    pub reason: &'a str,
    pub message: &'a str,
}
