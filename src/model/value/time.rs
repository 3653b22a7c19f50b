//! Instants and calendar dates. Nothing here reads a clock.

use std::fmt;

use jiff::civil;

use crate::model::limits::DOB_MIN_YEAR;
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;

/// An instant in microseconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant: 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// The last instant: 9999-12-31T23:59:59.999999Z, the last that RFC 3339 and protobuf can write.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant `micros` microseconds after the epoch, or the nearest one that exists.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros).clamp(Self::MIN, Self::MAX)
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Parses an RFC 3339 instant such as `2026-02-03T04:05:06.789Z`. Converts an offset to UTC, drops digits
    /// beyond microseconds, and takes a leap second for the second before it.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let refused = || Rule::must_be(Reason::FieldInvalid, "an RFC 3339 time such as 2026-02-03T04:05:06Z");
        if !has_rfc3339_shape(text.as_bytes()) {
            return Err(refused());
        }
        let micros = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => i64::try_from(instant.as_nanosecond().div_euclid(1_000)).ok(),
            Err(_) => in_the_last_hours(text),
        };
        micros.filter(|micros| (Self::MIN.0..=Self::MAX.0).contains(micros)).map(Self).ok_or_else(refused)
    }

    /// The calendar date in UTC.
    pub fn date(self) -> Date {
        Date(self.civil().date())
    }

    fn civil(self) -> civil::DateTime {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => jiff::tz::Offset::UTC.to_datetime(instant),
            // The constructor clamps instants to the calendar, so the addition never saturates.
            Err(_) => EPOCH.saturating_add(jiff::SignedDuration::from_micros(self.0)),
        }
    }
}

const EPOCH: civil::DateTime = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The microseconds of an instant that RFC 3339 can write but jiff cannot represent. The last instant of jiff
/// is 9999-12-30T22:00Z, the last one that can be written with every offset from UTC.
fn in_the_last_hours(text: &str) -> Option<i64> {
    let (date_time, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(date_time) => (date_time, 0),
        None => {
            let (date_time, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = (hours * 60 + minutes) * 60;
            (date_time, if offset.starts_with('-') { -seconds } else { seconds })
        }
    };
    let date_time: civil::DateTime =
        date_time.parse().ok().filter(|at: &civil::DateTime| at.year() == 9999)?;
    let since = date_time.duration_since(EPOCH).checked_sub(jiff::SignedDuration::from_secs(offset))?;
    i64::try_from(since.as_micros()).ok()
}

/// Whether `text` has the shape of RFC 3339. jiff accepts more: a space for the `T`, short offsets and zone
/// names.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    let (Some(head), Some(tail)) = (text.get(..19), text.get(19..)) else { return false };
    let head_fits = head.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => byte.eq_ignore_ascii_case(&b'T'),
        _ => byte == form,
    });
    let offset = match tail.strip_prefix(b".") {
        None => tail,
        Some(rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            match rest.get(digits..) {
                Some(offset) if (1..=9).contains(&digits) => offset,
                _ => return false,
            }
        }
    };
    let offset_fits = match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    head_fits && offset_fits
}

/// Writes RFC 3339 in UTC with `Z` and a fraction of 0, 3 or 6 digits, like protobuf's JSON.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.civil();
        write!(f, "{:04}-{:02}-{:02}T", at.year(), at.month(), at.day())?;
        write!(f, "{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())?;
        match self.0.rem_euclid(1_000_000) {
            0 => f.write_str("Z"),
            micros if micros % 1_000 == 0 => write!(f, ".{:03}Z", micros / 1_000),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A calendar date without a time, of a year from 1 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

impl Date {
    /// The date, if the calendar has it.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        if !(1..=9999).contains(&year) {
            return None;
        }
        civil::Date::new(year, month, day).ok().map(Self)
    }

    /// Parses a date written `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        Self::read(text).ok_or(Rule::must_be(Reason::FieldInvalid, "a calendar date written YYYY-MM-DD"))
    }

    /// Year, month and day.
    pub fn parts(self) -> (i16, i8, i8) {
        (self.0.year(), self.0.month(), self.0.day())
    }

    /// The date as the number `YYYYMMDD`: four bytes, in the order of the dates.
    pub fn to_number(self) -> u32 {
        let (year, month, day) = self.parts();
        // No part of a date is negative.
        year.unsigned_abs() as u32 * 10_000
            + u32::from(month.unsigned_abs()) * 100
            + u32::from(day.unsigned_abs())
    }

    /// The date from a number of [`Date::to_number`].
    pub fn from_number(number: u32) -> Option<Self> {
        let year = i16::try_from(number / 10_000).ok()?;
        let month = i8::try_from(number / 100 % 100).ok()?;
        let day = i8::try_from(number % 100).ok()?;
        Self::new(year, month, day)
    }

    /// The date written `YYYY-MM-DD`.
    pub fn to_text(self) -> String {
        self.to_ascii().into_iter().map(char::from).collect()
    }

    /// The same, byte by byte. Members are stored with it, and pages of them write it, so it is fast.
    pub fn to_ascii(self) -> [u8; 10] {
        let (year, month, day) = self.parts();
        let (year, month, day) = (year.unsigned_abs(), month.unsigned_abs(), day.unsigned_abs());
        let digit = |number: u8| b'0' + number % 10;
        let two = |number: u8| [digit(number / 10), digit(number)];
        // A year has at most four digits, so both halves have two.
        let [century, rest] = [year / 100, year % 100].map(|half| u8::try_from(half).unwrap_or_default());
        let ([y1, y2], [y3, y4], [m1, m2], [d1, d2]) = (two(century), two(rest), two(month), two(day));
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shape_fits = bytes.len() == 10
            && bytes.iter().zip(b"dddd-dd-dd").all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                _ => byte == form,
            });
        if !shape_fits {
            return None;
        }
        let number = bytes
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
        Self::from_number(number)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The rule of a date of birth; the value itself is a [`Date`].
