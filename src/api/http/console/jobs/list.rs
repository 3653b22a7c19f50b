//! The jobs of a memberbase.

use maud::{Markup, html};

use super::words::{kind, state, title};
use crate::api::http::console::bases::at;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Tab, empty, number, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::model::token::AccessLevel;
use crate::model::{Job, JobState, ListCounts, Sealer};

/// Jobs on one page.
const LIMIT: i64 = 50;

/// The jobs of a memberbase, newest first.
pub async fn jobs(visit: Visit) -> Result<Answer, Failure> {
    let (base, place) = at(&visit, Tab::Lists).await?;
    let sealer = visit.directory.sealer();
    let id = sealer.base_id(base.number);
    let states: &[JobState] = if visit.sent("show") == "held" { &[JobState::Held] } else { &[] };
    let cursor = visit.given("cursor");
    let found = visit.directory.list_jobs(base.number, states, Some(LIMIT), cursor.as_deref()).await?;
    let address = format!("/console/bases/{id}/jobs");
    let here = |is_here: bool| is_here.then_some("page");
    let main = html! {
        div.head {
            h1 { "Lists and jobs" }
            @if visit.frame.who.may(AccessLevel::Write) {
                div.actions { a.button.main href={ "/console/bases/" (id) "/lists/new" } { "Upload a list" } }
            }
        }
        nav.tabs aria-label="Which jobs" {
            a href=(address) aria-current=[here(states.is_empty())] { "All" }
            a href={ (address) "?show=held" } aria-current=[here(!states.is_empty())] { "Waiting for approval" }
        }
        @if found.jobs.is_empty() {
            @if states.is_empty() {
                (empty("There are no jobs yet.", html! {
                    p { "Upload a list to see what it would do before anything is done, or send one with "
                        code { "memberbase sync FILE --base " (id) } "." }
                }))
            } @else {
                (empty("Nothing waits for approval.", html! {
                    p { "A list that is uploaded here waits until somebody approves its plan, and so does every job that the guard holds." }
                    a.button href=(address) { "Show all jobs" }
                }))
            }
        } @else { (table(&found.jobs, sealer)) }
        @if let Some(cursor) = &found.cursor {
            p.pages {
                a.button href={ (address) "?cursor=" (cursor) @if !states.is_empty() { "&show=held" } } rel="next" { "Older jobs" }
            }
        }
    };
    Ok(Answer::Page(Page::new("Lists and jobs", place, main)))
}

fn table(jobs: &[Job], sealer: &Sealer) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label="Jobs" {
            table {
                thead {
                    tr {
                        th scope="col" { "Job" } th scope="col" { "State" } th.number scope="col" { "New" }
                        th.number scope="col" { "Changed" } th.number scope="col" { "Removed" }
                        th.number scope="col" { "Failed" } th scope="col" { "Made" }
                    }
                }
                tbody {
                    @for job in jobs {
                        @let counts = counts(job);
                        tr {
                            th scope="row" {
                                a href={ "/console/jobs/" (sealer.job_id(job.base, job.number)) } { div.clip { (value(&title(job))) } }
                                @if !job.name.is_empty() { span.muted.small { (kind(job)) } }
                            }
                            td { (state(job)) }
                            td.number { (number(counts.rows.created)) }
                            td.number { (number(counts.rows.updated + counts.rows.reactivated)) }
                            td.number { @if counts.removed > 0 { span.remove { (number(counts.removed)) } } @else { "0" } }
                            td.number { (number(counts.rows.failed)) }
                            td { (time(job.created_at)) }
                        }
                    }
                }
            }
        }
    }
}

/// What a job did, or would do.
pub(super) fn counts(job: &Job) -> ListCounts {
    let has_ended = job.state.is_final() && !job.is_dry_run && job.state != JobState::Rejected;
    if has_ended { job.done } else { job.plan.as_ref().map(|plan| plan.counts).unwrap_or_default() }
}
