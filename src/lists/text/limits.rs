//! Limits and marks of texts.

/// The longest row of a file, in bytes; a stored member has at most 32 KiB.
pub const MAX_ROW_BYTES: usize = 256 << 10;
/// The mark that some programs write before UTF-8, without which spreadsheets do not recognise it.
pub const BOM: &[u8] = b"\xef\xbb\xbf";
