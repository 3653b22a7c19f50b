//! Revoking a token, after a question: there is no way back.

use maud::html;

use super::list::may;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, proof, time, value};
use crate::api::http::console::visit::{Answer, Visit};

/// Asks whether a token is really to be revoked.
pub async fn ask(visit: Visit) -> Result<Answer, Failure> {
    let token = visit.directory.get_token(visit.id("token")).await?;
    let is_own = visit.directory.token().is_some_and(|own| own.id == token.id);
    let main = html! {
        h1 { "Revoke a token?" }
        section.card.held {
            dl.fields {
                dt { "For" }
                dd { @match &token.description { Some(text) => (value(text.as_str())), None => span.muted { "not said" } } }
                dt { "Id" } dd { code { (token.id) } }
                dt { "It may" } dd { (may(&visit, &token)) }
                dt { "Made" } dd { (time(token.created_at)) }
                dt { "Last used" } dd { @match token.last_used_at { Some(at) => (time(at)), None => span.muted { "not yet" } } }
            }
            p {
                "Whoever uses it is out at once, and it cannot be made valid again: to take it back, make another token and "
                "hand that out."
            }
            @if is_own { p { strong { "You are signed in with this token, so you are signed out." } } }
            @if token.revoked_at.is_some() { p { strong { "It is revoked already." } } }
            div.row {
                @if token.revoked_at.is_none() {
                    form method="post" action={ "/console/tokens/" (token.id) "/revoke" } {
                        (proof(visit.frame.proof))
                        button.removes type="submit" { "Revoke this token" }
                    }
                }
                a.button href="/console/tokens" { "Back, and change nothing" }
            }
        }
    };
    Ok(Answer::Page(Page::new("Revoke a token", Place::Tokens, main)))
}

/// Revokes a token.
pub async fn revoke(visit: Visit) -> Result<Answer, Failure> {
    let token = visit.directory.revoke_token(visit.id("token")).await?;
    Ok(Answer::See(format!("/console/tokens?revoked={}", token.id)))
}
