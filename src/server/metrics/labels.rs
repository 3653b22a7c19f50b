//! The labels of calls.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use tonic::Code;

/// The first status of HTTP for which the server is at fault.
pub const FAULTS: u16 = 500;
/// The kind of error of a call whose caller left.
const CANCELLED: &str = "cancelled";

/// The labels of a gRPC call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RpcLabels {
    /// The method.
    pub method: &'static str,
    /// The name of its status.
    pub status: &'static str,
}

impl EncodeLabelSet for RpcLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), fmt::Error> {
        let Self { method, status } = *self;
        [("rpc_system_name", "grpc"), ("rpc_method", method), ("rpc_response_status_code", status)]
            .encode(encoder)
    }
}

/// The labels of a request at a JSON door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HttpLabels {
    /// The door.
    pub door: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with the names of its parameters.
    pub route: &'static str,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The status; `None` if the caller left before.
    pub status: Option<u16>,
}

impl HttpLabels {
    /// What kind of error it was: the status if the server is at fault, and a word if the caller left. Empty
    /// for all others.
    fn error(&self) -> String {
        match self.status {
            None => CANCELLED.to_owned(),
            Some(status) if status >= FAULTS => status.to_string(),
            Some(_) => String::new(),
        }
    }
}

impl EncodeLabelSet for HttpLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), fmt::Error> {
        let status = self.status.map(|status| status.to_string()).unwrap_or_default();
        [
            ("door", self.door),
            ("http_request_method", self.method),
            ("http_route", self.route),
            ("url_scheme", self.scheme),
            ("http_response_status_code", &status),
            ("error_type", &self.error()),
        ]
        .encode(encoder)
    }
}

/// The label of a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonLabel(pub &'static str);

impl EncodeLabelSet for ReasonLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), fmt::Error> {
        [("reason", self.0)].encode(encoder)
    }
}

/// The name of a status, as the semantic conventions write it.
pub fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
