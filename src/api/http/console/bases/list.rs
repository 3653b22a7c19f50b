//! All memberbases, and making one.

use maud::{Markup, html};

use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{
    Frame, Page, Place, Share, Stripe, bar, empty, number, proof, time, value,
};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{BaseChange, BaseList, BaseSummary, RawPage};
use crate::model::{Sealer, Status};

/// Memberbases on one page.
const LIMIT: i64 = 60;

/// The memberbases.
pub async fn bases(visit: Visit) -> Result<Answer, Failure> {
    let page = RawPage { limit: Some(LIMIT), cursor: visit.given("cursor"), ..RawPage::default() };
    let found = visit.directory.list_bases(BaseList { page, ..BaseList::default() }).await?;
    let (sealer, frame) = (visit.directory.sealer(), &visit.frame);
    let is_first = visit.given("cursor").is_none();
    let main = html! {
        div.head { h1 { "Memberbases" } }
        @if found.bases.is_empty() && is_first {
            (empty("There is no memberbase yet.", html! {
                @if frame.who.may_manage() { p { "Make one below, or with " code { "memberbase import --create-base --base NAME FILE" } "." } }
                @else { p { "Somebody with an admin token makes one." } }
            }))
        } @else {
            div.cards { @for base in &found.bases { (card(base, sealer)) } }
        }
        @if let Some(cursor) = &found.cursor {
            p.pages { a.button href={ "/console?cursor=" (cursor) } rel="next" { "Next page" } }
        }
        @if frame.who.may_manage() { (new(frame)) }
    };
    Ok(Answer::Page(Page::new("Memberbases", Place::Bases, main)))
}

fn card(base: &BaseSummary, sealer: &Sealer) -> Markup {
    let counts = base.counts;
    html! {
        section.card {
            h2 { a href={ "/console/bases/" (sealer.base_id(base.number)) } { (value(base.settings.name.as_str())) } }
            dl.numbers { div { dt { "members" } dd { (number(counts.total())) } } }
            (bar(&[
                Share { stripe: Stripe::New, label: "active", count: counts.active },
                Share { stripe: Stripe::Changed, label: "invited", count: counts.invited },
                Share { stripe: Stripe::Same, label: "inactive", count: counts.inactive },
            ]))
            dl.numbers.minor {
                @for (status, stripe) in [(Status::Active, "s-new"), (Status::Invited, "s-changed"), (Status::Inactive, "s-same")] {
                    div { dt { span class={ "key " (stripe) } {} (status.as_str()) } dd { (number(counts.get(status))) } }
                }
            }
            p.muted.small { "Made " (time(base.created_at)) }
        }
    }
}

fn new(frame: &Frame) -> Markup {
    html! {
        details {
            summary { "Make a memberbase" }
            form.card method="post" action="/console/bases" {
                (proof(frame.proof))
                div.row {
                    div.grow { label for="name" { "Name" } input #name type="text" name="name" required; }
                    button.main type="submit" { "Make it" }
                }
            }
        }
    }
}

/// Makes a memberbase.
pub async fn create(visit: Visit) -> Result<Answer, Failure> {
    let change = BaseChange { name: Some(visit.sent("name").trim().to_owned()), ..BaseChange::default() };
    let base = visit.directory.create_base(change).await?;
    Ok(Answer::See(format!("/console/bases/{}", visit.directory.sealer().base_id(base.number))))
}
