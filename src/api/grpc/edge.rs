//! What surrounds every call: deadlines, and the faults that are found before a service sees the call.
//!
//! tonic reports an oversized message as OUT_OF_RANGE and an unknown method without a reason. Here these become errors
//! of our table. Nothing else of a reply is touched.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::{Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use super::MESSAGE_MAX_BYTES;
use crate::api::error;
use crate::model::Reason;

/// The moment after which the caller does not want an answer; an extension of requests that have one.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// How long the caller waits. A name that is made once is found without being parsed.
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Longest deadline that is kept, longer ones are as good as none.
const DEADLINE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The edge around `inner`.
#[derive(Debug, Clone)]
pub struct Edge<S>(pub S);

impl<S, B> Service<Request<B>> for Edge<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let deadline = timeout(request.headers()).map(|timeout| Instant::now() + timeout);
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(Deadline(deadline));
        }
        Answer { inner: self.0.call(request), deadline, passed: None }
    }
}

/// Resolves to the reply, or to an error when the deadline has passed before. A timer begins when the reply has to be waited
/// for.
pub struct Answer<F> {
    inner: F,
    deadline: Option<Instant>,
    /// Runs out at the deadline.
    passed: Option<Pin<Box<Sleep>>>,
}

impl<F> Future for Answer<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, deadline, passed } = &mut *self;
        if let Poll::Ready(response) = Pin::new(inner).poll(cx) {
            return Poll::Ready(response.map(explain));
        }
        let Some(deadline) = *deadline else { return Poll::Pending };
        let passed = passed.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        // A write that has its place in the log goes on; only the answer is given up.
        passed.as_mut().poll(cx).map(|()| Ok(deadline_passed().into_http()))
    }
}

/// Whether a request says that it is of this door: `application/grpc`, alone or with the name of a message format.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // Not gRPC-Web, whose frames are others.
    kind.strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The answer to what is neither gRPC nor at a JSON door. gRPC refuses with 200 and a trailer, which other clients would
/// take for success.
#[must_use]
pub fn not_grpc(method: &Method, path: &str) -> Response<Body> {
    if path == "/" && matches!(*method, Method::GET | Method::HEAD) {
        return plain(StatusCode::OK, WELCOME);
    }
    if path.starts_with("/publisher.v1.") || path.starts_with("/grpc.") {
        let text = "gRPC requests must have the content type application/grpc";
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    plain(StatusCode::NOT_FOUND, "unknown path; GET / says what there is")
}

/// What somebody reads who looks at the port with a browser.
const WELCOME: &str = "\
memberbase: a member directory that other services keep in sync

gRPC    package publisher.v1, with reflection and health checks
JSON    POST /publisher.v1/member/get and further calls, described by GET /publisher.v1/openapi.json
JSON    GET /v1/members and further calls (Onsi), described by GET /v1/openapi.json";

/// The refusal of what is at no door, for people.
#[must_use]
pub fn forbidden(text: &str) -> Response<Body> {
    plain(StatusCode::FORBIDDEN, text)
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(format!("{text}\n")))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// The status of a call that was not answered in time.
#[must_use]
pub fn deadline_passed() -> Status {
    error::status(Reason::Deadline, "the deadline passed before the call was finished")
}

/// The refusal of a message over the limit.
#[must_use]
pub fn too_large(most: usize) -> Status {
    let text = format!("the message has more than {most} bytes; send fewer rows, or a stream of chunks");
    error::status(Reason::MessageTooLarge, &text)
}

/// Gives a fault that tonic found itself our code, reason and text.
#[must_use]
pub fn translate(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let too_large = || too_large(MESSAGE_MAX_BYTES);
    match status.code() {
        Code::OutOfRange => too_large(),
        Code::ResourceExhausted if status.message().contains("decompressing") => too_large(),
        Code::Unimplemented if status.message().is_empty() => {
            error::foreign(Code::Unimplemented, "UNIMPLEMENTED", "there is no such method")
        }
        Code::Unimplemented => error::foreign(Code::Unimplemented, "UNIMPLEMENTED", status.message()),
        Code::Internal => error::status(Reason::MessageMalformed, status.message()),
        _ => status,
    }
}

/// Translates the status of a response that has nothing but one.
fn explain(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    translate(status).into_http()
}

/// The time that a caller gives us: up to 8 digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if is_number { digits.parse().ok()? } else { return None };
    let timeout = match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    (timeout <= DEADLINE_MAX).then_some(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        timeout(&headers)
    }

    #[test]
    fn only_grpc_itself_is_grpc() {
        let is = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            is_grpc(&headers)
        };
        assert!(
            is("application/grpc") && is("application/grpc+proto") && is("application/grpc;charset=utf-8")
        );
        assert!(!is("application/grpc-web") && !is("application/grpc-web+proto") && !is("text/plain"));
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        assert_eq!(header("15S"), Some(Duration::from_secs(15)));
        assert_eq!(header("2M"), Some(Duration::from_secs(120)));
        assert_eq!(header("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for bad in ["", "S", "15", "123456789S", "-1S", "1.5S", "1X"] {
            assert_eq!(header(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn faults_found_by_the_transport_get_our_reasons() {
        let reason = |status| error::reason_of(&translate(status));
        assert_eq!(reason(Status::out_of_range("too large")).as_deref(), Some("MESSAGE_TOO_LARGE"));
        assert_eq!(reason(Status::internal("bad flag")).as_deref(), Some("MESSAGE_MALFORMED"));
        assert_eq!(reason(Status::unimplemented("")).as_deref(), Some("UNIMPLEMENTED"));
        let ours = error::status(Reason::Overloaded, "text");
        assert_eq!(reason(ours).as_deref(), Some("OVERLOADED"));
    }
}
