//! What a stored result takes of the room for stored results.

/// Bytes of the key of a part.
const PART_KEY_BYTES: usize = 21;
/// Bytes of the record that says when it was, with its key.
const TIME_BYTES: usize = 32;

/// What an answer takes: `bytes` of values in `parts` parts beside the first.
pub fn weight(bytes: usize, parts: u32) -> i64 {
    let parts = usize::try_from(parts).unwrap_or(usize::MAX);
    let keys = parts.saturating_add(1).saturating_mul(PART_KEY_BYTES);
    i64::try_from(bytes.saturating_add(keys).saturating_add(TIME_BYTES)).unwrap_or(i64::MAX)
}
