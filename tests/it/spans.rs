//! Spans of calls, as a collector of traces receives them.

mod encrypted;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use memberbase::api::grpc::v1;
use memberbase::config::{Config, Otlp};
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::harness::{PATIENCE, Server, rows};
use crate::http::Http;
use crate::metrics::get;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const UPSERT: &str = "publisher.v1.MemberService/BulkUpsertMembers";

#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    begun: u64,
    #[prost(fixed64, tag = "8")]
    ended: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Attributes as texts.
fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |value: &AnyValue| value.text.clone().or(value.number.map(|number| number.to_string()));
    attributes.iter().map(|pair| (&*pair.key, text(pair.value.as_ref().unwrap()).unwrap())).collect()
}

/// A request to a collector.
struct Received {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A collector of traces that takes everything.
struct Collector {
    address: std::net::SocketAddr,
    received: mpsc::UnboundedReceiver<Received>,
    /// Connections that were not encrypted in the end.
    strangers: Arc<AtomicU64>,
}

impl Collector {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    /// A collector that may encrypt its connections.
    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, received) = mpsc::unbounded_channel();
        let strangers = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&strangers);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let tell = tell.clone();
                let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                    let tell = tell.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let path = head.uri.path().to_owned();
                        // The test may have ended.
                        let _ = tell.send(Received { path, headers: head.headers, body });
                        let status =
                            HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
                        let reply =
                            Full::new(Bytes::new()).with_trailers(std::future::ready(Some(Ok(status))));
                        Ok::<_, Infallible>(Response::new(reply))
                    }
                });
                let (tls, strangers) = (tls.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let Some(tls) = tls else {
                        drop(builder.serve_connection(TokioIo::new(stream), service).await);
                        return;
                    };
                    // Whoever does not trust it leaves.
                    let Ok(stream) = tls.accept(stream).await else {
                        strangers.fetch_add(1, Ordering::Relaxed);
                        return;
                    };
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, received, strangers }
    }

    /// Waits for spans until there is one for each of these names, and returns all.
    async fn spans(&mut self, protocol: &str, names: &[&str]) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        while !names.iter().all(|name| spans.iter().any(|span| span.name == *name)) {
            let received = tokio::time::timeout(PATIENCE, self.received.recv()).await.unwrap().unwrap();
            let (kind, path, prefix) = match protocol {
                "grpc" => {
                    ("application/grpc", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", 5)
                }
                _ => ("application/x-protobuf", "/v1/traces", 0),
            };
            assert_eq!(
                (&*received.path, received.headers["content-type"].as_bytes()),
                (path, kind.as_bytes())
            );
            assert_eq!(received.headers["api-key"], "of the test");
            let export = Export::decode(received.body.slice(prefix..)).unwrap();
            for of_resource in export.resource_spans {
                let resource = of_resource.resource.unwrap();
                assert_eq!(texts(&resource.attributes)["service.name"], "members");
                spans.extend(of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans));
            }
        }
        spans
    }
}

/// What the variables of OpenTelemetry say.
fn otlp(address: std::net::SocketAddr, protocol: &str) -> Option<Otlp> {
    read(format!("http://{address}"), protocol, &[])
}

/// What the variables say with these further ones.
fn read(endpoint: String, protocol: &str, more: &[(&str, String)]) -> Option<Otlp> {
    let variable = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(protocol.to_owned()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("api-key=of%20the%20test".to_owned()),
        "OTEL_SERVICE_NAME" => Some("members".to_owned()),
        _ => more.iter().find(|(key, _)| *key == name).map(|(_, text)| text.clone()),
    };
    Config::load(&BTreeMap::new(), variable, None).unwrap().otlp
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("there is no {name} in {spans:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_spans_through_door_lane_and_log_in_the_trace_of_its_caller() {
    for protocol in ["http/protobuf", "grpc"] {
        let mut collector = Collector::start().await;
        let to = otlp(collector.address, protocol);
        let server = Server::start_with(|config| config.otlp = to).await;
        let mut base = server.base().await;
        let traced = |message, flags| {
            let mut request = tonic::Request::new(message);
            let parent = format!("00-{TRACE}-{CALLER}-{flags}").parse().unwrap();
            request.metadata_mut().insert("traceparent", parent);
            request
        };
        // Its caller does not record this one.
        base.client.bulk_upsert_members(traced(base.request(rows("person-b", 2)), "00")).await.unwrap();
        base.client.bulk_upsert_members(traced(base.request(rows("person-a", 3)), "01")).await.unwrap();

        let spans = collector.spans(protocol, &[UPSERT, "lane", "log"]).await;
        // The calls before it have traces of their own.
        let spans: Vec<Span> = spans.into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
        assert_eq!(spans.len(), 3, "{spans:?}");
        let [door, lane, log] = [UPSERT, "lane", "log"].map(|name| named(&spans, name));
        assert_eq!((hex(&door.parent_span_id), door.kind), (CALLER.to_owned(), 2));
        for part in [lane, log] {
            assert_eq!((&part.parent_span_id, part.kind), (&door.span_id, 1));
            assert_ne!(part.span_id, door.span_id);
        }
        assert!(spans.iter().all(|span| span.begun > 0 && span.begun <= span.ended));
        let attributes = texts(&door.attributes);
        assert_eq!(attributes["rpc.method"], UPSERT);
        assert_eq!(attributes["rpc.response.status_code"], "OK");
        assert_eq!(texts(&lane.attributes)["memberbase.rows"], "3");

        let http = Http::new(&server);
        let body = json!({"member_base_id": base.id, "members": [{"ref": "person-c"}]}).to_string();
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\ntraceparent: 00-{TRACE}-{CALLER}-01\r\n",
            body.len()
        );
        assert_eq!(http.raw("POST", "member/bulk-upsert", &headers, body.as_bytes()).await.status, 200);
        let name = "POST /publisher.v1/member/bulk-upsert";
        let spans = collector.spans(protocol, &[name, "lane", "log"]).await;
        let door = named(&spans, name);
        assert_eq!(texts(&door.attributes)["http.response.status_code"], "200");
        assert_eq!(named(&spans, "log").parent_span_id, door.span_id);
        for span in spans {
            let attributes = texts(&span.attributes);
            assert!(attributes.values().all(|value| !value.contains("person")), "{attributes:?}");
        }
    }
}

/// Makes more calls than spans are queued, and returns how many spans were dropped by then.
async fn dropped(server: &Server) -> f64 {
    let mut members = server.members();
    let request = v1::GetMemberRequest { id: Some("m_short".into()), ..Default::default() };
    for _ in 0..3_000 {
        members.get_member(request.clone()).await.unwrap_err();
    }
    let page = get(server.admin_address(), "/metrics", "localhost").await.text;
    let line = page.lines().find_map(|line| line.strip_prefix("memberbase_spans_dropped_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_silent_holds_up_no_call_and_spans_are_dropped() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [silent.local_addr().unwrap(), closed.local_addr().unwrap()];
    drop(closed);
    for address in addresses {
        for protocol in ["http/protobuf", "grpc"] {
            let to = otlp(address, protocol);
            let server = Server::start_with(|config| {
                config.otlp = to;
                config.admin_listen = Some(([127, 0, 0, 1], 0).into());
            })
            .await;
            assert!(dropped(&server).await > 0.0, "{address} {protocol}");
            server.stop().await;
        }
    }
}
