//! What surrounds every page: who asks, what they send, and the reply.
//!
//! - The session is looked up before anything else of a request is read.
//! - A form is read only if a page of this server sent it, and counts only with the proof of the session.
//! - Somebody who is signed out is led to sign in, and from there back to the page that they wanted.

use std::future::Future;
use std::pin::pin;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::cookie;
use super::failure::Failure;
use super::look::{Frame, Page, Who, see};
use super::settings::Console;
use crate::api::http::pieces::drain;
use crate::api::http::query::pairs;
use crate::api::http::reply::counted;
use crate::api::peer::peer_of;
use crate::api::same_origin::{Sender, sender, target};
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;

/// Largest form without a file, in bytes.
const FORM_BYTES: usize = 256 * 1024;

/// What a person asks for, read as far as every page needs it.
pub struct Visit {
    /// The service, for this person.
    pub directory: Directory,
    /// What the pages of this request have in common.
    pub frame: Frame,
    /// The ids in the address.
    params: Vec<(String, String)>,
    /// What stands in the address after `?`, or in the form.
    sent: Vec<(String, String)>,
}

/// What a request leads to.
pub enum Answer {
    /// A page.
    Page(Page),
    /// A page that says why something did not work.
    Refused(StatusCode, Page),
    /// Another page, at this address.
    See(String),
    /// Anything else.
    Other(Response),
}

impl Visit {
    /// A visit whose form was read otherwise.
    pub fn new(directory: Directory, frame: Frame, params: Vec<(String, String)>) -> Self {
        Self { directory, frame, params, sent: Vec::new() }
    }

    /// The id under this name in the address.
    pub fn id(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, id)| id.as_str())
    }

    /// What was sent under this name; empty if nothing was.
    pub fn sent(&self, name: &str) -> &str {
        self.sent.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.as_str())
    }

    /// Everything that was sent under this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.sent.iter().filter(move |(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// What was sent, if it is not empty.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.sent(name).to_owned()).filter(|text| !text.is_empty())
    }
}

/// Reads a page.
pub fn page<F, Fut>(run: F) -> MethodRouter<Console>
where
    F: Fn(Visit) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    let handle = move |State(console): State<Console>, params: Params, request: Request| {
        let run = run.clone();
        async move {
            let (head, body) = request.into_parts();
            drop(body);
            let (directory, frame) = match enter(&console, &head, AccessLevel::Read).await {
                Ok(entered) => entered,
                Err(failure) if failure.signed_out().is_some() => return see(&sign_in_first(&head)),
                Err(failure) => return failure.into_response(head.uri.path(), None),
            };
            let sent = pairs(head.uri.query().unwrap_or_default()).flatten().collect();
            let visit = Visit { directory, frame, params: ids(params), sent };
            answer(visit, AccessLevel::Read, head.uri.path(), run).await
        }
    };
    get(handle)
}

/// Takes a form, for something that needs this level of access.
pub fn action<F, Fut>(needs: AccessLevel, run: F) -> MethodRouter<Console>
where
    F: Fn(Visit) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    let handle = move |State(console): State<Console>, params: Params, request: Request| {
        let run = run.clone();
        async move {
            let (head, mut body) = request.into_parts();
            let entered = take(&console, &head, &mut body, needs).await;
            drain(&head.headers, body).await;
            match entered {
                Ok((directory, frame, sent)) => {
                    let visit = Visit { directory, frame, params: ids(params), sent };
                    answer(visit, needs, head.uri.path(), run).await
                }
                Err(failure) => failure.into_response(head.uri.path(), None),
            }
        }
    };
    post(handle)
}

/// The ids in an address, unless it is not valid UTF-8.
pub type Params = Result<RawPathParams, RawPathParamsRejection>;

/// The ids in an address; an address that is not valid UTF-8 has none.
pub fn ids(params: Params) -> Vec<(String, String)> {
    let params = params.ok();
    let pairs = params.iter().flat_map(|params| params.iter());
    pairs.map(|(name, id)| (name.to_owned(), id.to_owned())).collect()
}

