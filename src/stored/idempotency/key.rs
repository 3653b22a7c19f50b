//! The keys of what is kept of requests that named themselves, part of the registry in [`super::key`].

use crate::engine::{Key, KeyRange};
use crate::model::Timestamp;
use crate::stored::key::{REQUEST, REQUEST_TIME};

/// In how many bytes the keys of an answer have the number of its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartWidth {
    /// Two: answers of version 1.
    Narrow,
    /// Four.
    Wide,
}

/// Part `part` of the answer to the request of that name (a keyed hash). Part 0 says how many there are.
#[must_use]
pub fn request(name: u128, part: u32) -> Key {
    let mut key = Vec::with_capacity(21);
    key.push(REQUEST);
    key.extend_from_slice(&name.to_be_bytes());
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// The same for an answer whose keys are of this width.
#[must_use]
pub fn request_of(width: PartWidth, name: u128, part: u32) -> Key {
    let mut key = request(name, part);
    if width == PartWidth::Narrow {
        // Such an answer has no parts whose numbers need the upper two bytes.
        key.drain(17..19);
    }
    key
}

/// Every part of every answer.
#[must_use]
pub fn requests() -> KeyRange {
    KeyRange::prefix(&[REQUEST])
}

/// Name and part in the key of an answer.
#[must_use]
pub fn request_parts(key: &[u8]) -> Option<(u128, u32, PartWidth)> {
    let (name, part) = key.strip_prefix(&[REQUEST])?.split_at_checked(16)?;
    let (part, width) = match part.len() {
        2 => (u32::from(u16::from_be_bytes(part.try_into().ok()?)), PartWidth::Narrow),
        _ => (u32::from_be_bytes(part.try_into().ok()?), PartWidth::Wide),
    };
    Some((u128::from_be_bytes(name.try_into().ok()?), part, width))
}

/// When the request of that name was answered. Times before 1970 count as 1970.
#[must_use]
pub fn request_time(at: Timestamp, name: u128) -> Key {
    let mut key = Vec::with_capacity(25);
    key.push(REQUEST_TIME);
    key.extend_from_slice(&u64::try_from(at.micros()).unwrap_or_default().to_be_bytes());
    key.extend_from_slice(&name.to_be_bytes());
    key
}

/// The times of all requests, oldest first.
#[must_use]
pub fn request_times() -> KeyRange {
    KeyRange::prefix(&[REQUEST_TIME])
}

/// Time and name in the key of the time of a request.
#[must_use]
pub fn request_time_parts(key: &[u8]) -> Option<(Timestamp, u128)> {
    let (at, name) = key.strip_prefix(&[REQUEST_TIME])?.split_at_checked(8)?;
    let at = i64::try_from(u64::from_be_bytes(at.try_into().ok()?)).ok()?;
    Some((Timestamp::from_micros(at), u128::from_be_bytes(name.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

    #[test]
    fn every_key_has_its_golden_bytes_and_its_parts_come_back() {
        let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let answer = request(0x0102, 3);
        assert_eq!(hex(&answer), "050000000000000000000000000000010200000003");
        assert_documented(&answer);
        assert_eq!(request_parts(&answer), Some((0x0102, 3, PartWidth::Wide)));
        assert_eq!(request_of(PartWidth::Wide, 0x0102, 3), answer);
        let narrow = request_of(PartWidth::Narrow, 0x0102, 0x0304);
        assert_eq!(hex(&narrow), "05000000000000000000000000000001020304");
        assert_eq!(request_parts(&narrow), Some((0x0102, 0x0304, PartWidth::Narrow)));
        let time = request_time(Timestamp::from_micros(258), 7);
        assert_eq!(hex(&time), "06000000000000010200000000000000000000000000000007");
        assert_documented(&time);
        assert_eq!(request_time_parts(&time), Some((Timestamp::from_micros(258), 7)));
        assert_eq!((request_parts(&time), request_time_parts(&answer)), (None, None));
        assert_eq!((request_parts(&answer[..18]), request_parts(&answer[..20])), (None, None));
    }

    #[test]
    fn times_stand_in_order() {
        let at = |micros| request_time(Timestamp::from_micros(micros), u128::MAX);
        assert!(at(255) < at(256) && at(256) < request_time(Timestamp::from_micros(257), 0));
        assert_eq!(at(-5), at(0));
    }
}
