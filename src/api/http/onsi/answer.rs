//! What surrounds every call: who calls, about which memberbase, the body, the answer or the error.

use std::pin::pin;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use super::call::{Asked, Call, Input};
use super::failure::{Code, Failure, Issue, Issues};
use crate::api::bearer::api_key;
use crate::api::http::Door;
use crate::api::http::body::drain;
use crate::api::http::named::{IDEMPOTENCY_KEY, mark_repeat, named, request_id, single};
use crate::api::http::reply::{counted, json};
use crate::api::peer::peer_of;
use crate::compute::{self, Size};
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, IdError, Sealer};

/// The header that names the memberbase, for tokens that are good for all of them.
pub const BASE: &str = "x-member-base-id";

/// Answers one call.
pub async fn answer<C: Call>(
    State(door): State<Door>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let outcome = serve::<C>(&door, id_in(params), &head, &mut body).await;
    // A client that is not done sending would otherwise see a broken connection in place of the answer.
    drain(&head.headers, body).await;
    match outcome {
        Ok(response) => response,
        Err(failure) => failure.into_response_for(C::ABOUT.name),
    }
}

/// The id in the path, if the path has a place for one. What is not text is an id that can be none.
fn id_in(params: Result<RawPathParams, RawPathParamsRejection>) -> Option<String> {
    match params {
        Ok(params) => params.iter().next().map(|(_, id)| id.to_owned()),
        Err(_) => Some(String::new()),
    }
}

/// Does a call.
async fn serve<C: Call>(
    door: &Door,
    id: Option<String>,
    head: &Parts,
    body: &mut Body,
) -> Result<Response, Failure> {
    let (mut directory, base) = enter(door, head, C::ABOUT.needs).await?;
    let name = if C::ABOUT.is_named() { request_id(&head.headers) } else { Ok(None) };
    let name = name.map_err(|fault| Failure::header(IDEMPOTENCY_KEY, &fault.to_string()))?;
    let mut received = match C::Input::BODY {
        Some(_) => Some(door.bodies.read(directory.whose(), &head.headers, body).await?),
        None => None,
    };
    if let Some(name) = name {
        directory = named(directory, name, (&head.method, &head.uri), Some(base), &mut received).await?;
    }
    let is_repeat = directory.is_repeat();
    let mut issues = Issues::default();
    if let Some(id) = &id {
        check_id(directory.sealer(), id, &mut issues);
    }
    let query = head.uri.query().unwrap_or_default().to_owned();
    let asked = Asked { directory, base, id: id.unwrap_or_default(), query, body: received };
    let size = asked.body.as_ref().map_or(Size::Small, |body| body.size);
    let input = compute::here(size, || C::Input::read(&asked, &mut issues)).await;
    let input = issues.finish(input)?;
    let replies = asked.directory.replies();
    let run = pin!(async {
        match C::run(asked, input).await {
            Ok(reply) => {
                let mut response = respond(C::ABOUT.success, &reply, C::ABOUT.name).await;
                if is_repeat {
                    mark_repeat(&mut response);
                }
                response
            }
            Err(failure) => failure.into_response_for(C::ABOUT.name),
        }
    });
    Ok(counted(replies, C::ABOUT.needs, run).await?)
}

/// Notes an id in the path that can be none.
fn check_id(sealer: &Sealer, id: &str, issues: &mut Issues) {
    match sealer.open_member(id) {
        Ok(_) | Err(IdError::Unknown) => {}
        Err(fault) => issues.add(Code::PathValidation, "id".to_owned(), &fault.to_string()),
    }
}

/// The caller's view of the service and the memberbase that the call is about; permission is judged first.
async fn enter(door: &Door, head: &Parts, needs: AccessLevel) -> Result<(Directory, BaseNumber), Failure> {
    let caller = door.gate.identify(api_key(&head.headers)?).await?.at(peer_of(&head.extensions));
    let directory = door.gate.enter(caller, needs).await?;
    let named = single(&head.headers, BASE).map_err(|fault| Failure::header(BASE, &fault.to_string()))?;
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
    let known = match api_key(&head.headers) {
        Ok(secret) => door.gate.identify(secret).await,
        Err(error) => Err(error),
    };
    drain(&head.headers, body).await;
    let failure = match known {
        Err(error) => error.into(),
        Ok(_) => Failure::new(status, vec![Issue::of_status(status, message.to_owned())]),
    };
    failure.into_response_for("")
}

/// The answer with this status and JSON.
async fn respond<T: Serialize + Sync>(status: StatusCode, reply: &T, name: &str) -> Response {
    json(status, reply).await.unwrap_or_else(|error| Failure::from(error).into_response_for(name))
}
