//! Activating a member, offboarding it after a question, and bringing it back.

use http::StatusCode;
use maud::{Markup, html};

use super::list::status as shown_status;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, Tab, done, person, proof, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{Directory, Error, Expected, MemberChanges, RawPage, Selector, Upsert, WriteMode};
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Edit, GuardExpectation, MatchBy, Member, MemberRow, Reason, Row, Status, UpsertOptions,
};

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
                dt { "Who" } dd { (person(&member)) " " (shown_status(member.status)) }
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
    // An admin who was asked about this one member knows what they do. From others the guard takes no number.
    let expect = match edit {
        Some(_) => GuardExpectation::of_removals(Some(1)),
        None => GuardExpectation { reactivations: Some(1), ..GuardExpectation::default() },
    };
    let directory = visit.directory.clone().expecting(Expected::changes(expect));
    let done = match edit {
        Some(edit) => directory.change_member(selector(), edit, Some(revision), None).await.map(drop),
        None => revive(&directory, (base, row), revision, status(&visit)?).await,
    };
    done.map_err(refused)?;
    let id = visit.directory.sealer().member_id(base, row);
    Ok(Answer::See(format!("/console/members/{id}?done={}", visit.id("change"))))
}

/// The status that the form says, if it says one.
fn status(visit: &Visit) -> Result<Option<Status>, Failure> {
    let status = visit.given("status").map(|text| Status::parse(&text));
    status.transpose().map_err(|_| Failure::form("There is no such status."))
}

/// Brings back an inactive member: a row that says nothing but who it is, and the status that it had.
async fn revive(
    directory: &Directory,
    (base, row): (BaseNumber, Row),
    revision: u64,
    status: Option<Status>,
) -> Result<(), Error> {
    let found =
        MemberRow { status, found_by_id: Some(row), if_revision: Some(revision), ..MemberRow::default() };
    let options = UpsertOptions { match_by: MatchBy::Id, reactivate: true, ..UpsertOptions::default() };
    let upsert = Upsert { rows: vec![Ok(found)], options, mode: WriteMode::Atomic, deadline: None };
    let reply = directory.bulk_upsert(base, upsert).await?;
    let error = reply.outcomes.into_iter().find_map(|outcome| outcome.error);
    error.map_or(Ok(()), |error| Err(Error::from(*error)))
}

/// The failure of a change. What the guard says is for programs.
fn refused(error: Error) -> Failure {
    if !matches!(error.reason(), Reason::RemovalGuard | Reason::ChangeGuard) {
        return error.into();
    }
    let message = "Nothing was done. So many members were removed or brought back within 24 hours that the memberbase \
                   allows no more without an admin. Somebody with an admin token can do this here.";
    Failure::plain(StatusCode::CONFLICT, error.reason().as_str(), message)
}
