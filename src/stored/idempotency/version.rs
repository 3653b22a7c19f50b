//! What the values under both kinds of keys share: their version, which follows from the width of parts in
//! keys, and the number of parts.

use crate::stored::DecodeError;
use crate::stored::bytes::Reader;
use crate::stored::idempotency::key::PartWidth;

/// Version 1 is the same, but the number of a part takes two bytes in its keys.
pub(super) const VERSION: u8 = 2;

/// At most this many parts beside the first, far more than a result takes. More parts are damage.
const MAX_PARTS: u32 = 1 << 22;

pub(super) fn read_parts(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let parts = u32::try_from(r.varint()?).ok().filter(|parts| *parts <= MAX_PARTS);
    parts.ok_or_else(|| r.damaged("it has too many parts"))
}

pub(super) fn version_of(width: PartWidth) -> u8 {
    match width {
        PartWidth::Narrow => 1,
        PartWidth::Wide => VERSION,
    }
}

pub(super) fn width_of(value: &[u8]) -> PartWidth {
    if value.first() == Some(&1) { PartWidth::Narrow } else { PartWidth::Wide }
}
