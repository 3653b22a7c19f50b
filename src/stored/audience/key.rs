//! The keys of audiences, part of the registry in [`crate::stored::key`].

use crate::engine::{Key, KeyRange};
use crate::model::{AudienceNumber, BaseNumber};
use crate::stored::key::{AUDIENCE, AUDIENCE_SET, of_base, own_part};

/// The key of a base's numbers stands where that of an audience with this number would: numbers begin at 1.
const NUMBERS: AudienceNumber = AudienceNumber(0);

/// What the rows of a chunk have in common. The number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// They are in the audience.
    In,
    /// They were picked by hand.
    Picked,
    /// They were removed by hand.
    Removed,
    /// They will be in the audience once its filter is evaluated for all members.
    Next,
}

impl Kind {
    const ALL: [Self; 4] = [Self::In, Self::Picked, Self::Removed, Self::Next];

    const fn number(self) -> u8 {
        match self {
            Self::In => 0,
            Self::Picked => 1,
            Self::Removed => 2,
            Self::Next => 3,
        }
    }
}

/// The key of an audience's record.
#[must_use]
pub fn audience(base: BaseNumber, number: AudienceNumber) -> Key {
    let mut key = of_base(AUDIENCE, base, 4);
    key.extend_from_slice(&number.0.to_be_bytes());
    key
}

/// The key of what a base knows about the numbers of its audiences.
#[must_use]
pub fn numbers(base: BaseNumber) -> Key {
    audience(base, NUMBERS)
}

/// The numbers and every audience of a base, in this order.
#[must_use]
pub fn audiences(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(AUDIENCE, base, 0))
}

/// The number of the audience whose record has this key.
#[must_use]
pub fn number_in(key: &[u8]) -> Option<AudienceNumber> {
    let number = own_part(AUDIENCE, key)?.try_into().ok()?;
    Some(AudienceNumber(u32::from_be_bytes(number))).filter(|number| *number != NUMBERS)
}

/// One chunk of the rows of an audience.
#[must_use]
pub fn rows(base: BaseNumber, number: AudienceNumber, kind: Kind, chunk: u64) -> Key {
    let mut key = of_base(AUDIENCE_SET, base, 13);
    key.extend_from_slice(&number.0.to_be_bytes());
    key.push(kind.number());
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// Every chunk of every audience of a base.
#[must_use]
pub fn rows_of(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(AUDIENCE_SET, base, 0))
}

/// The parts of the key of a chunk.
#[must_use]
pub fn rows_parts(key: &[u8]) -> Option<(AudienceNumber, Kind, u64)> {
    let (number, rest) = own_part(AUDIENCE_SET, key)?.split_at_checked(4)?;
    let (kind, chunk) = rest.split_first()?;
    let kind = *Kind::ALL.get(usize::from(*kind))?;
    let number = AudienceNumber(u32::from_be_bytes(number.try_into().ok()?));
    Some((number, kind, u64::from_be_bytes(chunk.try_into().ok()?)))
}
