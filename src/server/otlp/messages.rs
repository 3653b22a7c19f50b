//! The messages of OTLP that carry spans (`opentelemetry/proto/trace/v1`), without the fields that are not
//! used.

use prost::{Message, Oneof};

use crate::trace::{Kind, Span, Value};

/// What made the spans.
const SCOPE: &str = "memberbase";

/// `ExportTraceServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
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
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

/// `Span`.
#[derive(Clone, PartialEq, Message)]
struct SpanMessage {
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
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
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
    #[prost(oneof = "Is", tags = "1, 3")]
    is: Option<Is>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Is {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;

/// A request with these spans. `resource` says who sends it.
pub fn request(resource: &[(String, String)], spans: &[Span]) -> Request {
    let version = ("service.version".to_owned(), crate::VERSION.to_owned());
    let is_given = resource.iter().any(|(key, _)| *key == version.0);
    let about = resource.iter().chain((!is_given).then_some(&version));
    let attributes = about.map(|(key, value)| pair(key, Is::Text(value.clone()))).collect();
    let scope = Scope { name: SCOPE.to_owned(), version: crate::VERSION.to_owned() };
    let spans = spans.iter().map(message).collect();
    Request {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
        }],
    }
}

fn message(span: &Span) -> SpanMessage {
    let attributes = span.attributes.iter().map(|(key, value)| {
        let value = match *value {
            Value::Text(text) => Is::Text(text.to_owned()),
            Value::Number(number) => Is::Number(i64::try_from(number).unwrap_or(i64::MAX)),
        };
        pair(key, value)
    });
    let (verb, what) = span.name;
    SpanMessage {
        trace_id: span.trace.bytes().to_vec(),
        span_id: span.id.bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
        name: if verb.is_empty() { what.to_owned() } else { format!("{verb} {what}") },
        kind: match span.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
        },
        start_time_unix_nano: span.begun,
        end_time_unix_nano: span.ended,
        attributes: attributes.collect(),
        status: span.is_fault.then_some(Status { code: ERROR }),
    }
}

fn pair(key: &str, is: Is) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { is: Some(is) }) }
}
