//! Which address is which page.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, Uri};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::look::{ICON, SCRIPT, STYLE, asset};
use super::settings::{Console, Settings};
use super::sign_in::{sign_in, sign_out};
use super::visit::{action, page};
use super::{audiences, bases, jobs, members, server, tokens};
use crate::api::http::door::Door;
use crate::api::http::pieces::drain;
use crate::metrics::recent::Recent;
use crate::model::token::AccessLevel;

/// Whether this is the path of a page of the console.
#[must_use]
pub fn is_console(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// Every address, and the page that it is.
fn pages(stopping: &CancellationToken, recent: &Recent) -> Vec<(&'static str, MethodRouter<Console>)> {
    let stopping = stopping.clone();
    let events = move |visit| jobs::events(visit, stopping.clone());
    let recent = recent.clone();
    let server = move |visit| server::server(visit, recent.clone());
    let write = AccessLevel::Write;
    let admin = AccessLevel::Admin;
    vec![
        (STYLE.path, get(|headers: HeaderMap| async move { asset(&STYLE, &headers) })),
        (SCRIPT.path, get(|headers: HeaderMap| async move { asset(&SCRIPT, &headers) })),
        (ICON.path, get(|headers: HeaderMap| async move { asset(&ICON, &headers) })),
        ("/console", page(bases::bases)),
        ("/console/", page(bases::bases)),
        ("/console/sign-in", sign_in()),
        ("/console/sign-out", post(sign_out)),
        ("/console/bases", action(admin, bases::create)),
        ("/console/bases/{base}", page(bases::overview)),
        ("/console/bases/{base}/members", page(members::members)),
        ("/console/bases/{base}/members.csv", page(members::export)),
        ("/console/bases/{base}/jobs", page(jobs::jobs)),
        ("/console/bases/{base}/lists/new", page(jobs::new).post(jobs::upload)),
        (
            "/console/bases/{base}/audiences",
            page(audiences::audiences).merge(action(write, audiences::create)),
        ),
        ("/console/members/{member}", page(members::member)),
        ("/console/members/{member}/{change}", page(members::ask).merge(action(write, members::change))),
        ("/console/jobs/{job}", page(jobs::job)),
        ("/console/jobs/{job}/events", page(events)),
        ("/console/jobs/{job}/failed.csv", page(jobs::failed_rows)),
        ("/console/jobs/{job}/approve", action(write, jobs::approve)),
        ("/console/jobs/{job}/reject", action(write, jobs::reject)),
        ("/console/jobs/{job}/cancel", page(jobs::ask_to_cancel).merge(action(write, jobs::cancel))),
        ("/console/jobs/{job}/columns", action(write, jobs::correct)),
        ("/console/jobs/{job}/undo", action(admin, jobs::undo)),
        ("/console/audiences/{audience}", page(audiences::audience)),
        ("/console/tokens", page(tokens::tokens).merge(action(admin, tokens::create))),
        ("/console/tokens/{token}/revoke", page(tokens::ask).merge(action(admin, tokens::revoke))),
        ("/console/server", page(server)),
    ]
}

/// The paths of all pages, with the names of their parameters in braces.
#[must_use]
pub fn paths() -> Vec<String> {
    pages(&CancellationToken::new(), &Recent::default())
        .into_iter()
        .map(|(path, _)| path.to_owned())
        .collect()
}

/// The pages of the console. `stopping` says when the server stops.
pub fn routes(door: Door, settings: Settings, stopping: &CancellationToken) -> Router {
    let pages = pages(stopping, &settings.recent).into_iter();
    let router = pages.fold(Router::new(), |router, (path, page)| router.route(path, page));
    router.method_not_allowed_fallback(no_page).fallback(no_page).with_state(Console { door, settings })
}

/// The reply to a request that is for no page.
async fn no_page(State(_): State<Console>, uri: Uri, request: Request) -> Response {
    let (head, body) = request.into_parts();
    drain(&head.headers, body).await;
    Failure::no_page().into_response(uri.path(), None)
}
