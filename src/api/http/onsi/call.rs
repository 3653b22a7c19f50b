//! What surrounds every call: who calls, about which memberbase, the body, the answer or the error.

use std::future::Future;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::failure::{Failure, Issue};
use crate::api::bearer::api_key;
use crate::api::http::Door;
use crate::api::http::body::{Received, drain};
use crate::api::http::named::{IDEMPOTENCY_KEY, mark_repeat, named, request_id, single};
use crate::api::http::openapi::Document;
use crate::directory::{Directory, Error};
use crate::model::BaseNumber;
use crate::model::token::AccessLevel;

/// The header that names the memberbase, for tokens that are good for all of them.
pub const BASE: &str = "x-member-base-id";

/// A call of this door.
pub trait Call: 'static {
    /// Its name in the log and in the document: what it is about, and what it does.
    const NAME: &'static str;
    /// Its method.
    const METHOD: Method;
    /// Its path.
    const PATH: &'static str;
    /// What it does, in a sentence for readers of the document.
    const SUMMARY: &'static str;
    /// The access that it needs.
    const NEEDS: AccessLevel;
    /// Whether it has a body.
    const HAS_BODY: bool;
    /// The status of its success.
    const SUCCESS: StatusCode = StatusCode::OK;
    /// The statuses of its refusals, besides those that every call has.
    const REFUSALS: &'static [StatusCode] = &[];
    /// What its body is, for the document.
    type Body: JsonSchema;
    /// What it answers.
    type Reply: Serialize + JsonSchema + Send;

    /// Its parameters in the query, for the document.
    fn parameters(_document: &mut Document) -> Vec<Value> {
        Vec::new()
    }

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
        let (mut directory, base) = enter::<C>(&door, &head.headers)?;
        let name = if C::NEEDS > AccessLevel::Read { request_id(&head.headers) } else { Ok(None) };
        let name = name.map_err(|fault| Failure::header(IDEMPOTENCY_KEY, &fault.to_string()))?;
        let mut received = match C::HAS_BODY {
            true => Some(door.bodies.read(&head.headers, &mut body).await?),
            false => None,
        };
        if let Some(name) = name {
            directory = named(directory, name, (&head.method, &head.uri), Some(base), &mut received).await?;
        }
        let is_repeat = directory.is_repeat();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let asked = Asked { directory, base, id: id.unwrap_or_default(), query, body: received };
        Ok::<_, Failure>((C::run(asked).await?, is_repeat))
    };
    let outcome = outcome.await;
    // A client that is not done sending would otherwise see a broken connection in place of the answer.
    drain(body).await;
    match outcome {
        Ok((reply, is_repeat)) => {
            let mut response = respond(C::SUCCESS, &reply, C::NAME);
            if is_repeat {
                mark_repeat(&mut response);
            }
            response
        }
        Err(failure) => failure.into_response_for(C::NAME),
    }
}

/// The caller's view of the service and the memberbase that the call is about; permission is judged first.
fn enter<C: Call>(door: &Door, headers: &HeaderMap) -> Result<(Directory, BaseNumber), Failure> {
    let directory = door.gate.enter(&door.gate.identify(api_key(headers)?)?, C::NEEDS)?;
    let named = single(headers, BASE).map_err(|fault| Failure::header(BASE, &fault.to_string()))?;
    let base = directory.base_or_bound(named, BASE).map_err(|error| match error {
        Error::Refused(refusal) => Failure::of_header(&refusal),
        error => error.into(),
    })?;
    Ok((directory, base))
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
