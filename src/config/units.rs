//! Texts of settings that have units.

use std::net::SocketAddr;
use std::time::Duration;

/// Bytes: a whole number, alone or with `KiB`, `MiB`, `GiB` or `TiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(bytes_rule()),
    };
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(bytes_rule)
}

/// A time: a whole number with `ms`, `s`, `m`, `h` or `d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let rule = || "must be a whole number with ms, s, m, h or d, such as 20s".to_owned();
    let (number, unit) = split(text);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(rule()),
    };
    number.and_then(|number| number.checked_mul(millis)).map(Duration::from_millis).ok_or_else(rule)
}

/// An address and a port. `localhost` is the only name, so that a start never waits for a name server.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let text =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:50051".to_owned())
}

/// `true` or `false`.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

fn bytes_rule() -> String {
    "must be a whole number of bytes, alone or with KiB, MiB, GiB or TiB, such as 512MiB".to_owned()
}

fn split(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.split_at_checked(digits) {
        Some((number, unit)) => (number.parse().ok(), unit.trim_start()),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_times_have_units() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("7"), Ok(7));
        assert_eq!(bytes("1 GiB"), Ok(1 << 30));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for bad in ["", "MiB", "1.5GiB", "-1", "1MB", "99999999999TiB"] {
            assert!(bytes(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "20", "s", "1 week"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_need_a_port() {
        assert_eq!(address("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert!(address("127.0.0.1").is_err());
        assert!(address("example.com:80").is_err());
    }
}
