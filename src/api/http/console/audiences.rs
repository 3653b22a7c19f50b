//! Audiences of a memberbase: who is in them, by which filter.

use maud::{Markup, html};

use super::bases::at;
use super::failure::Failure;
use super::filters::{self, HINT, builder};
use super::look::{Page, Place, Tab, empty, number, person, pill, progress, proof, time, value};
use super::visit::{Answer, Visit};
use crate::api::http::filter;
use crate::api::untaken;
use crate::directory::{AudienceList, MemberList, NewAudience, RawPage, ShownAudience};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, RawFilter, RawValue};

/// Audiences on one page.
const LIMIT: i64 = 100;
/// Members of an audience, or of a preview, that are shown.
const MEMBERS: i64 = 20;

/// The audiences of a memberbase, and a filter that is being tried.
pub async fn audiences(visit: Visit) -> Result<Answer, Failure> {
    let base = at(&visit, Tab::Audiences).await?.0;
    if let Some(filter) = filters::chosen(&visit, &base) {
        return Ok(tried(&visit, base.number, &filter));
    }
    Ok(Answer::Page(page(&visit, None).await?))
}

/// The page on which a filter is tried. A name that was typed already stays.
fn tried(visit: &Visit, base: BaseNumber, filter: &str) -> Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("filter", filter);
    if let Some(name) = visit.given("name") {
        query.append_pair("name", &name);
    }
    let id = visit.directory.sealer().base_id(base);
    Answer::See(format!("/console/bases/{id}/audiences?{}#try", query.finish()))
}

/// The page. `refused` says why an audience was not made.
async fn page(visit: &Visit, refused: Option<Markup>) -> Result<Page, Failure> {
    let (base, place) = at(visit, Tab::Audiences).await?;
    let id = visit.directory.sealer().base_id(base.number);
    let page = RawPage { limit: Some(LIMIT), cursor: visit.given("cursor"), ..RawPage::default() };
    let include_archived = !visit.sent("archived").is_empty();
    let listed = visit.directory.list_audiences(base.number, AudienceList { include_archived, page }).await?;
    let preview = preview(visit, base.number).await;
    let keys: Vec<String> = base.schema.iter().flat_map(|schema| schema.types.keys().cloned()).collect();
    let main = html! {
        div.head { h1 { "Audiences" } }
        @if listed.audiences.is_empty() {
            (empty("There is no audience yet.", html! {
                p { "An audience is a named filter whose members are always up to date, such as everybody with " code { "tier=Gold" } ". Try one below." }
                @if !visit.frame.who.may(AccessLevel::Write) { p { "To make an audience of it, sign in with a token that may write." } }
            }))
        } @else {
            (table(visit, base.number, &listed.audiences))
        }
        @if let Some(cursor) = &listed.cursor {
            p.pages { a.button href={ "/console/bases/" (id) "/audiences?cursor=" (cursor) } rel="next" { "Next page" } }
        }
        (form(visit, &id, &keys, preview, refused))
    };
    Ok(Page::new("Audiences", place, main))
}

fn table(visit: &Visit, base: BaseNumber, audiences: &[ShownAudience]) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label="Audiences" {
            table {
                thead { tr { th scope="col" { "Name" } th.number scope="col" { "Members" } th scope="col" { "State" } th scope="col" { "Changed" } } }
                tbody {
                    @for shown in audiences {
                        tr {
                            th scope="row" {
                                a href={ "/console/audiences/" (visit.directory.sealer().audience_id(base, shown.audience.number)) } {
                                    div.clip { (value(shown.audience.name.as_str())) }
                                }
                            }
                            td.number { (members(shown)) }
                            td { (state(shown)) }
                            td { (time(shown.audience.updated_at)) }
                        }
                    }
                }
            }
        }
    }
}

fn members(shown: &ShownAudience) -> Markup {
    html! { @match shown.members { Some(members) => (number(members)), None => span.muted { "–" } } }
}

fn state(shown: &ShownAudience) -> Markup {
    html! {
        @if shown.audience.is_archived() { (pill("off", "archived")) }
        @else if let Some((done, of)) = shown.built { (pill("on", "is being built")) (progress(done, of)) }
        @else { (pill("on", "up to date")) }
        @if shown.is_pii { " " (pill("", "personal")) }
    }
}

/// How many members a filter matches that somebody tries, and the first of them.
async fn preview(visit: &Visit, base: BaseNumber) -> Option<Result<Markup, Failure>> {
    let text = visit.given("filter")?;
    let found = async {
        let filters = filters::read(&text)?;
        Ok::<_, Failure>(visit.directory.preview_audience(base, filters, None).await?)
    };
    Some(found.await.map(|found| {
        html! {
            p role="status" { strong { (number(found.total)) } @if found.total == 1 { " member matches" } @else { " members match" } "." }
            @if !found.members.is_empty() {
                p.muted { @for (_, member) in &found.members { (person(member)) " · " } @if found.total > u64::try_from(found.members.len()).unwrap_or(u64::MAX) { "…" } }
            }
        }
    }))
}

