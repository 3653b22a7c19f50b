//! Activating a member, offboarding it after a question, and bringing it back.

use maud::{Markup, html};

use super::list::status;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, Tab, done, person, proof, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{MemberChanges, RawPage, Selector, Upsert, WriteMode};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Edit, MatchBy, Member, MemberRow, Row, Status, UpsertOptions};

/// Changes that are looked through for the status that a member had.
const CHANGES: i64 = 20;

/// What may be done to a member, as buttons.
pub fn actions(visit: &Visit, member: &Member, id: &str, before: Option<Status>) -> Markup {
    html! {
        @if visit.frame.who.may(AccessLevel::Write) {
            div.row {
                @if member.status == Status::Invited { (form(visit, member, id, "activate", &html! { button type="submit" { "Activate" } })) }
                @if member.status == Status::Inactive { (bring_back(visit, member, id, before)) }
                @else { a.button.removes href={ "/console/members/" (id) "/offboard" } { "Offboard" } }
            }
        }
    }
}

/// A form that changes the member as the page shows it.
fn form(visit: &Visit, member: &Member, id: &str, to: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action={ "/console/members/" (id) "/" (to) } {
            (proof(visit.frame.proof))
            input type="hidden" name="revision" value=(member.revision);
            (fields)
        }
    }
}

fn bring_back(visit: &Visit, member: &Member, id: &str, before: Option<Status>) -> Markup {
    let fields = html! {
        @if let Some(before) = before { input type="hidden" name="status" value=(before.as_str()); }
        button type="submit" { "Bring back" @if let Some(before) = before { " as " (before.as_str()) } }
    };
    form(visit, member, id, "bring-back", &fields)
}

/// What was done to the member a moment ago, and the way back.
pub fn just_done(visit: &Visit, member: &Member, id: &str) -> Markup {
    match (visit.sent("done"), member.status) {
        ("offboard", Status::Inactive) => done(&html! {
            p {
                strong { (person(member)) " was offboarded." }
                " Nothing was deleted. If it was a mistake, " q { "Bring back" } " takes it back."
            }
        }),
        ("bring-back", Status::Active | Status::Invited) => done(&html! {
            p { strong { (person(member)) " is back." } " To take that back, " a href={ "/console/members/" (id) "/offboard" } { "offboard them again" } "." }
        }),
        ("activate", Status::Active) => done(&html! { p { strong { (person(member)) " is active now." } } }),
        _ => html! {},
    }
}

/// The status that an inactive member had before; `None` if it is not known.
pub async fn before_offboarding(visit: &Visit, member: &Member, id: &str) -> Result<Option<Status>, Failure> {
    if member.status != Status::Inactive {
        return Ok(None);
    }
    let page = RawPage { limit: Some(CHANGES), ..RawPage::default() };
    let selector = Selector::Id(id.to_owned());
    let found =
        visit.directory.list_member_changes(MemberChanges { selector, page, min_revision: None }).await?;
    crate::api::untaken::keep(found.room);
    let of_status =
        found.changes.iter().flat_map(|change| &change.fields).find(|field| field.field == "status");
    let before =
        of_status.and_then(|field| field.before.as_deref()).and_then(|text| Status::parse(text).ok());
    Ok(before.filter(|status| *status != Status::Inactive))
}

/// Asks whether a member is really to be offboarded.
pub async fn ask(visit: Visit) -> Result<Answer, Failure> {
    if visit.id("change") != "offboard" {
        return Err(Failure::no_page());
    }
    let selector = Selector::Id(visit.id("member").to_owned());
    let (base, row, member, _) = visit.directory.get_member(selector, None).await?;
    let sealer = visit.directory.sealer();
    let (id, base_id) = (sealer.member_id(base, row), sealer.base_id(base));
    let name = visit.directory.get_base(base).await?.settings.name.as_str().to_owned();
    let may = visit.frame.who.may(AccessLevel::Write);
    let page = format!("/console/members/{id}");
    let profile = &member.profile;
    let email = profile.email.as_ref().map(|email| email.as_str().to_owned());
    let main = html! {
        h1 { "Offboard " (person(&member)) "?" }
        section.card.held {
            dl.fields {
                dt { "Who" } dd { (person(&member)) " " (status(member.status)) }
                @if let Some(email) = &email { dt { "E-mail" } dd { (value(email)) } }
                @if let Some(key) = &profile.ref_ { dt { "Ref" } dd { (value(key.as_str())) } }
                @if let Some(key) = &profile.worker_id { dt { "Worker id" } dd { (value(key.as_str())) } }
                dt { "Of" } dd { (value(&name)) }
            }
            p {
                "One member becomes inactive. It keeps its data, its records and its history, and its page will have a "
                "button that brings it back."
            }
            @if member.status == Status::Inactive { p { strong { "This member is inactive already." } } }
            @else if !may { p.muted { "Your token may only read; somebody else decides." } }
            div.row {
                @if may && member.status != Status::Inactive {
                    (form(&visit, &member, &id, "offboard", &html! { button.removes type="submit" { "Offboard " (person(&member)) } }))
                }
                a.button href=(page) { "Back, and change nothing" }
            }
        }
    };
    let place = Place::Base(base_id, name, Tab::Members);
    Ok(Answer::Page(Page::new("Offboard a member", place, main)))
}

/// Activates, offboards or brings back a member, unless somebody changed it since the page was loaded.
pub async fn change(visit: Visit) -> Result<Answer, Failure> {
    let selector = || Selector::Id(visit.id("member").to_owned());
    let revision: u64 =
        visit.sent("revision").parse().map_err(|_| Failure::form("The revision is missing."))?;
    let edit = match visit.id("change") {
        "activate" => Some(Edit::Activate),
        "offboard" => Some(Edit::Offboard),
        "bring-back" => None,
        _ => return Err(Failure::no_page()),
    };
    let (base, row, ..) = visit.directory.get_member(selector(), None).await?;
    match edit {
        Some(edit) => drop(visit.directory.change_member(selector(), edit, Some(revision), None).await?),
        None => revive(&visit, base, row, revision).await?,
    }
    let id = visit.directory.sealer().member_id(base, row);
    Ok(Answer::See(format!("/console/members/{id}?done={}", visit.id("change"))))
}

/// Brings back an inactive member: a row that says nothing but who it is, and the status that it had.
async fn revive(visit: &Visit, base: BaseNumber, row: Row, revision: u64) -> Result<(), Failure> {
    let status = match visit.given("status") {
        None => None,
        Some(text) => Some(Status::parse(&text).map_err(|_| Failure::form("There is no such status."))?),
    };
    let found =
        MemberRow { status, found_by_id: Some(row), if_revision: Some(revision), ..MemberRow::default() };
    let options = UpsertOptions { match_by: MatchBy::Id, reactivate: true, ..UpsertOptions::default() };
    let upsert = Upsert { rows: vec![Ok(found)], options, mode: WriteMode::Atomic, deadline: None };
    let reply = visit.directory.bulk_upsert(base, upsert).await?;
    match reply.outcomes.into_iter().find_map(|outcome| outcome.error) {
        Some(error) => Err(Failure::from(*error)),
        None => Ok(()),
    }
}
