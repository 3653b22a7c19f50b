//! An error status of a call.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::model::Reason;

/// An error status of a call, from the server or from a failed connection.
#[derive(Debug)]
pub struct Refusal(Box<Status>);

impl Refusal {
    /// Whether the same call may succeed later. A lost connection shows up as one of several codes.
    pub fn is_retryable(&self) -> bool {
        match self.0.code() {
            Code::Unavailable
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::ResourceExhausted => true,
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => false,
        }
    }

    /// For a stream that ended before its last reply.
    pub fn ended_early() -> Self {
        Status::unavailable("the server ended the stream before it had replied to every chunk").into()
    }

    /// Whether the arguments of the caller are at fault.
    pub fn is_malformed(&self) -> bool {
        self.0.code() == Code::InvalidArgument || self.is_for(Reason::NameAmbiguous)
    }

    /// Whether the server gave this reason.
    pub fn is_for(&self, reason: Reason) -> bool {
        self.0.get_details_error_info().is_some_and(|info| info.reason == reason.as_str())
    }

    pub fn is_not_found(&self) -> bool {
        self.0.code() == Code::NotFound
    }

    /// How long the server asks to wait before trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.get_details_retry_info().and_then(|info| info.retry_delay)
    }
}

impl StdError for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.0.get_details_error_info();
        let what = info.map_or_else(|| self.0.code().description().to_owned(), |info| info.reason);
        match self.0.source() {
            // The status comes from the connection, not from a server.
            Some(source) => write!(f, "the connection failed: {}", causes(source))?,
            None => write!(f, "the server replied {what}: {}", self.0.message())?,
        }
        if self.0.code() == Code::Unauthenticated {
            f.write_str("\n  give the secret of a token with --token or in MEMBERBASE_TOKEN")?;
        }
        for violation in self.0.get_details_bad_request().into_iter().flat_map(|bad| bad.field_violations) {
            let line = format!("{}: {}", violation.field, violation.description);
            // The message already has the first ones.
            if !self.0.message().contains(&line) {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

/// An error with its chain of causes: the outermost text of a transport error says next to nothing.
pub fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
