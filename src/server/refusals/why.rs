//! Finds out why a call was rejected, at every door.

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::api::error;
use crate::api::refused::{Answered, Refused};

/// The reason why a call was rejected; none if it was not.
pub fn why(response: &Response<Body>) -> Option<Refused> {
    if let Some(refused) = response.extensions().get::<Refused>() {
        return Some(refused.clone());
    }
    if response.extensions().get::<Answered>().is_some() {
        return None;
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let reason = status.canonical_reason().unwrap_or("unknown error").to_owned();
        return Some(Refused { reason, trace_id: String::new() });
    }
    Status::from_header_map(response.headers()).and_then(of_status)
}

/// The reason in a gRPC status; none if the status is OK.
pub fn of_status(status: Status) -> Option<Refused> {
    let reason = || error::reason_of(&status).unwrap_or_else(|| status.code().description().to_owned());
    (status.code() != Code::Ok).then(|| Refused { reason: reason(), trace_id: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::grpc::plain;

    #[test]
    fn a_rejection_is_recognised_at_every_door() {
        let grpc = error::status(crate::model::Reason::MemberNotFound, "text").into_http::<Body>();
        assert_eq!(why(&grpc).unwrap().reason, "MEMBER_NOT_FOUND");
        let foreign = Status::internal("text").into_http::<Body>();
        assert_eq!(why(&foreign).unwrap().reason, Code::Internal.description());
        let mut json = Response::new(Body::empty());
        assert_eq!(why(&json), None);
        *json.status_mut() = http::StatusCode::FORBIDDEN;
        assert_eq!(why(&json).unwrap().reason, "Forbidden");
        let refused = Refused { reason: "REF_INVALID".into(), trace_id: "2".into() };
        json.extensions_mut().insert(refused.clone());
        assert_eq!(why(&json), Some(refused));
        assert_eq!(why(&plain::probe(false, "the server stops")), None);
        let good = Status::ok("").into_http::<Body>();
        assert_eq!(why(&good), None);
    }
}
