//! Points in time on the wire.

use crate::model::{Reason, Rule, Timestamp};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The instant that a caller sent; digits beyond microseconds are dropped.
pub fn instant(at: prost_types::Timestamp) -> Result<Timestamp, Rule> {
    let refused = || Rule::must_be(Reason::FieldInvalid, "a time between the years 1 and 9999");
    if !(0..1_000_000_000).contains(&at.nanos) {
        return Err(refused());
    }
    let micros = at.seconds.checked_mul(MICROS_PER_SECOND).ok_or_else(refused)? + i64::from(at.nanos / 1_000);
    let instant = Timestamp::from_micros(micros);
    if instant.micros() == micros { Ok(instant) } else { Err(refused()) }
}

/// An instant on the wire.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.micros();
    let nanos = micros.rem_euclid(MICROS_PER_SECOND) * 1_000;
    prost_types::Timestamp {
        seconds: micros.div_euclid(MICROS_PER_SECOND),
        // Less than a second of nanoseconds always fits.
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}
