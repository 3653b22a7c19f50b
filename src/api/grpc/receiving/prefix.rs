//! What precedes each message on the wire: whether it is compressed, and its length.

/// Its length, in bytes.
pub const PREFIX_BYTES: usize = 5;

/// The flag and the length at the start of `data`, and the bytes after them.
pub fn prefix(data: &[u8]) -> Option<((u8, usize), &[u8])> {
    let ([flag, length @ ..], rest) = data.split_first_chunk::<PREFIX_BYTES>()?;
    Some(((*flag, usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX)), rest))
}
