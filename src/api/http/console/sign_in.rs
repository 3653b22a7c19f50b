//! Signing in with a token, and signing out.

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use super::cookie;
use super::failure::{Failure, sentence};
use super::look::{Page, Place, see};
use super::settings::Console;
use super::visit::{check_proof, check_sender, enter, read_form};
use crate::api::http::pieces::drain;
use crate::api::http::query::pairs;
use crate::directory::{Error, TokenFault};
use crate::model::token::AccessLevel;

/// The pages of sign-in.
pub fn sign_in() -> MethodRouter<Console> {
    get(show).post(submit)
}

/// Shows the form, or leads on if nobody needs a token.
async fn show(State(console): State<Console>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let next = pairs(head.uri.query().unwrap_or_default()).flatten().find(|(name, _)| name == "next");
    let next = local(next.map(|(_, next)| next).unwrap_or_default());
    match enter(&console, &head, AccessLevel::Read).await {
        Ok(_) => see(&next),
        Err(failure) => {
            let over = match failure.signed_out() {
                Some(TokenFault::Expired) => Some("Your session or your token has expired."),
                Some(TokenFault::Revoked) => Some("Your token was revoked."),
                Some(TokenFault::Missing | TokenFault::Invalid) | None => None,
            };
            page(&next, over.map(|text| html! { p.notice { (text) } })).into_response(StatusCode::OK, None)
        }
    }
}

/// Takes the form.
async fn submit(State(console): State<Console>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let mut next = local(String::new());
    let taken = begin(&console, &head, &mut body, &mut next).await;
    drain(&head.headers, body).await;
    match taken {
        Ok(response) => response,
        Err(failure) => {
            failure.log("sign-in");
            let status = failure.status();
            let said = match failure.signed_out() {
                Some(fault) => html! { div.error role="alert" { p { (sentence(&fault.to_string())) } } },
                None => failure.shown(),
            };
            page(&next, Some(said)).into_response(status, None)
        }
    }
}

/// Begins a session. `next` becomes the address that the person wanted.
async fn begin(
    console: &Console,
    head: &Parts,
    body: &mut axum::body::Body,
    next: &mut String,
) -> Result<Response, Failure> {
    let is_encrypted = check_sender(head)?;
    let sent = read_form(console, head, body).await?;
    let text = |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, text)| text.trim());
    *next = local(text("next").unwrap_or_default().to_owned());
    let secret = text("token").filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| Failure::form("Enter a token."))?;
    let sealed = console.door.gate.sign_in(secret).await?;
    let is_encrypted = is_encrypted || console.settings.is_encrypted;
    Ok(with_cookie(see(next), cookie::begin(&sealed, is_encrypted)))
}

/// Ends the session of this browser.
pub async fn sign_out(State(console): State<Console>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let ended = async {
        let is_encrypted = check_sender(&head)?;
        let form = read_form(&console, &head, &mut body).await?;
        // Whoever is signed out already may sign out again.
        if let Ok((_, frame)) = enter(&console, &head, AccessLevel::Read).await {
            let proof = form.iter().find(|(name, _)| name == "proof").map_or("", |(_, proof)| proof.as_str());
            check_proof(&frame, proof)?;
        }
        let is_encrypted = is_encrypted || console.settings.is_encrypted;
        Ok::<_, Failure>(with_cookie(see("/console/sign-in"), cookie::end(is_encrypted)))
    };
    let response = ended.await;
    drain(&head.headers, body).await;
    response.unwrap_or_else(|failure| failure.into_response("sign-out", None))
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    match cookie {
        Some(cookie) => {
            response.headers_mut().insert(SET_COOKIE, cookie);
            response
        }
        None => {
            let private = "a session cannot be written as a cookie".to_owned();
            Failure::from(Error::Internal { private }).into_response("sign-in", None)
        }
    }
}

/// An address of the console, or else its first page: nobody is led to another server.
fn local(next: String) -> String {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_page = next == "/console" || next.starts_with("/console/") || next.starts_with("/console?");
    if is_plain && is_page && !next.starts_with("/console/sign-") { next } else { "/console".to_owned() }
}

fn page(next: &str, said: Option<Markup>) -> Page {
    let main = html! {
        div.narrow.stack {
            h1 { "Sign in" }
            @if let Some(said) = said { (said) }
            form.card method="post" action="/console/sign-in" {
                input type="hidden" name="next" value=(next);
                div.stack {
                    label for="token" { "Token" }
                    input #token type="password" name="token" required autocomplete="current-password"
                        spellcheck="false" autocapitalize="off" aria-describedby="token-hint";
                    p #token-hint .hint {
                        "The secret of an API token; it begins with " code { "sk_" } ". What you can see and do here is what "
                        "the token may see and do."
                    }
                }
                div { button.main type="submit" { "Sign in" } }
            }
            p.muted.small {
                "You have none? Somebody with access to the server makes one with " code { "memberbase token create" }
                ", or an admin makes one here."
            }
            @if next != "/console" {
                p.small { "You are signed in already, and came here by a link? " a href=(next) { "Go on to the page" } "." }
            }
        }
    };
    Page::new("Sign in", Place::None, main)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn sign_in_leads_to_no_other_server() {
        for next in ["/console", "/console/bases/mb_1/members?filter=tier%3DGold", "/console?cursor=a"] {
            assert_eq!(local(next.to_owned()), next);
        }
        for next in [
            "",
            "//evil.example",
            "https://evil.example",
            "/console\\@evil.example",
            "/consoleevil",
            "/console/sign-out",
            "/console/\r\nset-cookie: a=b",
            "/v1/members",
        ] {
            assert_eq!(local(next.to_owned()), "/console", "{next}");
        }
    }
}
