//! The services of this door, selected by the path of a call.
//!
//! tonic's router is axum's: for every call it clones a service into a box, looks the path up in a tree, and
//! boxes the bodies of request and reply once more. Comparing the path with the names of the services is
//! faster.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::{BoxFuture, StdError};
use tower::Service;

use super::api_tokens::ApiTokens;
use super::attributes::Attributes;
use super::audiences::Audiences;
use super::backup::Backups;
use super::jobs::JobCalls;
use super::member_bases::MemberBases;
use super::members::Members;
use super::records::Records;
use super::stream::Writers;
use crate::api::grpc::v1::MESSAGE_MAX_BYTES;
use crate::api::grpc::v1::api_token_service_server::{self, ApiTokenServiceServer};
use crate::api::grpc::v1::attribute_service_server::{self, AttributeServiceServer};
use crate::api::grpc::v1::audience_service_server::{self, AudienceServiceServer};
use crate::api::grpc::v1::backup_service_server::{self, BackupServiceServer};
use crate::api::grpc::v1::job_service_server::{self, JobServiceServer};
use crate::api::grpc::v1::member_base_service_server::{self, MemberBaseServiceServer};
use crate::api::grpc::v1::member_service_server::{self, MemberServiceServer};
use crate::api::grpc::v1::record_service_server::{self, RecordServiceServer};
use crate::directory::Gate;

/// All services.
pub struct Services {
    member_bases: MemberBaseServiceServer<MemberBases>,
    members: MemberServiceServer<Members>,
    records: RecordServiceServer<Records>,
    api_tokens: ApiTokenServiceServer<ApiTokens>,
    attributes: AttributeServiceServer<Attributes>,
    audiences: AudienceServiceServer<Audiences>,
    jobs: JobServiceServer<JobCalls>,
    backups: BackupServiceServer<Backups>,
}

/// A service with this door's limits of messages and its compressions. A macro, because the generated servers
/// have these settings but no common trait.
macro_rules! compressed {
    ($server:ident, $service:expr) => {
        $server::new($service)
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd)
    };
}

impl Services {
    /// The services for callers whom `gate` admits. `stopping` ends their streams.
    pub fn new(gate: &Gate, stopping: &CancellationToken) -> Self {
        let (gate, stopping) = (|| gate.clone(), || stopping.clone());
        Self {
            member_bases: compressed!(MemberBaseServiceServer, MemberBases(gate())),
            members: compressed!(
                MemberServiceServer,
                Members { gate: gate(), stopping: stopping(), writers: Writers::default() }
            ),
            records: compressed!(RecordServiceServer, Records { gate: gate(), stopping: stopping() }),
            api_tokens: compressed!(ApiTokenServiceServer, ApiTokens(gate())),
            attributes: compressed!(AttributeServiceServer, Attributes(gate())),
            audiences: compressed!(AudienceServiceServer, Audiences(gate())),
            jobs: compressed!(JobServiceServer, JobCalls { gate: gate(), stopping: stopping() }),
            // Its replies are compressed already.
            backups: BackupServiceServer::new(Backups { gate: gate(), stopping: stopping() })
                .max_decoding_message_size(MESSAGE_MAX_BYTES),
        }
    }

    /// Handles a call. An unknown service is UNIMPLEMENTED, as is an unknown method of a service.
    pub fn call<B>(&self, request: Request<B>) -> BoxFuture<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        // A server is two pointers and some numbers. It is cloned because its generated code needs it to be
        // mutable.
        match service(request.uri().path()) {
            member_service_server::SERVICE_NAME => self.members.clone().call(request),
            member_base_service_server::SERVICE_NAME => self.member_bases.clone().call(request),
            record_service_server::SERVICE_NAME => self.records.clone().call(request),
            job_service_server::SERVICE_NAME => self.jobs.clone().call(request),
            attribute_service_server::SERVICE_NAME => self.attributes.clone().call(request),
            audience_service_server::SERVICE_NAME => self.audiences.clone().call(request),
            api_token_service_server::SERVICE_NAME => self.api_tokens.clone().call(request),
            backup_service_server::SERVICE_NAME => self.backups.clone().call(request),
            _ => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}

/// The service in the path of a call: `/service/Method`.
fn service(path: &str) -> &str {
    path.strip_prefix('/').and_then(|path| path.split_once('/')).map_or("", |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_stands_before_the_method() {
        assert_eq!(service("/publisher.v1.MemberService/GetMember"), "publisher.v1.MemberService");
        for path in ["", "/", "publisher.v1.MemberService/GetMember", "/publisher.v1.MemberService"] {
            assert_eq!(service(path), "", "{path}");
        }
        assert_eq!(service("//GetMember"), "");
    }
}
