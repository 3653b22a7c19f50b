//! The one table that maps errors to the status codes of protocols, with the details of each error.
//!
//! Every error carries its reason, so that programs need not read its text. The faults of a request are
//! listed field by field. An error after which a retry may succeed says when to retry.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tonic::{Code as GrpcCode, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::directory::Error;
use crate::model::{Code, GuardKind, Held, Reason, Refusal, Violation};
use crate::trace::Current;

/// The domain of every reason.
pub const DOMAIN: &str = "memberbase";

/// Most bytes of faults in the details of a status. Details are sent in the headers of a reply, in base64,
/// and clients built on gRPC's C core reject headers over 8 KiB: they would report RESOURCE_EXHAUSTED instead
/// of the error.
const FAULTS_BYTES: usize = 3 * 1024;
/// Most bytes of the text of a status, as it is sent.
const TEXT_BYTES: usize = 2 * 1024;
/// Bytes of a fault besides its two texts: tags and lengths.
const FAULT_BYTES: usize = 12;
/// The metadata key for the number of faults that the details omit.
const LEFT_OUT: &str = "violations_left_out";

/// The status of the gRPC door, and the HTTP status of the JSON doors.
#[must_use]
pub fn statuses(code: Code) -> (GrpcCode, http::StatusCode) {
    use http::StatusCode as Http;
    match code {
        Code::InvalidArgument => (GrpcCode::InvalidArgument, Http::BAD_REQUEST),
        Code::NotFound => (GrpcCode::NotFound, Http::NOT_FOUND),
        Code::AlreadyExists => (GrpcCode::AlreadyExists, Http::CONFLICT),
        Code::FailedPrecondition => (GrpcCode::FailedPrecondition, Http::CONFLICT),
        Code::Aborted => (GrpcCode::Aborted, Http::CONFLICT),
        Code::ResourceExhausted => (GrpcCode::ResourceExhausted, Http::TOO_MANY_REQUESTS),
        Code::Unavailable => (GrpcCode::Unavailable, Http::SERVICE_UNAVAILABLE),
        Code::DeadlineExceeded => (GrpcCode::DeadlineExceeded, Http::GATEWAY_TIMEOUT),
        Code::PermissionDenied => (GrpcCode::PermissionDenied, Http::FORBIDDEN),
        Code::Unauthenticated => (GrpcCode::Unauthenticated, Http::UNAUTHORIZED),
        Code::OutOfRange => (GrpcCode::OutOfRange, Http::BAD_REQUEST),
        Code::Unimplemented => (GrpcCode::Unimplemented, Http::NOT_IMPLEMENTED),
        Code::Internal => (GrpcCode::Internal, Http::INTERNAL_SERVER_ERROR),
        Code::DataLoss => (GrpcCode::DataLoss, Http::INTERNAL_SERVER_ERROR),
    }
}

/// The HTTP status of the JSON doors: that of the code, unless HTTP has a more exact status for the reason.
#[must_use]
pub fn http(reason: Reason) -> http::StatusCode {
    match reason {
        Reason::MessageTooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
        Reason::RequestIdReused => http::StatusCode::UNPROCESSABLE_ENTITY,
        // 429 means that this caller sends too much; these reasons mean that the server has too much to do.
        Reason::Overloaded | Reason::StorageFull | Reason::Deadline => http::StatusCode::SERVICE_UNAVAILABLE,
        _ => statuses(reason.code()).1,
    }
}

/// What identifies an error, both in its reply and in the log line about it: the trace id that the caller
/// gave, or else a random number.
#[must_use]
pub fn trace_id() -> String {
    let random = || format!("{:016x}", RandomState::new().hash_one(()));
    Current::get().map_or_else(random, |call| call.trace.to_string())
}

impl From<Error> for Status {
    /// The status of an error. A private text is logged here, and not sent.
    fn from(error: Error) -> Self {
        let mut metadata = metadata(&error);
        if let Some(private) = error.private() {
            let trace_id = trace_id();
            tracing::error!(trace_id, reason = error.reason().as_str(), "{private}");
            metadata.insert("trace_id".to_owned(), trace_id);
        }
        compose(error.reason(), error.to_string(), metadata, error.violations(), error.retry_after())
    }
}

