//! Making a token.

use maud::{Markup, html};

use super::form::Said;
use super::list::page;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{NewToken, TokenSeed};
use crate::model::Timestamp;

/// Makes a token, and shows its secret this once. A form that does not work is shown again as it was.
pub async fn create(visit: Visit) -> Result<Answer, Failure> {
    let is_first = visit.directory.token().is_none();
    let said = Said::of(&visit);
    let shown = match make(&visit, &said).await {
        Ok(shown) => shown,
        Err(failure) if failure.is_of_the_form() => {
            return Ok(Answer::Refused(failure.status(), page(&visit, Some(failure.shown()), &said).await?));
        }
        Err(failure) => return Err(failure),
    };
    if is_first {
        // From now on everybody needs a token, this person too.
        let main = html! {
            h1 { "Tokens" }
            (shown)
            p { a.button.main href="/console/sign-in" { "Sign in with it" } }
            p.muted { "From now on, this console and every other client need a token." }
        };
        return Ok(Answer::Page(Page::new("Tokens", Place::None, main)));
    }
    Ok(Answer::Page(page(&visit, Some(shown), &Said::default()).await?))
}

async fn make(visit: &Visit, said: &Said) -> Result<Markup, Failure> {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let expires_at = match given(&said.expires) {
        None => None,
        Some(day) => {
            let at = Timestamp::parse(&format!("{day}T23:59:59Z"));
            Some(at.map_err(|_| Failure::form("Write the last day as 2026-12-31."))?)
        }
    };
    let new = NewToken {
        access: said.access.clone(),
        description: given(&said.description),
        expires_at,
        member_base_id: given(&said.base),
        pii: match said.pii.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
        ..NewToken::default()
    };
    let made = visit.directory.create_token(new, TokenSeed::draw()?).await?;
    Ok(html! {
        section.card.held role="status" {
            h2 { "The token was made" }
            p { "This is its secret. It is shown only now, and nobody can look it up later: copy it before you leave this page." }
            p.secret { (made.secret.reveal()) }
            p.muted {
                "A person signs in here with it. Programs send it as " code { "authorization: Bearer …" }
                ", and the command line reads it from " code { "MEMBERBASE_TOKEN" } "."
            }
        }
    })
}
