//! The form that makes a token: what it may do, and what it sees, each said as it will be.

use maud::{Markup, html};

use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::proof;
use crate::api::http::console::visit::Visit;
use crate::directory::{BaseList, BasePage, RawPage};
use crate::model::token::AccessLevel;

/// Memberbases that are offered for choice. If there are more, a person types the id.
const BASES: i64 = 100;
/// What a person chooses for personal data: as it is sent, and as it is said.
const PERSONAL: [(&str, &str); 3] = [("", "seen if it may write"), ("yes", "seen"), ("no", "not seen")];

/// What a person said about a token.
#[derive(Debug, Default)]
pub struct Said {
    pub description: String,
    pub access: String,
    pub expires: String,
    pub base: String,
    /// `yes`, `no`, or empty for what is usual.
    pub pii: String,
}

impl Said {
    /// What was sent with the form.
    pub fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.sent(name).trim().to_owned();
        Self {
            description: text("description"),
            access: text("access"),
            expires: text("expires"),
            base: text("base"),
            pii: text("pii"),
        }
    }
}

/// What a level allows, in words.
pub const fn allows(level: AccessLevel) -> &'static str {
    match level {
        AccessLevel::Read => "looks at members, lists and audiences, and changes nothing",
        AccessLevel::Write => "also changes members, uploads lists, and approves what the guard allows",
        AccessLevel::Admin => {
            "also approves what the guard holds, undoes jobs, and manages memberbases and tokens"
        }
    }
}

/// The form, with what was said before if it did not work.
pub async fn form(visit: &Visit, said: &Said) -> Result<Markup, Failure> {
    let page = RawPage { limit: Some(BASES), ..RawPage::default() };
    let bases = visit.directory.list_bases(BaseList { page, ..BaseList::default() }).await?;
    let may_see = visit.directory.token().is_none_or(|token| token.pii);
    // Only an admin makes tokens, so the first one is for an admin.
    let usual = if visit.directory.token().is_none() { AccessLevel::Admin } else { AccessLevel::Read };
    let chosen = if said.access.is_empty() { usual.as_str() } else { said.access.as_str() };
    let levels = AccessLevel::ALL.into_iter().filter(|level| visit.frame.who.may(*level));
    Ok(html! {
        form.card method="post" action="/console/tokens" {
            (proof(visit.frame.proof))
            h2 { "Make a token" }
            div {
                label for="description" { "Who or what it is for" }
                input #description type="text" name="description" required aria-describedby="description-hint" value=(said.description);
                p #description-hint .hint { "The history of changes names it so. Make one for each person and each program." }
            }
            fieldset {
                legend { "What it may do" }
                @for level in levels {
                    label.choice {
                        input type="radio" name="access" value=(level.as_str()) checked[level.as_str() == chosen];
                        strong { (level.as_str()) } ": " (allows(level))
                    }
                }
            }
            div.row {
                div.grow {
                    label for="pii" { "Bank details and dates of birth" }
                    @if may_see {
                        select #pii name="pii" {
                            @for (word, text) in PERSONAL { option value=(word) selected[word == said.pii] { (text) } }
                        }
                    } @else {
                        p #pii .hint { "It does not see them, because your own token does not." }
                    }
                }
                div.grow { (of_base(visit, &bases, said)) }
                div.fixed {
                    label for="expires" { "Last day" }
                    input #expires type="date" name="expires" aria-describedby="expires-hint" value=(said.expires);
                }
            }
            p #expires-hint .hint { "The last day ends at midnight UTC. Without one, the token is valid until it is revoked." }
            div { button.main type="submit" { "Make it" } }
        }
    })
}

fn of_base(visit: &Visit, bases: &BasePage, said: &Said) -> Markup {
    let sealer = visit.directory.sealer();
    html! {
        label for="base" { "Which memberbases" }
        @if bases.cursor.is_none() {
            select #base name="base" {
                option value="" { "all" }
                @for base in &bases.bases {
                    @let id = sealer.base_id(base.number);
                    option value=(id) selected[id == said.base] { "only " (base.settings.name.as_str()) }
                }
            }
        } @else {
            input #base type="text" name="base" spellcheck="false" placeholder="all, or the id of one" value=(said.base);
        }
    }
}
