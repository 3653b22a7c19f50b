//! Cancelling a job that goes on, after a question: what it has applied stays.

use maud::{Markup, html};

use super::words::{goes_on, state, steps, title};
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, Tab, number, proof, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::model::session::FormProof;
use crate::model::token::AccessLevel;
use crate::model::{Job, JobState};

/// Asks whether a job is really to be cancelled.
pub async fn ask(visit: Visit) -> Result<Answer, Failure> {
    let job = visit.directory.job(visit.id("job")).await?;
    let sealer = visit.directory.sealer();
    let (id, base_id) = (sealer.job_id(job.base, job.number), sealer.base_id(job.base));
    let name = visit.directory.get_base(job.base).await?.settings.name.as_str().to_owned();
    let may = visit.frame.who.may(AccessLevel::Write);
    let main = question(&job, &id, may.then_some(visit.frame.proof));
    Ok(Answer::Page(Page::new("Cancel a job", Place::Base(base_id, name, Tab::Lists), main)))
}

/// Ends a job that goes on.
pub async fn cancel(visit: Visit) -> Result<Answer, Failure> {
    let job = visit.directory.cancel_job(visit.id("job")).await?;
    Ok(Answer::See(format!("/console/jobs/{}", visit.directory.sealer().job_id(job.base, job.number))))
}

/// What cancelling would do now, and the button for it, if there is a proof that it may be sent with.
fn question(job: &Job, id: &str, proven: Option<FormProof>) -> Markup {
    let goes_on = goes_on(job.state);
    html! {
        h1 { "Cancel " (value(&title(job))) "?" }
        section.card.held {
            p { (state(job)) }
            @if !goes_on { p { strong { "It does not go on, so there is nothing to cancel." } } }
            @else if job.state == JobState::Running { (half_done(job)) }
            @else { p { "Nobody has been changed yet, and nobody will be. To do it after all, start it again." } }
            @if goes_on && proven.is_none() { p.muted { "Your token may only read; somebody else decides." } }
            div.row {
                @if goes_on && let Some(proven) = proven {
                    form method="post" action={ "/console/jobs/" (id) "/cancel" } {
                        (proof(proven))
                        button type="submit" { "Cancel this job" }
                    }
                }
                a.button href={ "/console/jobs/" (id) } { "Back" @if goes_on { ", and let it go on" } }
            }
        }
    }
}

/// What stays of a job that is being applied.
fn half_done(job: &Job) -> Markup {
    let (done, of) = steps(job);
    html! {
        p {
            "It is being applied: " strong { (number(done)) } " of " (number(of)) " steps were done when this page was made. "
            "What is done stays, and the rest is not done, so its members are changed in part."
        }
        p { "It cannot be continued. What was done can be undone on the page of the job." }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BaseNumber, CursorKey, Timestamp, job_samples};

    fn asked(state: JobState, proven: Option<FormProof>) -> String {
        let mut job = Job { state, ..job_samples::job(BaseNumber(1), Timestamp::from_micros(1)) };
        (job.input.rows, job.cursor.row) = (1_200, 1_001);
        question(&job, "job_1", proven).into_string()
    }

    #[test]
    fn it_says_what_stays_and_asks_only_about_a_job_that_goes_on() {
        const FORM: &str = "action=\"/console/jobs/job_1/cancel\"";
        let proven = Some(FormProof::of(&CursorKey([9; 16]), None));
        for (state, words) in [
            (JobState::Pending, "Nobody has been changed yet"),
            (JobState::Planning, "Nobody has been changed yet"),
            (JobState::Running, "<strong>1,001</strong> of 1,200 steps"),
        ] {
            let page = asked(state, proven);
            assert!(page.contains(words) && page.contains(FORM), "{state:?}: {page}");
            let page = asked(state, None);
            assert!(page.contains(words) && page.contains("may only read"), "{state:?}: {page}");
            assert!(!page.contains("<form"), "{state:?}: {page}");
        }
        for state in [JobState::Held, JobState::Succeeded, JobState::Failed, JobState::Cancelled] {
            let page = asked(state, proven);
            assert!(page.contains("nothing to cancel") && !page.contains("<form"), "{state:?}: {page}");
        }
    }
}
