//! The keys of stored results, part of the registry in [`crate::stored::key`].
//!
//! In these keys `id` is the keyed hash of a request id.

use crate::engine::{Key, KeyRange};
use crate::model::Timestamp;
use crate::stored::key::{REQUEST, REQUEST_TIME};

/// How many bytes the number of a part takes in the keys of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartWidth {
    /// Two, in results of version 1.
    Narrow,
    /// Four.
    Wide,
}

/// The key of one part of the result of a request. Part 0 holds the number of parts.
#[must_use]
pub fn request(id: u128, part: u32) -> Key {
    let mut key = Vec::with_capacity(21);
    key.push(REQUEST);
    key.extend_from_slice(&id.to_be_bytes());
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// The key of one part of a result with keys of this width.
#[must_use]
pub fn request_of(width: PartWidth, id: u128, part: u32) -> Key {
    let mut key = request(id, part);
    if width == PartWidth::Narrow {
        // No part of such a result has a number that needs the upper two bytes.
        key.drain(17..19);
    }
    key
}

/// Every part of every result.
#[must_use]
pub fn requests() -> KeyRange {
    KeyRange::prefix(&[REQUEST])
}

/// Request id (as its hash) and part in the key of a part.
#[must_use]
pub fn request_parts(key: &[u8]) -> Option<(u128, u32, PartWidth)> {
    let (id, part) = key.strip_prefix(&[REQUEST])?.split_at_checked(16)?;
    let (part, width) = match part.len() {
        2 => (u32::from(u16::from_be_bytes(part.try_into().ok()?)), PartWidth::Narrow),
        _ => (u32::from_be_bytes(part.try_into().ok()?), PartWidth::Wide),
    };
    Some((u128::from_be_bytes(id.try_into().ok()?), part, width))
}

/// The key of the time of a request: when its result was first stored. Times before 1970 count as 1970.
#[must_use]
pub fn request_time(at: Timestamp, id: u128) -> Key {
    let mut key = Vec::with_capacity(25);
    key.push(REQUEST_TIME);
    key.extend_from_slice(&u64::try_from(at.micros()).unwrap_or_default().to_be_bytes());
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// The times of all requests, oldest first.
#[must_use]
pub fn request_times() -> KeyRange {
    KeyRange::prefix(&[REQUEST_TIME])
}

/// Time and request id (as its hash) in the key of the time of a request.
#[must_use]
pub fn request_time_parts(key: &[u8]) -> Option<(Timestamp, u128)> {
    let (at, id) = key.strip_prefix(&[REQUEST_TIME])?.split_at_checked(8)?;
    let at = i64::try_from(u64::from_be_bytes(at.try_into().ok()?)).ok()?;
    Some((Timestamp::from_micros(at), u128::from_be_bytes(id.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

    #[test]
    fn every_key_has_its_golden_bytes_and_its_parts_come_back() {
        let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let result = request(0x0102, 3);
        assert_eq!(hex(&result), "050000000000000000000000000000010200000003");
        assert_documented(&result);
        assert_eq!(request_parts(&result), Some((0x0102, 3, PartWidth::Wide)));
        assert_eq!(request_of(PartWidth::Wide, 0x0102, 3), result);
        let narrow = request_of(PartWidth::Narrow, 0x0102, 0x0304);
        assert_eq!(hex(&narrow), "05000000000000000000000000000001020304");
        assert_eq!(request_parts(&narrow), Some((0x0102, 0x0304, PartWidth::Narrow)));
        let time = request_time(Timestamp::from_micros(258), 7);
        assert_eq!(hex(&time), "06000000000000010200000000000000000000000000000007");
        assert_documented(&time);
        assert_eq!(request_time_parts(&time), Some((Timestamp::from_micros(258), 7)));
        assert_eq!((request_parts(&time), request_time_parts(&result)), (None, None));
        assert_eq!((request_parts(&result[..18]), request_parts(&result[..20])), (None, None));
    }

    #[test]
    fn times_are_in_order() {
        let at = |micros| request_time(Timestamp::from_micros(micros), u128::MAX);
        assert!(at(255) < at(256) && at(256) < request_time(Timestamp::from_micros(257), 0));
        assert_eq!(at(-5), at(0));
    }
}
