//! Limits for reading files.

/// The longest row of a file, in bytes; a stored member has at most 32 KiB.
pub const MAX_ROW_BYTES: usize = 256 << 10;
/// How many bytes of the file to read at a time.
pub const READ_AHEAD: usize = 256 << 10;
