//! Deadlines of calls: how long a caller waits for its reply.

use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap, HeaderName};
use tonic::Request;

/// The moment at which the caller stops waiting: an extension of requests that have a deadline.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// How long the caller waits. The name is a constant, so that it is not parsed for every call.
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Longest deadline; a longer one counts as none.
const DEADLINE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The deadline of a request, if it has one.
pub fn deadline<T>(request: &Request<T>) -> Option<Instant> {
    of(request.extensions())
}

/// The deadline of a request with these extensions, if it has one.
pub fn of(extensions: &Extensions) -> Option<Instant> {
    extensions.get::<Deadline>().map(|deadline| deadline.0)
}

/// Returns once the deadline has passed; never without a deadline.
pub async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// How long the caller waits: up to 8 digits and a unit.
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if is_number { digits.parse().ok()? } else { return None };
    let timeout = match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    (timeout <= DEADLINE_MAX).then_some(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        timeout(&headers)
    }

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        assert_eq!(header("15S"), Some(Duration::from_secs(15)));
        assert_eq!(header("2M"), Some(Duration::from_secs(120)));
        assert_eq!(header("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for bad in ["", "S", "15", "123456789S", "-1S", "1.5S", "1X"] {
            assert_eq!(header(bad), None, "{bad:?}");
        }
    }
}
