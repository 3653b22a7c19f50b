//! Tokens: made, shown once, revoked.

use maud::{Markup, html};

use super::failure::Failure;
use super::look::{Page, Place, pill, proof, time, value};
use super::visit::{Answer, Visit};
use crate::directory::{NewToken, RawPage, TokenSeed};
use crate::model::token::{AccessLevel, Token};
use crate::model::{RawSort, Timestamp};

/// Tokens on one page.
const LIMIT: i64 = 50;

/// The tokens, newest first.
pub async fn tokens(visit: Visit) -> Result<Answer, Failure> {
    Ok(Answer::Page(page(&visit, None).await?))
}

async fn page(visit: &Visit, made: Option<Markup>) -> Result<Page, Failure> {
    let sort = RawSort { key: "created_at".to_owned(), direction: Some("desc".to_owned()) };
    let raw = RawPage {
        limit: Some(LIMIT),
        cursor: visit.given("cursor"),
        sorts: vec![sort],
        ..RawPage::default()
    };
    let listed = visit.directory.list_tokens(raw).await?;
    let now = visit.directory.now();
    let main = html! {
        div.head { h1 { "Tokens" } }
        @if let Some(made) = made { (made) }
        (new(visit))
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

fn line(visit: &Visit, token: &Token, now: Timestamp) -> Markup {
    let has_expired = token.expires_at.is_some_and(|at| at <= now);
    let is_valid = token.revoked_at.is_none() && !has_expired && !token.is_damaged;
    html! {
        tr {
            th scope="row" {
                @match &token.description { Some(text) => div.clip { (value(text.as_str())) }, None => span.muted { "not said" } }
                div.small.muted { code { (token.id) } }
            }
            td {
                (token.access.as_str())
                @if token.pii { ", sees personal data" }
                @if let Some(base) = token.base { ", only " a href={ "/console/bases/" (visit.directory.sealer().base_id(base)) } { "one memberbase" } }
            }
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
                    form method="post" action={ "/console/tokens/" (token.id) "/revoke" } {
                        (proof(visit.frame.proof))
                        button.quiet type="submit" aria-label={ "Revoke " (token.id) } { "Revoke" }
                    }
                }
            }
        }
    }
}

fn new(visit: &Visit) -> Markup {
    html! {
        form.card method="post" action="/console/tokens" {
            (proof(visit.frame.proof))
            h2 { "Make a token" }
            div.row {
                div.grow { label for="description" { "What it is for" } input #description type="text" name="description" required; }
                div.fixed {
                    label for="access" { "It may" }
                    select #access name="access" {
                        @for level in AccessLevel::ALL { option value=(level.as_str()) { (level.as_str()) } }
                    }
                }
                div.fixed { label for="expires" { "Valid until" } input #expires type="date" name="expires"; }
            }
            div.row {
                div.grow {
                    label for="base" { "Only for the memberbase" } " " span.hint { "its id; empty for all" }
                    input #base type="text" name="base" spellcheck="false";
                }
                label.choice { input type="checkbox" name="pii" value="no"; "Sees no bank details and dates of birth" }
            }
            div { button.main type="submit" { "Make it" } }
        }
    }
}

/// Makes a token, and shows its secret this once.
pub async fn create(visit: Visit) -> Result<Answer, Failure> {
    let expires_at = match visit.given("expires") {
        None => None,
        Some(day) => {
            let at = Timestamp::parse(&format!("{day}T23:59:59Z"));
            Some(at.map_err(|_| Failure::form("Write the day as 2026-12-31."))?)
        }
    };
    let new = NewToken {
        access: visit.sent("access").to_owned(),
        description: visit.given("description"),
        expires_at,
        member_base_id: visit.given("base").map(|id| id.trim().to_owned()),
        pii: Some(false).filter(|_| visit.sent("pii") == "no"),
        ..NewToken::default()
    };
    let is_first = visit.directory.token().is_none();
    let made = visit.directory.create_token(new, TokenSeed::draw()?).await?;
    let shown = html! {
        section.card.held role="status" {
            h2 { "The token was made" }
            p { "This is its secret. It is shown only now, and nobody can look it up later." }
            p.secret { (made.secret.reveal()) }
        }
    };
    if is_first {
        // From now on everybody needs a token, this person too.
        let main = html! { h1 { "Tokens" } (shown) p { a.button.main href="/console/sign-in" { "Sign in with it" } } };
        return Ok(Answer::Page(Page::new("Tokens", Place::None, main)));
    }
    Ok(Answer::Page(page(&visit, Some(shown)).await?))
}

/// Revokes a token.
pub async fn revoke(visit: Visit) -> Result<Answer, Failure> {
    visit.directory.revoke_token(visit.id("token")).await?;
    Ok(Answer::See("/console/tokens".to_owned()))
}
