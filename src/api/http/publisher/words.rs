//! The codes of this door's errors: one word each, from the status and the reason of an error.

use std::collections::BTreeSet;

use http::StatusCode;

use crate::api::error;
use crate::model::Reason;

/// The code of an error with this status and, if the service knows it, this reason.
pub fn word(status: StatusCode, reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::AttributeMismatch) => return "invalid_attribute_key",
        Some(Reason::SchemaInUse) => return "invalid_schema_modification",
        _ => {}
    }
    match status.as_u16() {
        401 => "authentication_error",
        403 => "authorization_error",
        404 => "not_found",
        405 => "method_not_allowed",
        408 => "request_timeout",
        409 => "conflict",
        413 => "payload_too_large",
        415 => "unsupported_media_type",
        422 => "unprocessable_entity",
        429 => "rate_limited",
        503 => "unavailable",
        500.. => "internal",
        _ => "bad_request",
    }
}

/// Every code that an error of this door may have.
pub fn words() -> BTreeSet<&'static str> {
    let statuses = (400..600).filter_map(|code| StatusCode::from_u16(code).ok());
    let by_status = statuses.map(|status| word(status, None));
    let by_reason = Reason::ALL.iter().map(|reason| word(error::http(*reason), Some(*reason)));
    by_status.chain(by_reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_an_error_is_listed() {
        let words = words();
        for word in
            ["bad_request", "conflict", "internal", "invalid_attribute_key", "rate_limited", "unavailable"]
        {
            assert!(words.contains(word), "{word}");
        }
    }
}