/// The form. Whoever may write sends it to make an audience, or to have it counted: then it comes back with
/// all that was typed. For others it only counts.
fn form(
    visit: &Visit,
    id: &str,
    keys: &[String],
    preview: Option<Result<Markup, Failure>>,
    refused: Option<Markup>,
) -> Markup {
    let may = visit.frame.who.may(AccessLevel::Write);
    html! {
        section.card {
            h2 #try { "Try a filter" }
            form.stack method=(if may { "post" } else { "get" }) action={ "/console/bases/" (id) "/audiences" } data-search {
                @if may { (proof(visit.frame.proof)) }
                div {
                    label for="filter" { "Conditions" }
                    textarea #filter name="filter" rows="3" spellcheck="false" aria-describedby="filter-hint" data-live { (visit.sent("filter")) }
                    p #filter-hint .hint { (HINT) }
                }
                (builder(keys.iter()))
                div { button type="submit" name="do" value="count" { "Count who matches" } }
                div #results .stack aria-live="polite" {
                    @match preview { Some(Ok(found)) => (found), Some(Err(failure)) => (failure.shown()), None => {} }
                }
                @if may {
                    @if let Some(refused) = refused { (refused) }
                    div.row {
                        div.grow { label for="name" { "Name of the audience" } input #name type="text" name="name" value=(visit.sent("name")); }
                        button.main type="submit" name="do" value="make" { "Make an audience of it" }
                    }
                }
            }
        }
    }
}

/// Makes an audience, or counts who would be in it.
pub async fn create(visit: Visit) -> Result<Answer, Failure> {
    let base = at(&visit, Tab::Audiences).await?.0;
    if let Some(filter) = filters::chosen(&visit, &base) {
        return Ok(tried(&visit, base.number, &filter));
    }
    if visit.sent("do") == "count" {
        return Ok(tried(&visit, base.number, visit.sent("filter")));
    }
    match make(&visit, base.number).await {
        Ok(id) => Ok(Answer::See(format!("/console/audiences/{id}"))),
        Err(failure) if failure.is_of_the_form() => {
            Ok(Answer::Refused(failure.status(), page(&visit, Some(failure.shown())).await?))
        }
        Err(failure) => Err(failure),
    }
}

async fn make(visit: &Visit, base: BaseNumber) -> Result<String, Failure> {
    let filters = filters::read(visit.sent("filter"))?;
    if filters.is_empty() {
        return Err(Failure::form("Write a condition that says who is in the audience."));
    }
    let new = NewAudience { name: visit.sent("name").trim().to_owned(), filters, deadline: None };
    let made = visit.directory.create_audience(base, new).await?;
    Ok(visit.directory.sealer().audience_id(base, made.audience.number))
}

/// One audience.
pub async fn audience(visit: Visit) -> Result<Answer, Failure> {
    let (base, audience) = visit.directory.audience_number(visit.id("audience"), "id")?;
    let shown = visit.directory.get_audience(base, audience).await?;
    let summary = visit.directory.get_base(base).await?;
    let sealer = visit.directory.sealer();
    let (id, base_id) = (sealer.audience_id(base, audience), sealer.base_id(base));
    let place = Place::Base(base_id, summary.settings.name.as_str().to_owned(), Tab::Audiences);
    let listed = if shown.members.is_some() { Some(first(&visit, base, &id).await?) } else { None };
    let main = html! {
        div.head { h1 { (value(shown.audience.name.as_str())) } (state(&shown)) }
        section.card {
            dl.numbers { div { dt { "members" } dd { (members(&shown)) } } }
            dl.fields {
                dt { "Id" } dd { code { (id) } }
                dt { "Made" } dd { (time(shown.audience.created_at)) }
                dt { "Changed" } dd { (time(shown.audience.updated_at)) }
                dt { "Filter" }
                dd { @if shown.audience.filter.filter().is_none() { "none: its members are picked by hand" } @else { pre { (written(shown.audience.filter.raw())) } } }
            }
        }
        section.card {
            h2 { "Members" }
            @match listed {
                None => p.muted { "Who is in it is not shown." },
                Some(listed) => (listed),
            }
        }
    };
    Ok(Answer::Page(Page::new(shown.audience.name.as_str(), place, main)))
}

/// The first members of an audience.
async fn first(visit: &Visit, base: BaseNumber, id: &str) -> Result<Markup, Failure> {
    let filter = RawFilter {
        key: Some("audience".to_owned()),
        eq: Some(RawValue::Text(id.to_owned())),
        ..RawFilter::default()
    };
    let page = RawPage { limit: Some(MEMBERS), ..RawPage::default() };
    let list = MemberList {
        base,
        filters: vec![filter],
        search: None,
        page,
        total: false,
        ends: false,
        min_revision: None,
    };
    let found = visit.directory.list_members(list).await?;
    untaken::keep(found.room);
    let sealer = visit.directory.sealer();
    Ok(html! {
        @if found.members.is_empty() {
            p.muted { "Nobody is in it. Members enter by themselves as soon as they match its filter." }
        }
        @else {
            ul { @for (row, member) in &found.members { li { a href={ "/console/members/" (sealer.member_id(base, *row)) } { (person(member)) } } } }
            @if found.cursor.is_some() {
                p { a href={ "/console/bases/" (sealer.base_id(base)) "/members?filter=audience%3D" (id) } { "Show all of them" } }
            }
        }
    })
}

/// A filter in the JSON of the contract.
fn written(filters: &[RawFilter]) -> String {
    serde_json::to_string_pretty(&filter::shown(filters)).unwrap_or_default()
}
