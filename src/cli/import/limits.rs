//! The limits of what is read.

/// The longest row of a file, in bytes; a stored member has at most 32 KiB.
pub const MAX_ROW_BYTES: usize = 256 << 10;
/// How much of the file is read at a time, in bytes.
pub const READ_AHEAD: usize = 256 << 10;
