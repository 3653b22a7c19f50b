//! All memberbases, and making one.

use maud::{Markup, html};

use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, Share, Stripe, bar, empty, number, proof, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{BaseChange, BaseList, BaseSummary, RawPage};
use crate::model::{Sealer, Status};

/// Memberbases on one page.
const LIMIT: i64 = 60;

/// The memberbases.
pub async fn bases(visit: Visit) -> Result<Answer, Failure> {
    Ok(Answer::Page(page(&visit, None).await?))
}

/// The page. `refused` says why a memberbase was not made.
async fn page(visit: &Visit, refused: Option<Markup>) -> Result<Page, Failure> {
    let page = RawPage { limit: Some(LIMIT), cursor: visit.given("cursor"), ..RawPage::default() };
    let found = visit.directory.list_bases(BaseList { page, ..BaseList::default() }).await?;
    let (sealer, frame) = (visit.directory.sealer(), &visit.frame);
    let is_empty = found.bases.is_empty() && visit.given("cursor").is_none();
    let main = html! {
        div.head { h1 { "Memberbases" } }
        @if is_empty {
            (empty("There is no memberbase yet.", html! {
                p { "A memberbase holds the members of one organisation or programme." }
                @if frame.who.may_manage() {
                    p { "Make one below and upload a list to it, or do both on the command line: " code { "memberbase import FILE --create-base --base NAME" } }
                }
                @else { p { "Somebody with an admin token makes one." } }
            }))
        } @else {
            div.cards { @for base in &found.bases { (card(base, sealer)) } }
        }
        @if let Some(cursor) = &found.cursor {
            p.pages { a.button href={ "/console?cursor=" (cursor) } rel="next" { "Next page" } }
        }
        @if frame.who.may_manage() { (new(visit, is_empty, refused)) }
    };
    Ok(Page::new("Memberbases", Place::Bases, main))
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

fn new(visit: &Visit, is_first: bool, refused: Option<Markup>) -> Markup {
    html! {
        details open[is_first || refused.is_some()] {
            summary { "Make a memberbase" }
            form.card method="post" action="/console/bases" {
                (proof(visit.frame.proof))
                @if let Some(refused) = refused { (refused) }
                div.row {
                    div.grow { label for="name" { "Name" } input #name type="text" name="name" required value=(visit.sent("name")); }
                    button.main type="submit" { "Make it" }
                }
            }
        }
    }
}

/// Makes a memberbase.
pub async fn create(visit: Visit) -> Result<Answer, Failure> {
    let change = BaseChange { name: Some(visit.sent("name").trim().to_owned()), ..BaseChange::default() };
    match visit.directory.create_base(change).await.map_err(Failure::from) {
        Ok(base) => {
            Ok(Answer::See(format!("/console/bases/{}", visit.directory.sealer().base_id(base.number))))
        }
        Err(failure) if failure.is_of_the_form() => {
            Ok(Answer::Refused(failure.status(), page(&visit, Some(failure.shown())).await?))
        }
        Err(failure) => Err(failure),
    }
}
