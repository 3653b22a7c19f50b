//! The page of a job, from top to bottom as a person decides: what it is, what it would do, whom it would
//! remove, what looks wrong, and then the buttons.

use maud::{Markup, html};

use super::back::way_back;
use super::columns::columns;
use super::events::seen;
use super::examples::{changed, failed, gone, makes_inactive, removed};
use super::plan::{done, numbers};
use super::verdict::{buttons, verdict};
use super::words::{format, goes_on, kind, state, steps, title};
use crate::api::http::console::failure::{Failure, sentence};
use crate::api::http::console::look::{Page, Place, Tab, number, progress, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::PlannedExample;
use crate::model::origin::Actor;
use crate::model::token::AccessLevel;
use crate::model::{Job, JobState, JobTask, ListCounts, RevertOf};

/// The page of a job.
pub async fn job(visit: Visit) -> Result<Answer, Failure> {
    let job = visit.directory.job(visit.id("job")).await?;
    let sealer = visit.directory.sealer();
    let (id, base_id) = (sealer.job_id(job.base, job.number), sealer.base_id(job.base));
    let base = visit.directory.get_base(job.base).await?;
    let place = Place::Base(base_id, base.settings.name.as_str().to_owned(), Tab::Lists);
    let examples = match &job.plan {
        Some(_) => visit.directory.job_examples(&job).await?,
        None => Vec::new(),
    };
    let columns = columns(&visit, &job, &id).await?;
    let of = taken_back(&visit, &job).await;
    let present = base.counts.active.saturating_add(base.counts.invited);
    let main = html! {
        div.head {
            h1 { (value(&title(&job))) }
            (state(&job))
            div.actions { (actions(&visit, &job, &id)) }
        }
        (facts(&job, of, columns))
        @if goes_on(job.state) { (under_way(&job)) }
        @if job.state.is_final() { (end(&visit, &job, &id, &examples)) }
        @if job.plan.is_some() { (plan(&visit, &job, (&id, present), &examples)) }
    };
    let mut page = Page::new(title(&job), place, main);
    if goes_on(job.state) {
        page.is_live = true;
        page.events = Some(format!("/console/jobs/{id}/events?seen={}", seen(&job)));
    }
    Ok(Answer::Page(page))
}

fn actions(visit: &Visit, job: &Job, id: &str) -> Markup {
    let who = &visit.frame.who;
    html! {
        @if goes_on(job.state) && who.may(AccessLevel::Write) {
            a.button #cancel href={ "/console/jobs/" (id) "/cancel" } { "Cancel" }
        }
    }
}

/// What this list is.
fn facts(job: &Job, of: Markup, columns: Markup) -> Markup {
    html! {
        section.card {
            p {
                (kind(job)) (of)
                @if let Some(of) = job.input.format {
                    ": " (format(of)) " with " (number(job.input.rows)) @if job.input.rows == 1 { " row" } @else { " rows" }
                }
                ". Made " (time(job.created_at)) " by " (by(job)) "."
            }
            (columns)
        }
    }
}

/// What an undo takes back, behind the word for it.
async fn taken_back(visit: &Visit, job: &Job) -> Markup {
    let JobTask::Revert(of) = &job.task else { return html! {} };
    match of {
        RevertOf::Job(number) => {
            let id = visit.directory.sealer().job_id(job.base, *number);
            let name = visit.directory.job(&id).await.ok().map(|job| title(&job));
            html! {
                ": "
                @match name {
                    Some(name) => a href={ "/console/jobs/" (id) } { (value(&name)) },
                    None => { code { (id) } " (not kept any more)" }
                }
            }
        }
        RevertOf::Revisions(first, last) => html! { ": " (number(*first)) " to " (number(*last)) },
        RevertOf::Token(token, since) => html! { ": " code { (token) } " since " (time(*since)) },
    }
}

fn by(job: &Job) -> Markup {
    html! {
        @match job.origin.actor {
            Actor::Nobody => "somebody without a token",
            Actor::Owner => "somebody with access to the data directory",
            Actor::Token(token) => { "the token " code { (token) } }
            Actor::System => "the server",
        }
    }
}

/// How far a job has come that goes on.
fn under_way(job: &Job) -> Markup {
    let what = match job.state {
        JobState::Running => "It is being applied",
        JobState::Planning => "The plan is being made; nothing is changed",
        _ => "It waits for its turn",
    };
    let (done, of) = steps(job);
    html! {
        section.card aria-live="polite" {
            p.lead { (what) "." }
            (progress(done, of))
            p.muted { (number(done)) " of " (number(of)) }
            noscript { p.small { "This page is loaded again every three seconds." } }
        }
    }
}

/// How a job ended, and the way back.
fn end(visit: &Visit, job: &Job, id: &str, examples: &[PlannedExample]) -> Markup {
    html! {
        section.card {
            p.lead {
                @match &job.end {
                    Some(end) => (value(&sentence(&end.message))),
                    None if job.is_dry_run => "It was only planned; nothing was done.",
                    None if job.revisions.is_none() => "Nothing had to be changed.",
                    None => "It was applied.",
                }
            }
            @if let Some((first, last)) = job.revisions {
                (done(&job.done, gone(job, examples), job))
                p.muted.small {
                    @if first == last { "Written as revision " (number(first)) "." }
                    @else { "Written as revisions " (number(first)) " to " (number(last)) "." }
                }
            }
            @if job.revisions.is_some() { (not_done(visit, job, id, (&job.done, examples))) }
            (way_back(visit, job, id))
        }
    }
}

/// The file of what was not done, or would not be done.
fn not_done(
    visit: &Visit,
    job: &Job,
    id: &str,
    (counts, examples): (&ListCounts, &[PlannedExample]),
) -> Markup {
    let sees_pii = visit.directory.token().is_none_or(|token| token.pii);
    let has_rows = job.input.format.is_some();
    let is_any = counts.rows.failed > 0 || (!has_rows && (counts.spared > 0 || makes_inactive(examples)));
    html! {
        @if is_any {
            p {
                @if has_rows && !sees_pii { span.muted.small { "A token that sees personal data can download the failed rows." } }
                @else {
                    a href={ "/console/jobs/" (id) "/failed.csv" } {
                        @if has_rows { "Download the failed rows (CSV)" } @else { "Download what stays as it is (CSV)" }
                    }
                    @if has_rows { span.muted.small { " Each with its reason. Mend them in the list, and upload the whole list again." } }
                }
            }
        }
    }
}

fn plan(visit: &Visit, job: &Job, (id, present): (&str, u64), examples: &[PlannedExample]) -> Markup {
    let Some(plan) = &job.plan else { return html! {} };
    let is_held = job.state == JobState::Held;
    html! {
        section.card.held[is_held] aria-labelledby="plan" {
            h2 #plan { @if is_held { "What it would do" } @else { "What was planned" } }
            (numbers(&plan.counts, gone(job, examples), job))
            (removed(visit, job, examples, plan.counts.removed))
            (changed(visit, job, examples))
            (failed(visit, job, examples))
            @if job.revisions.is_none() { (not_done(visit, job, id, (&plan.counts, examples))) }
            @if is_held { (verdict(job, plan)) (buttons(visit, job, plan, (id, present))) }
        }
    }
}
