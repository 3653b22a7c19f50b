//! Requests that name themselves: the header `x-idempotency-key`.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method, Response, Uri};

use super::body::Received;
use crate::compute;
use crate::directory::{Directory, Error, IfRunning};
use crate::model::{BaseNumber, RequestId, RequestIdentity, Rule};

/// The header that names a request, so that it can be sent again.
pub const IDEMPOTENCY_KEY: &str = "x-idempotency-key";
/// The header of an answer that was given before.
pub const REPLAYED: &str = "idempotency-replayed";
/// Bodies of more bytes are not hashed beside other calls.
const HASH_APART_BYTES: usize = 1024 * 1024;

/// What is wrong with a header.
#[derive(Debug)]
pub enum HeaderFault {
    /// It is there more than once.
    Twice,
    /// It has characters that no header has.
    NotVisible,
    /// It breaks the rule of what it holds.
    Rule(Rule),
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str("is given twice"),
            Self::NotVisible => f.write_str("must be visible ASCII characters"),
            Self::Rule(rule) => f.write_str(&rule.describe()),
        }
    }
}

/// The value of a header that stands at most once.
pub fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, HeaderFault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderFault::Twice);
    }
    value.to_str().map(Some).map_err(|_| HeaderFault::NotVisible)
}

/// The name that a request gives itself.
pub fn request_id(headers: &HeaderMap) -> Result<Option<RequestId>, HeaderFault> {
    let key = single(headers, IDEMPOTENCY_KEY)?;
    key.map(RequestId::parse).transpose().map_err(HeaderFault::Rule)
}

/// The service for this request. What it asks for is compared byte for byte: method, path and parameters, the memberbase
/// that headers name, and the body.
pub async fn named(
    directory: Directory,
    id: RequestId,
    (method, uri): (&Method, &Uri),
    base: Option<BaseNumber>,
    body: &mut Option<Received>,
) -> Result<Directory, Error> {
    let base = base.map_or(0, |number| number.0);
    let call = format!("{method} {} {base}", uri.path_and_query().map_or("", |path| path.as_str()));
    let mark = match body {
        None => RequestIdentity::new(id, &call, &[]),
        Some(body) if body.bytes.len() <= HASH_APART_BYTES => RequestIdentity::new(id, &call, &body.bytes),
        Some(body) => {
            let bytes = std::mem::take(&mut body.bytes);
            let (mark, bytes) = compute::run(move || (RequestIdentity::new(id, &call, &bytes), bytes)).await;
            body.bytes = bytes;
            mark
        }
    };
    directory.with_request_id(&mark, IfRunning::Refuse).await.map_err(at_header)
}

/// A refusal of the name, which comes in a header here.
fn at_header(error: Error) -> Error {
    match error {
        Error::Refused(mut refusal) => {
            refusal.violations.iter_mut().for_each(|fault| IDEMPOTENCY_KEY.clone_into(&mut fault.field));
            Error::Refused(refusal)
        }
        other => other,
    }
}

/// Says on a reply that it was given before.
pub fn mark_repeat<B>(response: &mut Response<B>) {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
}
