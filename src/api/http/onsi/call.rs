//! What surrounds every call: who calls, about which memberbase, the body, the answer or the error.

use std::future::Future;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::failure::{Failure, Issue};
use crate::api::bearer::api_key;
use crate::api::http::Door;
use crate::api::http::body::{Received, drain};
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, RequestId};

/// The header that names the memberbase, for tokens that are good for all of them.
const BASE: &str = "x-member-base-id";
/// The header that names a request, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "x-idempotency-key";

/// A call of this door.
pub trait Call: 'static {
    /// Its name in the log.
    const NAME: &'static str;
    /// The access that it needs.
    const NEEDS: AccessLevel;
    /// Whether it has a body.
    const HAS_BODY: bool;
    /// The status of its success.
    const SUCCESS: StatusCode = StatusCode::OK;
    /// What it answers.
    type Reply: Serialize + Send;

    /// Does it.
    fn run(asked: Asked) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

/// What a caller asked for.
pub struct Asked {
    /// The service, for this caller.
    pub directory: Directory,
    /// The memberbase.
    pub base: BaseNumber,
    /// The id in the path, or nothing.
    pub id: String,
    /// The parameters, as sent.
    pub query: String,
    /// The body, if the call has one.
    pub body: Option<Received>,
}

/// Answers one call.
pub async fn answer<C: Call>(
    State(door): State<Door>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let id = params.ok().and_then(|params| params.iter().next().map(|(_, id)| id.to_owned()));
    let (head, mut body) = request.into_parts();
    let outcome = async {
        let (directory, base) = enter::<C>(&door, &head.headers)?;
        let received = match C::HAS_BODY {
            true => Some(door.bodies.read(&head.headers, &mut body).await?),
            false => None,
        };
        let query = head.uri.query().unwrap_or_default().to_owned();
        C::run(Asked { directory, base, id: id.unwrap_or_default(), query, body: received }).await
    };
    let outcome = outcome.await;
    // A client that is not done sending would otherwise see a broken connection in place of the answer.
    drain(body).await;
    match outcome {
        Ok(reply) => respond(C::SUCCESS, &reply, C::NAME),
        Err(failure) => failure.into_response_for(C::NAME),
    }
}

/// The caller's view of the service and the memberbase that the call is about; permission is judged first.
fn enter<C: Call>(door: &Door, headers: &HeaderMap) -> Result<(Directory, BaseNumber), Failure> {
    let directory = door.gate.enter(&door.gate.identify(api_key(headers)?)?, C::NEEDS)?;
    let named = single(headers, BASE)?;
    let base = directory.base_or_bound(named, BASE).map_err(|error| match error {
        Error::Refused(refusal) => Failure::of_header(&refusal),
        error => error.into(),
    })?;
    if C::NEEDS > AccessLevel::Read
        && let Some(key) = single(headers, IDEMPOTENCY_KEY)?
    {
        RequestId::parse(key).map_err(|rule| Failure::header(IDEMPOTENCY_KEY, &rule.describe()))?;
    }
    Ok((directory, base))
}

/// The value of a header that stands at most once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::header(name, "is given twice"));
    }
    value.to_str().map(Some).map_err(|_| Failure::header(name, "must be visible ASCII characters"))
}

/// Answers what is no call at all.
pub async fn no_such_call(State(door): State<Door>, request: Request) -> Response {
    other(&door, request, StatusCode::NOT_FOUND, "there is no such call").await
}

/// Answers a method that a path does not have.
pub async fn no_such_method(State(door): State<Door>, request: Request) -> Response {
    other(&door, request, StatusCode::METHOD_NOT_ALLOWED, "this path has no such method").await
}

async fn other(door: &Door, request: Request, status: StatusCode, message: &str) -> Response {
    let (head, body) = request.into_parts();
    let known = api_key(&head.headers).and_then(|secret| door.gate.identify(secret));
    drain(body).await;
    let failure = match known {
        Err(error) => error.into(),
        Ok(_) => Failure::new(status, vec![Issue::of_status(status, message.to_owned())]),
    };
    failure.into_response_for("")
}

/// The answer with this status and JSON.
pub fn respond<T: Serialize>(status: StatusCode, reply: &T, name: &str) -> Response {
    match serde_json::to_vec(reply) {
        Ok(bytes) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (status, headers, Body::from(bytes)).into_response()
        }
        Err(fault) => {
            let private = format!("a reply is no JSON: {fault}");
            Failure::from(Error::Internal { private }).into_response_for(name)
        }
    }
}
