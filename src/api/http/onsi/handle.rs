//! Surrounds every call: identifies the caller and the memberbase, reads the body, and sends the reply or the
//! error.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use http::request::Parts;

use super::answer::Answer;
use super::call::{Call, CallRequest, Input};
use super::failure::Failure;
use super::issue::Code;
use super::issues::Issues;
use crate::api::bearer::api_key;
use crate::api::http::Door;
use crate::api::http::expected;
use crate::api::http::header::single;
use crate::api::http::idempotency::{IDEMPOTENCY_KEY, mark_repeat, request_id, with_request_id};
use crate::api::http::pieces::drain;
use crate::api::http::reply::counted;
use crate::api::peer::peer_of;
use crate::compute::{self, Size};
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, IdError, Sealer};

/// The header with the id of the memberbase, for tokens that are not bound to one.
pub const BASE: &str = "x-member-base-id";
/// The place of a job's id in a path.
pub const JOB_ID: &str = "{jobId}";
/// Largest file, in bytes.
const FILE_BYTES: usize = 1024 * 1024 * 1024;

/// Handles one call.
pub async fn handle<C: Call>(
    State(door): State<Door>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let head = Arc::new(head);
    let outcome = serve::<C>(&door, id_in(params), &head, &mut body).await;
    // A client that is still sending would otherwise see a broken connection instead of the reply.
    drain(&head.headers, body).await;
    match outcome {
        Ok(response) => response,
        Err(failure) => failure.into_response_for(C::ABOUT.name),
    }
}

/// The id in the path, if the path has a place for one. A segment that is not valid UTF-8 cannot be an id.
fn id_in(params: Result<RawPathParams, RawPathParamsRejection>) -> Option<String> {
    match params {
        Ok(params) => params.iter().next().map(|(_, id)| id.to_owned()),
        Err(_) => Some(String::new()),
    }
}

/// Runs a call.
async fn serve<C: Call>(
    door: &Door,
    id: Option<String>,
    head: &Arc<Parts>,
    body: &mut Body,
) -> Result<Response, Failure> {
    let (mut directory, base) = enter(door, head, C::ABOUT.needs).await?;
    let request_id = if C::ABOUT.takes_request_id() { request_id(&head.headers) } else { Ok(None) };
    let request_id = request_id.map_err(|fault| Failure::header(IDEMPOTENCY_KEY, &fault.to_string()))?;
    let expected = expected::read(C::ABOUT.expects, &head.headers);
    let expected = expected.map_err(|(name, fault)| Failure::header(name, &fault.to_string()))?;
    directory = directory.expecting(expected);
    let mut received = match C::Input::BODY {
        Some(_) => Some(door.bodies.read(directory.whose(), &head.headers, body).await?),
        None => None,
    };
    if let Some(id) = request_id {
        let target = (&head.method, &head.uri);
        directory = with_request_id(directory, id, target, Some(base), received.as_mut()).await?;
    }
    let is_repeat = directory.is_repeat();
    let mut issues = Issues::default();
    if let Some(id) = &id {
        check_id(C::ABOUT.path, directory.sealer(), id, &mut issues);
    }
    let query = head.uri.query().unwrap_or_default().to_owned();
    let mut request = CallRequest {
        directory,
        base,
        id: id.unwrap_or_default(),
        query,
        head: Arc::clone(head),
        body: received,
        pieces: Mutex::new(None),
    };
    let size = request.body.as_ref().map_or(Size::Small, |body| body.size);
    let input = compute::here(size, || C::Input::read(&request, &mut issues)).await;
    let input = issues.finish(input)?;
    if C::Input::FILE.is_some() {
        let pieces = door.bodies.pieces(&head.headers, body, FILE_BYTES)?;
        request.pieces = Mutex::new(Some(pieces));
    }
    let replies = request.directory.replies();
    let run = pin!(async {
        match C::run(request, input).await {
            Ok(reply) => {
                let mut response = reply.into_response(C::ABOUT.success, C::ABOUT.name).await;
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

/// Notes a fault of the id in a path of this form.
fn check_id(path: &str, sealer: &Sealer, id: &str, issues: &mut Issues) {
    let (name, opened) = if path.contains(JOB_ID) {
        ("jobId", sealer.open_job(id).map(drop))
    } else {
        ("id", sealer.open_member(id).map(drop))
    };
    match opened {
        Ok(()) | Err(IdError::Unknown) => {}
        Err(fault) => issues.add(Code::PathValidation, name.to_owned(), &fault.to_string()),
    }
}

/// The service for the caller, and the memberbase that the call is about. Permission is checked first.
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