/// Lets a person in, for something that needs this level of access.
pub async fn enter(
    console: &Console,
    head: &Parts,
    needs: AccessLevel,
) -> Result<(Directory, Frame), Failure> {
    let sealed = cookie::session(&head.headers);
    let gate = &console.door.gate;
    let caller = gate.resume(sealed.as_deref()).await?.at(peer_of(&head.extensions));
    let directory = gate.enter(caller, needs).await?;
    let who = match directory.token() {
        None => Who { name: "everybody".to_owned(), access: None, is_bound: false },
        Some(token) => Who {
            name: token.description.as_ref().map_or(token.id.to_string(), |text| text.as_str().to_owned()),
            access: Some(token.access),
            is_bound: token.base.is_some(),
        },
    };
    let proof = gate.form_proof(sealed.as_deref());
    Ok((directory, Frame { who, proof }))
}

/// Refuses a form that no page of this server sent; otherwise says whether its page was encrypted.
pub fn check_sender(head: &Parts) -> Result<bool, Failure> {
    let own = target(&head.uri, &head.headers).map(|target| sender(&head.headers, &target));
    if let Some(Sender::OwnPage { is_encrypted }) = own {
        return Ok(is_encrypted);
    }
    let message = "This form did not come from a page of this server, so nothing was done. If a proxy stands between \
                   you and the server, it must pass on the headers Host and Origin as your browser sent them.";
    Err(Failure::plain(StatusCode::FORBIDDEN, "ORIGIN_REFUSED", message))
}

/// Refuses a form without the proof of this session.
pub fn check_proof(frame: &Frame, sent: &str) -> Result<(), Failure> {
    if frame.proof.is(sent) {
        return Ok(());
    }
    let message = "You have signed in again since this page was loaded, so nothing was done. Load the page again, and \
                   repeat what you did.";
    Err(Failure::plain(StatusCode::FORBIDDEN, "PROOF_REFUSED", message))
}

/// Reads a form without a file.
pub async fn read_form(
    console: &Console,
    head: &Parts,
    body: &mut Body,
) -> Result<Vec<(String, String)>, Failure> {
    if !is_form(&head.headers) {
        return Err(Failure::form("The content type must be application/x-www-form-urlencoded."));
    }
    let mut pieces = console.door.bodies.pieces(&head.headers, body, FORM_BYTES)?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await? {
        bytes.extend_from_slice(&piece);
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::form("The form must be UTF-8."))?;
    pairs(&text).collect::<Option<_>>().ok_or_else(|| Failure::form("The form must be UTF-8."))
}

type Taken = (Directory, Frame, Vec<(String, String)>);

async fn take(
    console: &Console,
    head: &Parts,
    body: &mut Body,
    needs: AccessLevel,
) -> Result<Taken, Failure> {
    check_sender(head)?;
    let (directory, frame) = enter(console, head, needs).await?;
    let sent = read_form(console, head, body).await?;
    let proof = sent.iter().find(|(name, _)| name == "proof").map_or("", |(_, proof)| proof.as_str());
    check_proof(&frame, proof)?;
    Ok((directory, frame, sent))
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let kind = kinds.next().filter(|_| kinds.next().is_none()).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The address at which to sign in before this page is shown.
fn sign_in_first(head: &Parts) -> String {
    let wanted = head.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    format!("/console/sign-in?next={next}")
}

/// Runs a request, and makes its reply.
pub async fn answer<F, Fut>(visit: Visit, needs: AccessLevel, name: &str, run: F) -> Response
where
    F: Fn(Visit) -> Fut,
    Fut: Future<Output = Result<Answer, Failure>>,
{
    let (frame, replies) = (visit.frame.clone(), visit.directory.replies());
    let run = pin!(async {
        match run(visit).await {
            Ok(Answer::Page(page)) => page.into_response(StatusCode::OK, Some(&frame)),
            Ok(Answer::Refused(status, page)) => page.into_response(status, Some(&frame)),
            Ok(Answer::See(address)) => see(&address),
            Ok(Answer::Other(response)) => response,
            Err(failure) => failure.into_response(name, Some(&frame)),
        }
    });
    let counted: Result<Response, Error> = counted(replies, needs, run).await;
    counted.unwrap_or_else(|error| Failure::from(error).into_response(name, Some(&frame)))
}
