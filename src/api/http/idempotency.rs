//! Requests with a request id, which is sent in the header `x-idempotency-key`.

use http::{HeaderMap, HeaderValue, Method, Response, Uri};

use super::header::{HeaderFault, single};
use super::receive::Received;
use crate::compute;
use crate::directory::{Directory, Error, IfRunning};
use crate::model::{BaseNumber, RequestId, RequestIdentity};

/// The header with the request id. A request that is sent again with the same id is applied once.
pub const IDEMPOTENCY_KEY: &str = "x-idempotency-key";
/// The header on a reply to a repeat: the request was applied before.
pub const REPLAYED: &str = "idempotency-replayed";
/// Larger bodies, in bytes, are hashed on a thread for computations.
const HASH_APART_BYTES: usize = 1024 * 1024;

/// The request id, if the request has one.
pub fn request_id(headers: &HeaderMap) -> Result<Option<RequestId>, HeaderFault> {
    let key = single(headers, IDEMPOTENCY_KEY)?;
    key.map(RequestId::parse).transpose().map_err(HeaderFault::Rule)
}

/// The identity of a request with this request id. A repeat must be the same request, byte for byte: method,
/// path and parameters, the memberbase that headers name, and the body.
pub async fn identify(
    id: RequestId,
    (method, uri): (&Method, &Uri),
    base: Option<BaseNumber>,
    body: &mut Received,
) -> RequestIdentity {
    let base = base.map_or(0, |number| number.0);
    let call = format!("{method} {} {base}", uri.path_and_query().map_or("", |path| path.as_str()));
    if body.bytes.len() <= HASH_APART_BYTES {
        return RequestIdentity::new(id, &call, &body.bytes);
    }
    let bytes = std::mem::take(&mut body.bytes);
    let hash = move || (RequestIdentity::new(id, &call, &bytes), bytes);
    let (identity, bytes) = compute::run(hash).await;
    body.bytes = bytes;
    identity
}

/// The service for a request with this identity.
pub async fn with_identity(directory: Directory, identity: &RequestIdentity) -> Result<Directory, Error> {
    directory.with_request_id(identity, IfRunning::Refuse).await.map_err(at_header)
}

/// Names the header in the refusal of a request id.
fn at_header(error: Error) -> Error {
    match error {
        Error::Refused(mut refusal) => {
            refusal.violations.iter_mut().for_each(|fault| IDEMPOTENCY_KEY.clone_into(&mut fault.field));
            Error::Refused(refusal)
        }
        other => other,
    }
}

/// Marks a reply to a repeat.
pub fn mark_repeat<B>(response: &mut Response<B>) {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
}
