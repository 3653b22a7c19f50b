//! Points in time on the wire.

use crate::model::{Reason, Rule, Timestamp};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The instant that a caller sent; digits beyond microseconds are dropped.
pub fn instant(at: prost_types::Timestamp) -> Result<Timestamp, Rule> {
    let refused = || Rule::must_be(Reason::FieldInvalid, "a time between the years 1 and 9999");
    if !(0..1_000_000_000).contains(&at.nanos) {
        return Err(Rule::must_be(Reason::FieldInvalid, "a time whose nanos are from 0 to 999999999"));
    }
    let micros = at.seconds.checked_mul(MICROS_PER_SECOND);
    let micros = micros.and_then(|micros| micros.checked_add(i64::from(at.nanos / 1_000)));
    let micros = micros.ok_or_else(refused)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_a_time_says_which_part_of_it_is_wrong() {
        let read = |seconds, nanos| {
            let read = instant(prost_types::Timestamp { seconds, nanos });
            read.map(Timestamp::micros).map_err(|rule| rule.describe())
        };
        assert_eq!((read(-1, 999_999_999), read(1, 1_999)), (Ok(-1), Ok(1_000_001)));
        for nanos in [-1, 1_000_000_000, i32::MIN, i32::MAX] {
            assert_eq!(read(1, nanos), Err("must be a time whose nanos are from 0 to 999999999".to_owned()));
        }
        for seconds in [i64::MIN, -62_135_596_801, 253_402_300_800, i64::MAX] {
            assert_eq!(read(seconds, 0), Err("must be a time between the years 1 and 9999".to_owned()));
        }
        assert!(read(i64::MAX / MICROS_PER_SECOND, 999_999_999).is_err());
    }
}
