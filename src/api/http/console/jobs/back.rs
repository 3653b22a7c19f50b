//! What may be done after a job has ended: taking it back, or trying again.

use maud::{Markup, html};

use crate::api::http::console::look::proof;
use crate::api::http::console::visit::Visit;
use crate::model::token::AccessLevel;
use crate::model::{Job, JobState, JobTask};

/// The way back from what a job did, or on from a job that did nothing.
pub fn way_back(visit: &Visit, job: &Job, id: &str) -> Markup {
    let who = &visit.frame.who;
    if job.revisions.is_some() {
        return html! {
            div.back {
                p {
                    strong { "Was this a mistake?" }
                    @if matches!(job.task, JobTask::Revert(_)) { " An undo can be undone too." }
                    @else { " It can be undone for as long as the history of changes is kept." }
                    @if who.may(AccessLevel::Admin) { " You first see what that would take back." }
                    @else { " Somebody with an admin token does that on this page." }
                }
                @if who.may(AccessLevel::Admin) {
                    form method="post" action={ "/console/jobs/" (id) "/undo" } {
                        (proof(visit.frame.proof))
                        button type="submit" { "Undo" }
                    }
                }
            }
        };
    }
    let is_list = matches!(job.task, JobTask::Sync(_)) && who.may(AccessLevel::Write);
    let did_nothing = matches!(job.state, JobState::Rejected | JobState::Failed | JobState::Cancelled);
    let base = visit.directory.sealer().base_id(job.base);
    html! {
        @if did_nothing {
            div.back {
                p { "Nobody was changed." @if is_list { " Mend the list if it was wrong, and upload the whole of it again." } }
                @if is_list { a.button href={ "/console/bases/" (base) "/lists/new" } { "Upload a list" } }
            }
        }
    }
}
