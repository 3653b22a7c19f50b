//! The frame of every page: its head, its navigation, and the headers of its reply.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::parts::proof;
use crate::api::untaken;
use crate::model::session::FormProof;
use crate::model::token::AccessLevel;

/// Only what this server sends is run, shown or sent to, and no page stands in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Pages of other servers get no handle of ours, and none of our replies.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Who looks at a page.
#[derive(Debug, Clone)]
pub struct Who {
    /// What the page calls them.
    pub name: String,
    /// What they may do; `None` if callers need no token.
    pub access: Option<AccessLevel>,
    /// Whether their token is bound to one memberbase.
    pub is_bound: bool,
}

impl Who {
    /// Whether the buttons for this level are shown.
    pub fn may(&self, needs: AccessLevel) -> bool {
        self.access.is_none_or(|access| access >= needs)
    }

    /// Whether the buttons for changes of the whole store are shown.
    pub fn may_manage(&self) -> bool {
        self.may(AccessLevel::Admin) && !self.is_bound
    }
}

/// What pages of a request have in common.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Who looks at them.
    pub who: Who,
    /// What their forms carry.
    pub proof: FormProof,
}

/// A part of a memberbase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Members,
    Lists,
    Audiences,
}

/// Where a page belongs.
#[derive(Debug, Clone)]
pub enum Place {
    /// To the memberbases as a whole.
    Bases,
    /// To one memberbase: its id, its name, and the part of it.
    Base(String, String, Tab),
    /// To the tokens.
    Tokens,
    /// To the server as a whole.
    Server,
    /// Nowhere.
    None,
}

/// A page.
pub struct Page {
    /// Its title.
    pub title: String,
    /// Where it belongs.
    pub place: Place,
    /// Whether what it shows is about to change: it is loaded again until it has not.
    pub is_live: bool,
    /// The address of the events after which it is loaded again at once.
    pub events: Option<String>,
    /// What it shows.
    pub main: Markup,
}

impl Page {
    /// A page that stays as it is.
    pub fn new(title: impl Into<String>, place: Place, main: Markup) -> Self {
        Self { title: title.into(), place, is_live: false, events: None, main }
    }

    /// The reply with this page.
    pub fn into_response(self, status: StatusCode, frame: Option<&Frame>) -> Response {
        let text = self.render(frame).into_string();
        untaken::note(text.len());
        let mut response = (status, text).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers(response.headers_mut());
        response
    }

    fn render(&self, frame: Option<&Frame>) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · memberbase" }
                    link rel="icon" type="image/svg+xml" href=(ICON.path);
                    link rel="stylesheet" href=(STYLE.path);
                    @if self.is_live { noscript { meta http-equiv="refresh" content="3"; } }
                    script type="module" src=(SCRIPT.path) {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    @if let Some(frame) = frame { (self.top(frame)) }
                    @if let Place::Base(id, name, tab) = &self.place { (tabs(id, name, *tab)) }
                    main #main tabindex="-1" data-events=[self.events.as_deref()] data-live[self.is_live] {
                        (self.main)
                    }
                }
            }
        }
    }

    fn top(&self, frame: &Frame) -> Markup {
        let who = &frame.who;
        let here = |is_here: bool| is_here.then_some("page");
        html! {
            header.top {
                a.brand href="/console" { "memberbase" }
                nav aria-label="Console" {
                    a href="/console" aria-current=[here(matches!(self.place, Place::Bases))] { "Memberbases" }
                    @if who.may_manage() {
                        a href="/console/tokens" aria-current=[here(matches!(self.place, Place::Tokens))] { "Tokens" }
                        a href="/console/server" aria-current=[here(matches!(self.place, Place::Server))] { "Server" }
                    }
                }
                div.who {
                    bdi.name { (who.name) }
                    @if let Some(access) = who.access {
                        span.pill { (access.as_str()) }
                        form method="post" action="/console/sign-out" {
                            (proof(frame.proof))
                            button.quiet type="submit" { "Sign out" }
                        }
                    }
                }
            }
            @if who.access.is_none() {
                p.notice role="note" {
                    "This server has no tokens, so everybody on this machine may do everything. "
                    @if matches!(self.place, Place::Tokens) { "Make the first token below." }
                    @else { a href="/console/tokens" { "Make the first token" } "." }
                }
            }
        }
    }
}

/// The parts of a memberbase.
fn tabs(id: &str, name: &str, tab: Tab) -> Markup {
    let parts = [
        (Tab::Overview, "Overview", ""),
        (Tab::Members, "Members", "/members"),
        (Tab::Lists, "Lists and jobs", "/jobs"),
        (Tab::Audiences, "Audiences", "/audiences"),
    ];
    html! {
        nav.place aria-label="Memberbase" {
            p.crumb { bdi { (name) } }
            div.tabs {
                @for (part, label, path) in parts {
                    a href={ "/console/bases/" (id) (path) } aria-current=[(part == tab).then_some("page")] { (label) }
                }
            }
        }
    }
}

/// The headers of every reply that a person sees.
pub fn headers(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The reply that leads to another page, after a form was sent or where a person must sign in first.
pub fn see(address: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    headers(response.headers_mut());
    // Addresses are made of ids and percent-encoded texts.
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/console"));
    response.headers_mut().insert(LOCATION, address);
    response
}
