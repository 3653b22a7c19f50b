//! Gateways between a client and a server. One refuses a call, as company gateways do. One makes calls of its
//! own just before the client's. One behaves like a server of an earlier version, which ignores unknown
//! fields.

use std::future::{Future, poll_fn};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::Grpc;
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::harness;

/// Starts a gateway that passes every call on to `server` except the method `refused`.
pub async fn start(server: Channel, refused: &'static str, code: Code) -> String {
    let answer = move |request: Request| {
        let server = server.clone();
        async move {
            if request.uri().path().ends_with(&format!("/{refused}")) {
                return Status::new(code, "the gateway does not let this through").into_http();
            }
            pass_on(server, request).await
        }
    };
    serve(answer).await
}

/// Starts a gateway that, before each call to create a memberbase, creates `others` memberbases of the same
/// name, as other programs may do. If it `is_older`, it ignores `unless_named` and `created`, like a server
/// of an earlier version.
pub async fn start_overtaking(server: Channel, others: usize, is_older: bool) -> String {
    let answer = move |request: Request| {
        let server = server.clone();
        async move {
            if !request.uri().path().ends_with("/CreateMemberBase") {
                return pass_on(server, request).await;
            }
            let make = tower::service_fn(|request: tonic::Request<v1::CreateMemberBaseRequest>| {
                let mut bases = MemberBaseServiceClient::new(server.clone());
                async move {
                    let mut request = request.into_inner();
                    for _ in 0..others {
                        let other =
                            v1::CreateMemberBaseRequest { name: request.name.clone(), ..Default::default() };
                        bases.create_member_base(other).await?;
                    }
                    request.unless_named &= !is_older;
                    let mut answer = bases.create_member_base(request).await?.into_inner();
                    answer.created = answer.created.filter(|_| !is_older);
                    Ok::<_, Status>(tonic::Response::new(answer))
                }
            });
            let codec = ProstCodec::<v1::CreateMemberBaseResponse, v1::CreateMemberBaseRequest>::default();
            Grpc::new(codec).unary(make, request).await.map(axum::body::Body::new)
        }
    };
    serve(answer).await
}

/// Starts a gateway that handles imports like a server of an earlier version: it ignores `named_members` in
/// chunks and `keep_refusal` in bulk calls.
pub async fn start_older(server: Channel) -> String {
    let answer = move |request: Request| {
        let server = server.clone();
        async move {
            let members = harness::members(&server);
            match request.uri().path().rsplit('/').next() {
                Some("ImportMembers") => {
                    let import = tower::service_fn(
                        move |chunks: tonic::Request<Streaming<v1::ImportMembersRequest>>| {
                            let (mut members, chunks) = (members.clone(), chunks.into_inner());
                            let known = chunks.filter_map(Result::ok);
                            let known =
                                known.map(|chunk| v1::ImportMembersRequest { named_members: 0, ..chunk });
                            async move { members.import_members(known).await }
                        },
                    );
                    let codec = ProstCodec::<v1::ImportMembersResponse, v1::ImportMembersRequest>::default();
                    Grpc::new(codec).streaming(import, request).await.map(axum::body::Body::new)
                }
                Some("BulkUpsertMembers") => {
                    let upsert =
                        tower::service_fn(move |request: tonic::Request<v1::BulkUpsertMembersRequest>| {
                            let (mut members, request) = (members.clone(), request.into_inner());
                            let known = v1::BulkUpsertMembersRequest { keep_refusal: false, ..request };
                            async move { members.bulk_upsert_members(known).await }
                        });
                    let codec =
                        ProstCodec::<v1::BulkUpsertMembersResponse, v1::BulkUpsertMembersRequest>::default();
                    Grpc::new(codec).unary(upsert, request).await.map(axum::body::Body::new)
                }
                _ => pass_on(server, request).await,
            }
        }
    };
    serve(answer).await
}

async fn pass_on(mut server: Channel, request: Request) -> Response {
    poll_fn(|cx| server.poll_ready(cx)).await.unwrap();
    let reply = server.call(request.map(Body::new)).await.unwrap();
    reply.map(axum::body::Body::new)
}

async fn serve<A, R>(answer: A) -> String
where
    A: Fn(Request) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Routes::from(Router::new().fallback(answer));
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpListenerStream::new(listener)));
    url
}
