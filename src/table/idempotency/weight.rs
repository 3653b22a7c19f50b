//! How many bytes of the limit for stored results one of them takes.

/// Bytes of the key of one part.
const PART_KEY_BYTES: usize = 21;
/// Bytes of the entry that orders results by time, with its key.
const TIME_BYTES: usize = 32;

/// The bytes of a stored result with values of `bytes` bytes and with `parts` parts besides the first.
pub fn weight(bytes: usize, parts: u32) -> i64 {
    let parts = usize::try_from(parts).unwrap_or(usize::MAX);
    let keys = parts.saturating_add(1).saturating_mul(PART_KEY_BYTES);
    i64::try_from(bytes.saturating_add(keys).saturating_add(TIME_BYTES)).unwrap_or(i64::MAX)
}
