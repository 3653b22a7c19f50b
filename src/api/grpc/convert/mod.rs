//! Messages to values of the model and back.

pub mod base;
pub mod input;
pub mod list;
pub mod member;
pub mod value;

use crate::model::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;

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
