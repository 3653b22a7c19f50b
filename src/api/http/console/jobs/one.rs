//! The page of a job, from top to bottom as a person decides: what it is, what it would do, whom it would
//! remove, what looks wrong, and then the buttons.

use maud::{Markup, html};

use super::columns::columns;
use super::events::seen;
use super::examples::{changed, failed, removed};
use super::plan::{done, numbers};
use super::verdict::{buttons, verdict};
use super::words::{format, goes_on, kind, state, title};
use crate::api::http::console::failure::{Failure, sentence};
use crate::api::http::console::look::{Page, Place, Tab, number, progress, proof, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::PlannedExample;
use crate::model::origin::Actor;
use crate::model::token::AccessLevel;
use crate::model::{Job, JobState};

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
    let main = html! {
        div.head {
            h1 { (value(&title(&job))) }
            (state(&job))
            div.actions { (actions(&visit, &job, &id)) }
        }
        (facts(&job, columns))
        @if goes_on(job.state) { (under_way(&job)) }
        @if job.state.is_final() { (end(&job)) }
        @if job.plan.is_some() { (plan(&visit, &job, &id, &examples)) }
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
            form method="post" action={ "/console/jobs/" (id) "/cancel" } {
                (proof(visit.frame.proof))
                button type="submit" { "Cancel" }
            }
        }
        @if job.state.is_final() && job.revisions.is_some() && who.may(AccessLevel::Admin) {
            form method="post" action={ "/console/jobs/" (id) "/undo" } {
                (proof(visit.frame.proof))
                button type="submit" { "Undo" }
            }
        }
    }
}

/// What this list is.
fn facts(job: &Job, columns: Markup) -> Markup {
    html! {
        section.card {
            p {
                (kind(job))
                @if let Some(of) = job.input.format {
                    ": " (format(of)) " with " (number(job.input.rows)) @if job.input.rows == 1 { " row" } @else { " rows" }
                }
                ". Made " (time(job.created_at)) " by " (by(job)) "."
            }
            (columns)
        }
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
    let (what, done, of) = match job.state {
        JobState::Running => {
            let removals = job.plan.as_ref().map_or(0, |plan| plan.counts.removed);
            ("It is being applied", job.cursor.row + job.cursor.removal, job.rows() + removals)
        }
        JobState::Planning => ("The plan is being made; nothing is changed", job.planned_rows, job.rows()),
        _ => ("It waits for its turn", 0, job.rows()),
    };
    html! {
        section.card aria-live="polite" {
            p.lead { (what) "." }
            (progress(done, of))
            p.muted { (number(done)) " of " (number(of)) }
            noscript { p.small { "This page is loaded again every three seconds." } }
        }
    }
}

/// How a job ended.
fn end(job: &Job) -> Markup {
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
                (done(&job.done))
                p.muted.small {
                    @if first == last { "Written as revision " (number(first)) "." }
                    @else { "Written as revisions " (number(first)) " to " (number(last)) "." }
                }
            }
        }
    }
}

fn plan(visit: &Visit, job: &Job, id: &str, examples: &[PlannedExample]) -> Markup {
    let Some(plan) = &job.plan else { return html! {} };
    let is_held = job.state == JobState::Held;
    let sees_pii = visit.directory.token().is_none_or(|token| token.pii);
    html! {
        section.card.held[is_held] aria-labelledby="plan" {
            h2 #plan { @if is_held { "What it would do" } @else { "What was planned" } }
            (numbers(&plan.counts))
            (removed(visit, job, examples, plan.counts.removed))
            (changed(visit, job, examples))
            (failed(job, examples))
            @if plan.counts.rows.failed > 0 && job.input.format.is_some() {
                p {
                    @if sees_pii { a href={ "/console/jobs/" (id) "/failed.csv" } { "Download the failed rows (CSV)" } }
                    @else { span.muted.small { "A token that sees personal data can download the failed rows." } }
                }
            }
            @if is_held { (verdict(job, plan)) (buttons(visit, job, plan, id)) }
        }
    }
}
