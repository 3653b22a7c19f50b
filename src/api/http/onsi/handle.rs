//! Surrounds every call: identifies the caller and the memberbase, reads the body, and sends the reply or the
//! error.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

use super::answer::Answer;
use super::call::{Call, CallRequest, Input};
use super::failure::Failure;
use super::issue::Code;
use super::issues::Issues;
use crate::api::bearer::api_key;
use crate::api::http::Door;
use crate::api::http::about::About;
use crate::api::http::entry::{Entered, Needs, enter};
use crate::api::http::header::single;
use crate::api::http::idempotency::mark_repeat;
use crate::api::http::pieces::drain;
use crate::api::http::reply::counted;
use crate::compute;
use crate::directory::{Directory, Error};
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
    let About { needs: access, expects, .. } = C::ABOUT;
    let needs = Needs { secret: api_key, access, expects, reads_body: C::Input::BODY.is_some() };
    let named = |directory: &Directory| base_of(directory, &head.headers);
    let Entered { directory, base, body: received, .. } = enter(door, (head, body), needs, named).await?;
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
    let size = request.body.size;
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

/// The memberbase that the call is about.
fn base_of(directory: &Directory, headers: &HeaderMap) -> Result<BaseNumber, Failure> {
    let named = single(headers, BASE).map_err(|fault| Failure::header(BASE, &fault.to_string()))?;
    directory.base_or_bound(named, BASE).map_err(|error| match error {
        Error::Refused(refusal) => Failure::of_header(&refusal),
        error => error.into(),
    })
}
