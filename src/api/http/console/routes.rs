//! Which address is which page.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Uri};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::look::{ICON, SCRIPT, STYLE, asset};
use super::settings::{Console, Settings};
use super::sign_in::{sign_in, sign_out};
use super::visit::{action, page};
use super::{audiences, bases, jobs, members, tokens};
use crate::api::http::door::Door;
use crate::api::http::pieces::drain;
use crate::model::token::AccessLevel;

/// Whether this is the path of a page of the console.
#[must_use]
pub fn is_console(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// The pages of the console. `stopping` says when the server stops.
pub fn routes(door: Door, settings: Settings, stopping: &CancellationToken) -> Router {
    let stopping = stopping.clone();
    let events = move |visit| jobs::events(visit, stopping.clone());
    let write = AccessLevel::Write;
    let admin = AccessLevel::Admin;
    Router::new()
        .route(STYLE.path, get(|headers: HeaderMap| async move { asset(&STYLE, &headers) }))
        .route(SCRIPT.path, get(|headers: HeaderMap| async move { asset(&SCRIPT, &headers) }))
        .route(ICON.path, get(|headers: HeaderMap| async move { asset(&ICON, &headers) }))
        .route("/console", page(bases::bases))
        .route("/console/", page(bases::bases))
        .route("/console/sign-in", sign_in())
        .route("/console/sign-out", post(sign_out))
        .route("/console/bases", action(admin, bases::create))
        .route("/console/bases/{base}", page(bases::overview))
        .route("/console/bases/{base}/members", page(members::members))
        .route("/console/bases/{base}/members.csv", page(members::export))
        .route("/console/bases/{base}/jobs", page(jobs::jobs))
        .route("/console/bases/{base}/lists/new", page(jobs::new).post(jobs::upload))
        .route(
            "/console/bases/{base}/audiences",
            page(audiences::audiences).merge(action(write, audiences::create)),
        )
        .route("/console/members/{member}", page(members::member))
        .route("/console/members/{member}/{change}", action(write, members::change))
        .route("/console/jobs/{job}", page(jobs::job))
        .route("/console/jobs/{job}/events", page(events))
        .route("/console/jobs/{job}/failed.csv", page(jobs::failed_rows))
        .route("/console/jobs/{job}/approve", action(write, jobs::approve))
        .route("/console/jobs/{job}/reject", action(write, jobs::reject))
        .route("/console/jobs/{job}/cancel", action(write, jobs::cancel))
        .route("/console/jobs/{job}/columns", action(write, jobs::correct))
        .route("/console/jobs/{job}/undo", action(admin, jobs::undo))
        .route("/console/audiences/{audience}", page(audiences::audience))
        .route("/console/tokens", page(tokens::tokens).merge(action(admin, tokens::create)))
        .route("/console/tokens/{token}/revoke", action(admin, tokens::revoke))
        .method_not_allowed_fallback(no_page)
        .fallback(no_page)
        .with_state(Console { door, settings })
}

/// The reply to a request that is for no page.
async fn no_page(State(_): State<Console>, uri: Uri, request: Request) -> Response {
    let (head, body) = request.into_parts();
    drain(&head.headers, body).await;
    Failure::no_page().into_response(uri.path(), None)
}
