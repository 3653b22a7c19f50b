//! The header `Accept` of calls that reply in one of several types.

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether the caller prefers `wanted` to `usual`. Types that it does not name count as not wanted; a caller
/// that accepts neither gets the usual one.
pub fn prefers(headers: &HeaderMap, wanted: &str, usual: &str) -> bool {
    quality(headers, wanted) > quality(headers, usual)
}

/// How much the caller wants a type, in thousandths. Of the ranges that match, the most specific one counts.
fn quality(headers: &HeaderMap, kind: &str) -> u16 {
    let group = kind.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for range in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in range.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let specific = match name.split_once('/') {
                _ if name == kind => 3,
                Some((other, "*")) if other == group => 2,
                Some(("*", "*")) => 1,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            if specific > best.0 {
                best = (specific, weight.map_or(1000, thousandths));
            }
        }
    }
    best.1
}

/// A weight such as `0.5`, in thousandths.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = format!("{whole}{fraction:0<3}").chars().take(whole.len() + 3).collect();
    digits.parse().unwrap_or(0).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_sent_only_to_those_who_prefer_it() {
        let prefers = |text: &str| {
            let headers = HeaderMap::from_iter([(ACCEPT, text.parse().unwrap())]);
            prefers(&headers, "text/csv", "application/x-ndjson")
        };
        for text in [
            "text/csv",
            "TEXT/CSV; header=present",
            "text/*",
            "text/csv, */*;q=0.1",
            "application/x-ndjson;q=0.25, text/csv;q=0.5",
            "*/*, application/x-ndjson;q=0",
        ] {
            assert!(prefers(text), "{text}");
        }
        for text in
            ["*/*", "", "application/json", "application/x-ndjson, text/csv", "text/csv;q=0", "text/csvx"]
        {
            assert!(!prefers(text), "{text}");
        }
        assert_eq!(["1", "0.5", "0.123", "1.0", "x"].map(thousandths), [1000, 500, 123, 1000, 0]);
    }
}