pub enum Dob {}

impl Dob {
    /// The first date of birth.
    pub const FIRST: Date = Date(civil::Date::constant(DOB_MIN_YEAR, 1, 1));

    /// Parses a calendar date written `YYYY-MM-DD`, from 1900-01-01 to `today`.
    pub fn parse(text: &str, today: Date) -> Result<Date, Rule> {
        Date::read(text).filter(|date| (Self::FIRST..=today).contains(date)).ok_or(Rule::must_be(
            Reason::DobInvalid,
            "a calendar date written YYYY-MM-DD, from 1900-01-01 to today",
        ))
    }
}

/// The instant of an RFC 3339 time, or of a date: its midnight in UTC.
pub fn instant(text: &str) -> Option<Timestamp> {
    match Date::parse(text) {
        Ok(_) => Timestamp::parse(&format!("{text}T00:00:00Z")).ok(),
        Err(_) => Timestamp::parse(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_are_read_as_rfc_3339_and_written_in_utc() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2026-02-03T04:05:06z", "2026-02-03T04:05:06Z"),
            ("2026-02-03t04:05:06Z", "2026-02-03T04:05:06Z"),
            ("2026-02-03T04:05:06+01:00", "2026-02-03T03:05:06Z"),
            ("2026-02-03T04:05:06-00:00", "2026-02-03T04:05:06Z"),
            ("2026-02-03T04:05:06.7Z", "2026-02-03T04:05:06.700Z"),
            ("2026-02-03T04:05:06.000001Z", "2026-02-03T04:05:06.000001Z"),
            ("2026-02-03T04:05:06.123456789Z", "2026-02-03T04:05:06.123456Z"),
            ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00Z"),
            ("9999-12-30T21:59:59.999999Z", "9999-12-30T21:59:59.999999Z"),
            ("9999-12-30T22:00:00.000001Z", "9999-12-30T22:00:00.000001Z"),
            ("9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z"),
            ("9999-12-31T00:00:00-03:30", "9999-12-31T03:30:00Z"),
            ("9999-12-31t12:00:00.25+12:45", "9999-12-30T23:15:00.250Z"),
            ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:59.9999999z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-02-03",
            "2026-02-03T04:05:06",
            "2026-02-03 04:05:06Z",
            "2026-02-03T04:05Z",
            "2026-02-03T04:05:06+01",
            "2026-02-03T04:05:06+0100",
            "2026-02-03T04:05:06.Z",
            "2026-02-03T04:05:06.1234567890Z",
            "2026-02-03T04:05:06Z[UTC]",
            "2026-02-30T04:05:06Z",
            "2026-13-03T04:05:06Z",
            "2026-02-03T24:05:06Z",
            "2026-02-03T04:60:06Z",
            "2026-02-03T04:05:06+99:00",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "9999-12-31T23:59:59+24:00",
            "9999-12-31T23:59:59+23:60",
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:60:00Z",
            "9999-12-32T00:00:00Z",
            " 2026-02-03T04:05:06Z",
            "٢٠٢٦-02-03T04:05:06Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_outside_of_the_calendar_become_the_nearest_inside() {
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::MAX.date(), Date::parse("9999-12-31").unwrap());
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        for text in ["0001-01-01", "1900-01-01", "2000-02-29", "2024-02-29", "9999-12-31"] {
            assert_eq!(Date::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "1900-02-29",
            "2023-02-29",
            "2024-00-01",
            "2024-13-01",
            "2024-01-32",
            "2024-04-31",
            "0000-01-01",
            "24-01-01",
            "2024-1-01",
            "2024/01/01",
            "2024-01-01 ",
            "+024-01-01",
            "20240101",
            "2024-01-01T00:00:00Z",
        ] {
            assert!(Date::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_of_birth_lies_between_1900_and_today() {
        let today = Timestamp::parse("2026-02-03T23:59:59Z").unwrap().date();
        assert_eq!(Dob::parse("1900-01-01", today).unwrap().to_string(), "1900-01-01");
        assert_eq!(Dob::parse("2026-02-03", today).unwrap(), today);
        for text in ["1899-12-31", "2026-02-04", "1990-02-30", "1990"] {
            assert_eq!(Dob::parse(text, today).unwrap_err().reason(), Reason::DobInvalid, "{text}");
        }
    }

    #[test]
    fn the_number_of_a_date_never_changes() {
        assert_eq!(Date::parse("1987-06-05").unwrap().to_number(), 19_870_605);
        assert_eq!(Date::from_number(19_870_631), None);
        assert_eq!(Date::from_number(u32::MAX), None);
    }

    proptest! {
        #[test]
        fn an_instant_survives_its_text(micros in Timestamp::MIN.micros()..=Timestamp::MAX.micros()) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(at.micros(), micros);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
        }

        #[test]
        fn a_date_survives_text_and_number_and_keeps_its_order(
            left in (1_i16..=9999, 1_i8..=12, 1_i8..=28),
            right in (1_i16..=9999, 1_i8..=12, 1_i8..=28),
        ) {
            let [left, right] = [left, right].map(|(year, month, day)| Date::new(year, month, day).unwrap());
            prop_assert_eq!(Date::parse(&left.to_string()), Ok(left));
            prop_assert_eq!(Date::from_number(left.to_number()), Some(left));
            prop_assert_eq!(left.cmp(&right), left.to_number().cmp(&right.to_number()));
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        }
    }
}
