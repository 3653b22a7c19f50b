//! Why a request is rejected before its call sees it. Each door renders a rejection in its own envelope.

use http::StatusCode;

use crate::api::{error, unknown};
use crate::directory::Error;

/// Why a request is rejected before its call sees it.
#[derive(Debug)]
pub enum Rejection {
    /// No call has this path.
    UnknownPath,
    /// The path has calls, but none with this method.
    UnknownMethod,
    /// The content type is not JSON.
    ContentType,
    /// The body is compressed, or encoded in another way.
    ContentEncoding,
    /// The body is longer than `limit` bytes.
    TooLarge {
        /// Largest body, in bytes.
        limit: usize,
    },
    /// The body arrives too slowly.
    TooSlow,
    /// The connection broke before the end of the body.
    Broken,
    /// The service refused it.
    Service(Error),
}

impl Rejection {
    /// The status of its reply.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::UnknownMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Service(error) => error::http(error.reason()),
        }
    }

    /// The text for people.
    pub fn message(&self) -> String {
        match self {
            Self::UnknownPath => unknown::PATH.to_owned(),
            Self::UnknownMethod => "this path does not support the HTTP method".to_owned(),
            Self::ContentType => "the content type must be application/json".to_owned(),
            Self::ContentEncoding => "the body must be sent without a content encoding".to_owned(),
            Self::TooLarge { limit } => format!("the body has more than {limit} bytes"),
            Self::TooSlow => "the body arrived too slowly".to_owned(),
            Self::Broken => "the connection broke before the end of the body".to_owned(),
            Self::Service(error) => error.to_string(),
        }
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}
