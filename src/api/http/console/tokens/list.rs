//! All tokens, and the form for another one.

use maud::{Markup, html};

use super::form::{Said, form};
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, done, pill, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::RawPage;
use crate::model::token::Token;
use crate::model::{RawSort, Timestamp};

/// Tokens on one page.
const LIMIT: i64 = 50;

/// The tokens, newest first.
pub async fn tokens(visit: Visit) -> Result<Answer, Failure> {
    let revoked = match visit.given("revoked") {
        Some(id) => visit.directory.get_token(&id).await.ok().filter(|token| token.revoked_at.is_some()),
        None => None,
    };
    let revoked = revoked.map(|token| {
        done(&html! {
            p {
                strong { "The token was revoked." } " " code { (token.id) }
                " is refused from now on. It cannot be made valid again; make another one if it is still needed."
            }
        })
    });
    Ok(Answer::Page(page(&visit, revoked, &Said::default()).await?))
}

/// The page, with what is to be said first, and the form as it was filled in.
pub async fn page(visit: &Visit, first: Option<Markup>, said: &Said) -> Result<Page, Failure> {
    let sort = RawSort { key: "created_at".to_owned(), direction: Some("desc".to_owned()) };
    let raw = RawPage {
        limit: Some(LIMIT),
        cursor: visit.given("cursor"),
        sorts: vec![sort],
        ..RawPage::default()
    };
    let listed = visit.directory.list_tokens(raw).await?;
    let form = form(visit, said).await?;
    let now = visit.directory.token_time();
    let main = html! {
        div.head { h1 { "Tokens" } }
        @if let Some(first) = first { (first) }
        @if listed.tokens.is_empty() {
            p {
                "There is no token yet. Make the first one with the level " strong { "admin" }
                ", for yourself: from then on every client needs a token, and only an admin makes others."
            }
        }
        (form)
        @if !listed.tokens.is_empty() {
            div.table tabindex="0" role="region" aria-label="Tokens" {
                table {
                    thead {
                        tr {
                            th scope="col" { "What it is for" } th scope="col" { "May" } th scope="col" { "State" }
                            th scope="col" { "Last used" } th scope="col" { "Made" } th scope="col" { span.muted { "Revoke" } }
                        }
                    }
                    tbody { @for token in &listed.tokens { (line(visit, token, now)) } }
                }
            }
        }
        @if let Some(cursor) = &listed.cursor {
            p.pages { a.button href={ "/console/tokens?cursor=" (cursor) } rel="next" { "Older tokens" } }
        }
    };
    Ok(Page::new("Tokens", Place::Tokens, main))
}

/// What a token may do and see, in words.
pub fn may(visit: &Visit, token: &Token) -> Markup {
    html! {
        (token.access.as_str())
        @if token.pii { ", and sees bank details and dates of birth" } @else { "; sees no bank details and dates of birth" }
        @if let Some(base) = token.base { "; only " a href={ "/console/bases/" (visit.directory.sealer().base_id(base)) } { "one memberbase" } }
    }
}

fn line(visit: &Visit, token: &Token, now: Timestamp) -> Markup {
    let has_expired = token.expires_at.is_some_and(|at| at <= now);
    let is_valid = token.revoked_at.is_none() && !has_expired && !token.is_damaged;
    html! {
        tr {
            th scope="row" {
                @match &token.description { Some(text) => div.clip { (value(text.as_str())) }, None => span.muted { "not said" } }
                div.small.muted { code { (token.id) } }
            }
            td { (may(visit, token)) }
            td {
                @if token.is_damaged { (pill("off", "damaged")) }
                @else if token.revoked_at.is_some() { (pill("off", "revoked")) }
                @else if has_expired { (pill("off", "expired")) }
                @else { (pill("on", "valid")) }
                @if let Some(at) = token.expires_at { div.small.muted { "until " (time(at)) } }
            }
            td { @match token.last_used_at { Some(at) => (time(at)), None => span.muted { "not yet" } } }
            td { (time(token.created_at)) }
            td {
                @if is_valid {
                    a.button.quiet href={ "/console/tokens/" (token.id) "/revoke" } aria-label={ "Revoke " (token.id) } { "Revoke" }
                }
            }
        }
    }
}
