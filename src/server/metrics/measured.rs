//! Counts each call when its reply is ready, or at the end of its stream.

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tonic::Code;
use tonic::body::Body;

use super::calls::{CallMetrics, RunningCall};
use crate::server::around::Around;

/// The header, or trailer, with the status of a gRPC call.
const STATUS: &str = "grpc-status";

impl Around for CallMetrics {
    type Call = RunningCall;

    fn begin<B>(&self, request: &mut Request<B>) -> RunningCall {
        self.begin_call(request)
    }

    /// Counts a call whose reply is ready; if that is a stream, at its end.
    fn end(call: RunningCall, response: Response<Body>) -> Response<Body> {
        let http = response.status().as_u16();
        match status(response.headers()) {
            None if call.streams() => response.map(|body| until_the_end(call, body)),
            // The status of a reply with one message is in its trailers. It is OK: an error has no message, and
            // its status is in the head.
            code => {
                call.end(code.unwrap_or(Code::Ok), http);
                response
            }
        }
    }
}

/// Passes a stream on unchanged, and counts its call at its trailers, or when it is dropped.
fn until_the_end(call: RunningCall, body: Body) -> Body {
    let mut call = Some(call);
    Body::new(body.map_frame(move |frame| {
        if let Some(code) = frame.trailers_ref().and_then(status)
            && let Some(call) = call.take()
        {
            call.end(code, 0);
        }
        frame
    }))
}

fn status(headers: &HeaderMap) -> Option<Code> {
    Some(Code::from_bytes(headers.get(STATUS)?.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::service::{Service, service_fn};
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use tonic::Status;

    use super::*;
    use crate::server::around::Layer;

    /// The lines of counts after these calls, each with its path, whether it is gRPC, and its reply.
    async fn counts(calls: Vec<(&str, bool, Option<Response<Body>>)>) -> Vec<String> {
        let metrics = CallMetrics::default();
        for (path, is_grpc, reply) in calls {
            let kind = if is_grpc { "application/grpc" } else { "application/json" };
            let request = Request::post(path).header("content-type", kind).body(Body::empty()).unwrap();
            let reply = Cell::new(reply);
            let inner = service_fn(move |_: Request<Body>| {
                let reply = reply.take();
                Box::pin(async move {
                    match reply {
                        Some(reply) => Ok::<_, Infallible>(reply),
                        None => std::future::pending().await,
                    }
                })
            });
            let service = Layer { around: metrics.clone(), inner };
            let called = tokio::time::timeout(std::time::Duration::ZERO, service.call(request)).await;
            if let Ok(Ok(response)) = called {
                drop(response.into_body().collect().await);
            }
        }
        let mut registry = Registry::default();
        metrics.list(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let is_count = |line: &&str| line.contains("_count{") || line.starts_with("memberbase_running");
        text.lines().filter(is_count).map(str::to_owned).collect()
    }

    fn stream(status: Status) -> Response<Body> {
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).unwrap();
        let body = Full::new(Bytes::from("data")).with_trailers(std::future::ready(Some(Ok(trailers))));
        Response::new(Body::new(body))
    }

    #[tokio::test]
    async fn every_call_counts_once_under_its_name_and_status() {
        const GET: &str = "/publisher.v1.MemberService/GetMember";
        const EXPORT: &str = "/publisher.v1.MemberService/ExportMembers";
        let mut unavailable = Response::new(Body::empty());
        *unavailable.status_mut() = 503.try_into().unwrap();
        let mut found = counts(vec![
            (GET, true, Some(Response::new(Body::empty()))),
            (GET, true, Some(Status::not_found("text").into_http())),
            (GET, true, None),
            (EXPORT, true, Some(stream(Status::data_loss("text")))),
            (EXPORT, true, Some(Response::new(Body::new(Full::new(Bytes::from("cut")))))),
            ("/a.Guess/Made", true, Some(Response::new(Body::empty()))),
            ("/v1/members/m_1?email=a@example.com", false, Some(Response::new(Body::empty()))),
            ("/v1/members/m_1", false, None),
            ("/v1/members/m_1", false, Some(unavailable)),
        ])
        .await;
        found.sort();
        let rpc = |method: &str, status: &str| {
            let name = "rpc_server_call_duration_seconds_count";
            format!(
                "{name}{{rpc_system_name=\"grpc\",rpc_method=\"{method}\",rpc_response_status_code=\"{status}\"}} 1"
            )
        };
        let http = |status: &str, error: &str| {
            format!(
                "http_server_request_duration_seconds_count{{door=\"onsi\",http_request_method=\"POST\",\
                 http_route=\"/v1/members/{{id}}\",url_scheme=\"http\",http_response_status_code=\"{status}\",error_type=\"{error}\"}} 1"
            )
        };
        let mut expected = vec![
            http("", "cancelled"),
            http("200", ""),
            http("503", "503"),
            "memberbase_running_requests 0".to_owned(),
            "memberbase_running_rpcs 0".to_owned(),
            rpc("_OTHER", "OK"),
            rpc(&EXPORT[1..], "CANCELLED"),
            rpc(&EXPORT[1..], "DATA_LOSS"),
            rpc(&GET[1..], "CANCELLED"),
            rpc(&GET[1..], "NOT_FOUND"),
            rpc(&GET[1..], "OK"),
        ];
        expected.sort();
        assert_eq!(found, expected);
    }
}
