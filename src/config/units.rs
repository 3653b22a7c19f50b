//! Parses sizes and times as people write them, and formats them.
//!
//! Flags, environment variables, TOML files, `--print-config` and the log all use this module. A formatted
//! value is parsed back as the same value.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Units of sizes, in any case, and their bytes. `K` to `T` alone are powers of 1,024, as usual for memory
/// and disks; `KB` to `TB` are powers of 1,000.
const SIZES: [(&str, u64); 14] = [
    ("", 1),
    ("B", 1),
    ("K", 1 << 10),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("M", 1 << 20),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("G", 1 << 30),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("T", 1 << 40),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
];

/// Units of times, and their milliseconds. A number alone is seconds.
const TIMES: [(&[&str], u64); 6] = [
    (&["ms", "millisecond", "milliseconds"], 1),
    (&["", "s", "sec", "second", "seconds"], 1_000),
    (&["m", "min", "minute", "minutes"], 60_000),
    (&["h", "hr", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 604_800_000),
];

/// Most digits after the decimal point.
const FRACTION_DIGITS: usize = 9;

/// Parses a size: `536870912`, `512MiB`, `512M`, `10MB`, `1.5 GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let rule = || "must be a size, such as 512MiB, 10MB, 1G or a number of bytes".to_owned();
    let (value, rest) = part(text.trim(), |unit| {
        SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, bytes)| *bytes)
    })
    .ok_or_else(rule)?;
    if rest.is_empty() { Ok(value) } else { Err(rule()) }
}

/// Parses a time: `20s`, `5 minutes`, `1h30m`, `0.5d`; a number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let rule = || "must be a time, such as 20s, 5m, 1h30m, 30d or a number of seconds".to_owned();
    let known = |unit: &str| {
        TIMES.iter().find(|(names, _)| names.contains(&unit)).map(|(_, milliseconds)| *milliseconds)
    };
    let (mut total, mut rest) = part(text.trim(), known).ok_or_else(rule)?;
    while !rest.is_empty() {
        // Only a number that stands alone may have no unit.
        let (value, behind) = part(rest, |unit| known(unit).filter(|_| !unit.is_empty())).ok_or_else(rule)?;
        total = total.checked_add(value).ok_or_else(rule)?;
        rest = behind;
    }
    Ok(Duration::from_millis(total))
}

/// Parses a number with its unit at the beginning of `text`. Returns it in the smallest unit, and the rest of
/// the text.
fn part(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<(u64, &str)> {
    let (number, rest) = split_after(text, |c| c.is_ascii_digit() || c == '.');
    let (unit, rest) = split_after(rest.trim_start(), |c| c.is_ascii_alphabetic());
    let factor = factor(unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > FRACTION_DIGITS {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts = fraction.parse::<u128>().ok()?.checked_mul(u128::from(factor))?;
    // `1.5` bytes are an error, but `0.3GiB` is rounded down to whole bytes.
    if factor == 1 && !parts.is_multiple_of(scale) {
        return None;
    }
    Some((whole.checked_add(u64::try_from(parts / scale).ok()?)?, rest.trim_start()))
}

fn split_after(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Parses an address and a port. `localhost` is the only name allowed, so that a start never waits for DNS.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let text =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:50051".to_owned())
}

/// Parses a boolean: `true`, `1`, `yes`, `on` or their opposites.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// Parses a number of at least 1.
pub fn count(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "must be a number of at least 1".to_owned())
}

/// Formats bytes in the largest unit in which they are a whole number.
#[derive(Debug, Clone, Copy)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.into_iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((name, bytes)) => write!(f, "{}{name}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Formats a time in the largest unit in which it is a whole number, down to milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        match units.into_iter().find(|(_, unit)| milliseconds.is_multiple_of(*unit)) {
            Some(_) if milliseconds == 0 => f.write_str("0s"),
            Some((name, unit)) => write!(f, "{}{name}", milliseconds / unit),
            None => write!(f, "{milliseconds}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_is_at_least_one() {
        assert_eq!(count(" 100 "), Ok(100));
        for text in ["", "0", "-1", "1.5", "many", "99999999999999999999"] {
            assert_eq!(count(text), Err("must be a number of at least 1".to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, value) in [
            ("7", 7),
            ("512MiB", 512 << 20),
            ("512m", 512 << 20),
            ("1G", 1 << 30),
            ("1 GiB", 1 << 30),
            ("10MB", 10_000_000),
            ("2tb", 2_000_000_000_000),
            ("1.5GiB", 3 << 29),
            ("0.5 K", 512),
            (" 64 MiB ", 64 << 20),
        ] {
            assert_eq!(bytes(text), Ok(value), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.GiB", ".5G", "1.5", "1GiBs", "1G 1M", "99999999999TiB", "1,5G", "١G"]
        {
            assert!(bytes(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("5", 5),
            ("20s", 20),
            ("5 minutes", 300),
            ("1h30m", 5_400),
            ("1h 30 min", 5_400),
            ("30d", 30 * 86_400),
            ("2 weeks", 14 * 86_400),
            ("0.5h", 1_800),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "s", "1 fortnight", "soon", "-5s", "1h30", "5 5", "999999999999999999w"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_need_a_port() {
        assert_eq!(address("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert!(address("127.0.0.1").is_err());
        assert!(address("example.com:80").is_err());
    }

    #[test]
    fn round_values_are_formatted_with_a_unit() {
        assert_eq!(Bytes(512 << 20).to_string(), "512MiB");
        assert_eq!((Bytes(0).to_string(), Bytes(1_500).to_string()), ("0".to_owned(), "1500".to_owned()));
        assert_eq!(Time(Duration::from_secs(7 * 86_400)).to_string(), "7d");
        assert_eq!(Time(Duration::from_millis(1_500)).to_string(), "1500ms");
    }

    proptest! {
        #[test]
        fn a_formatted_value_is_parsed_back(value in any::<u64>(), milliseconds in any::<u64>()) {
            prop_assert_eq!(bytes(&Bytes(value).to_string()), Ok(value));
            let time = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&Time(time).to_string()), Ok(time));
        }
    }
}