/// The status of a refusal that the door itself makes.
#[must_use]
pub fn refused(refusal: &Refusal) -> Status {
    compose(refusal.reason, refusal.to_string(), HashMap::new(), &refusal.violations, None)
}

/// The status of a refusal, with the id of the member that already holds a value of the request, if any.
#[must_use]
pub fn taken(refusal: &Refusal, holder_id: Option<String>) -> Status {
    let metadata = holder_id.map(|id| ("member_id".to_owned(), id)).into_iter().collect();
    compose(refusal.reason, refusal.to_string(), metadata, &refusal.violations, None)
}

/// The status of a fault with a text and no details.
#[must_use]
pub fn status(reason: Reason, text: &str) -> Status {
    compose(reason, text.to_owned(), HashMap::new(), &[], None)
}

/// The status of a call that may succeed after `retry_after`.
#[must_use]
pub fn unavailable(reason: Reason, retry_after: Duration) -> Status {
    compose(reason, reason.describe().to_owned(), HashMap::new(), &[], Some(retry_after))
}

/// A status with a code of the protocol that none of our errors has.
#[must_use]
pub fn foreign(code: GrpcCode, reason: &str, text: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(code, text, details)
}

/// The reason that a status carries.
#[must_use]
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

fn compose(
    reason: Reason,
    text: String,
    mut metadata: HashMap<String, String>,
    violations: &[Violation],
    retry_after: Option<Duration>,
) -> Status {
    let listed = violations.get(..that_fit(violations)).unwrap_or_default();
    if listed.len() < violations.len() {
        metadata.insert(LEFT_OUT.to_owned(), (violations.len() - listed.len()).to_string());
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(reason.as_str(), DOMAIN, metadata);
    if !listed.is_empty() {
        let listed = listed.iter().map(|fault| FieldViolation::new(&fault.field, &fault.description));
        details.set_bad_request(listed.collect::<Vec<_>>());
    }
    if let Some(delay) = retry_after {
        details.set_retry_info(Some(delay));
    }
    Status::with_error_details(statuses(reason.code()).0, cut(text), details)
}

/// How many of the faults fit into the details, from the first on.
fn that_fit(violations: &[Violation]) -> usize {
    let mut left = FAULTS_BYTES;
    let fits = |fault: &&Violation| {
        let bytes = fault.field.len() + fault.description.len() + FAULT_BYTES;
        left.checked_sub(bytes).inspect(|rest| left = *rest).is_some()
    };
    violations.iter().take_while(fits).count()
}

/// A text cut to what may be sent. Every byte that is not printable ASCII is sent as three.
fn cut(mut text: String) -> String {
    let mut left = TEXT_BYTES;
    let sent = |character: char| if matches!(character, ' '..='~') { 1 } else { 3 * character.len_utf8() };
    let end = text.char_indices().find(|(_, character)| {
        let rest = left.checked_sub(sent(*character));
        rest.inspect(|rest| left = *rest).is_none()
    });
    if let Some((end, _)) = end {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// The numbers of a refusal by the guard.
fn of_guard(held: &Held) -> Vec<(&'static str, String)> {
    let mut numbers = vec![
        ("of", held.of.to_string()),
        ("limit", held.limit.percent().to_string()),
        ("window", held.window.to_string()),
    ];
    if held.limit.count() > 0 {
        numbers.push(("limit_count", held.limit.count().to_string()));
    }
    numbers.extend(held.tier.iter().map(|tier| ("tier", tier.as_str().to_owned())));
    match held.kind() {
        Some(GuardKind::Removals) | None => numbers.push(("would_remove", held.would_change.to_string())),
        Some(kind) => {
            numbers.push(("would_change", held.would_change.to_string()));
            numbers.push(("count", kind.as_str().to_owned()));
        }
    }
    numbers
}

/// The numbers in the text of an error, for programs.
#[must_use]
pub fn metadata(error: &Error) -> HashMap<String, String> {
    let pairs: Vec<(&str, String)> = match error {
        Error::SchemaInUse { members, .. } => vec![("members", members.to_string())],
        Error::RevisionAhead { asked, reached } => {
            vec![("min_revision", asked.to_string()), ("revision", reached.to_string())]
        }
        Error::AtomicRows { rows, max_rows } => {
            vec![("rows", rows.to_string()), ("limit", max_rows.to_string())]
        }
        Error::AtomicBytes { bytes, max_bytes } => {
            vec![("bytes", bytes.to_string()), ("limit", max_bytes.to_string())]
        }
        Error::TooLarge { bytes, limit } => {
            vec![("bytes", bytes.to_string()), ("max_bytes", limit.to_string())]
        }
        Error::TooMany { rows, limit } => vec![("entries", rows.to_string()), ("limit", limit.to_string())],
        Error::ReplyTooLarge { bytes, limit } => {
            vec![("bytes", bytes.to_string()), ("limit", limit.to_string())]
        }
        Error::StorageFull { free, needed } => {
            vec![("free", free.to_string()), ("needed", needed.to_string())]
        }
        Error::Guard(held) => of_guard(held),
        Error::SecretNotKept { id } => vec![("api_token_id", id.to_string())],
        Error::Refused(_)
        | Error::RequestRunning
        | Error::Unauthenticated(_)
        | Error::PermissionDenied(_)
        | Error::TokenNotFound
        | Error::TooManyTokens { .. }
        | Error::MemberBaseNotFound
        | Error::NotDeleted
        | Error::TooManyTiers
        | Error::MemberNotFound
        | Error::RateLimited { .. }
        | Error::Overloaded
        | Error::CommitUnknown { .. }
        | Error::StorageFailed
        | Error::StorageUnavailable { .. }
        | Error::Deadline
        | Error::NotSupported { .. }
        | Error::Stopping
        | Error::Corrupt { .. }
        | Error::Internal { .. } => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_reason_and_domain() {
        for reason in Reason::ALL {
            let status = status(*reason, "text");
            let info = status.get_details_error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.as_str(), DOMAIN));
        }
    }

    #[test]
    fn a_private_text_reaches_no_caller() {
        let status = Status::from(Error::Internal { private: "/var/lib/secret".into() });
        assert!(!format!("{status:?}").contains("secret"));
        assert!(status.get_details_error_info().unwrap().metadata.contains_key("trace_id"));
    }

    #[test]
    fn all_violations_are_listed() {
        let violations = vec![Violation::new("a", "must be x"), Violation::new("b.c", "must be y")];
        let status =
            Status::from(Error::Refused(Refusal { violations, ..Refusal::new(Reason::FieldInvalid) }));
        let listed = status.get_details_bad_request().unwrap().field_violations;
        let listed: Vec<_> =
            listed.iter().map(|fault| (fault.field.as_str(), fault.description.as_str())).collect();
        assert_eq!(listed, [("a", "must be x"), ("b.c", "must be y")]);
    }

    #[test]
    fn entries_that_do_not_fit_into_a_head_are_omitted_and_counted() {
        let violations: Vec<_> = (0..500)
            .map(|n| Violation::new(format!("rows[{n}].email"), "ist keine gültige Adresse"))
            .collect();
        let all = Refusal { violations, ..Refusal::new(Reason::FieldInvalid) };
        let status = Status::from(Error::Refused(all));
        let listed = status.get_details_bad_request().unwrap().field_violations.len();
        let left_out: usize = status.get_details_error_info().unwrap().metadata[LEFT_OUT].parse().unwrap();
        assert!(listed > 10 && listed + left_out == 500, "{listed} and {left_out}");
        let head = status.into_http::<tonic::body::Body>();
        let bytes: usize =
            head.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(bytes < 8 * 1024, "{bytes}");
        assert_eq!(cut("é".repeat(1_000)).chars().filter(|c| *c == 'é').count(), TEXT_BYTES / 6);
    }

    #[test]
    fn back_pressure_says_when_to_come_back() {
        let status = Status::from(Error::Overloaded);
        assert_eq!(status.code(), GrpcCode::ResourceExhausted);
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    }
}
