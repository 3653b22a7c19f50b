//! The guard's verdict in words, and the two buttons.

use maud::{Markup, html};

use super::words::{hold, is_warning, removal};
use crate::api::http::console::failure::sentence;
use crate::api::http::console::look::{number, proof};
use crate::api::http::console::visit::Visit;
use crate::model::token::AccessLevel;
use crate::model::words::count;
use crate::model::{GuardKind, Hold, Job, JobTask, PlanSummary};

/// Why the plan waits.
pub fn verdict(job: &Job, plan: &PlanSummary) -> Markup {
    let warnings: Vec<Hold> = plan.holds.iter().copied().filter(|hold| is_warning(*hold)).collect();
    if warnings.is_empty() {
        let what = if matches!(job.task, JobTask::Revert(_)) { "an undo" } else { "a list" };
        return html! {
            div.verdict { p { "The guard has nothing against this plan. It waits because " (what) " from the console always does." } }
        };
    }
    let said = job.end.as_ref().filter(|_| warnings.first() == plan.holds.first());
    let counted = GuardKind::ALL.into_iter().map(|kind| (kind, plan.counted.get(kind)));
    let counted: Vec<String> = counted
        .filter(|(_, members)| *members > 0)
        .map(|(kind, members)| format!("{} {}", kind.action(), count(members, "member")))
        .collect();
    let (day, week) = plan.removed_young;
    html! {
        div.verdict.danger role="note" {
            p { strong { "Look at this before you decide." } }
            @if let Some(end) = said { p { (sentence(&end.message)) } }
            @for warning in &warnings { p { (hold(*warning)) } }
            @if !counted.is_empty() { p.small { "What the guard counts: it would " (counted.join(", ")) "." } }
            @if week > 0 {
                p.small {
                    "Of those whom it removes, " (number(week)) " were added within the last seven days"
                    @if day > 0 { ", " (number(day)) " of them within the last day" } "."
                }
            }
        }
    }
}

/// The buttons that say what they do. Whoever removes members first says so: `present` members are there now.
pub fn buttons(visit: &Visit, job: &Job, plan: &PlanSummary, (id, present): (&str, u64)) -> Markup {
    let who = &visit.frame.who;
    let rows = plan.counts.rows;
    let members = rows.created + rows.updated + rows.reactivated + plan.counts.removed;
    let needs_admin =
        matches!(job.task, JobTask::Revert(_)) || plan.holds.iter().any(|hold| *hold != Hold::Requested);
    let may_apply = who.may(if needs_admin { AccessLevel::Admin } else { AccessLevel::Write });
    let (removes, words) = (plan.counts.removed > 0, removal(job));
    let apply = format!("Apply to {} {}", number(members), if members == 1 { "member" } else { "members" });
    html! {
        @if !who.may(AccessLevel::Write) { p.muted { "Your token may only read; somebody else decides." } }
        @else {
            div.row {
                @if may_apply {
                    form.stack method="post" action={ "/console/jobs/" (id) "/approve" } {
                        (proof(visit.frame.proof))
                        input type="hidden" name="plan" value=(plan.hash);
                        @if removes {
                            label.choice {
                                input #sure type="checkbox" name="sure" value="yes" required;
                                "I have looked at who is " (words.done) ": " strong { (number(plan.counts.removed)) }
                                " of " (number(present)) @if present == 1 { " member" } @else { " members" }
                            }
                        }
                        button.main[!removes].removes[removes] type="submit" {
                            (apply) @if removes { ", " (words.doing) " " (number(plan.counts.removed)) }
                        }
                    }
                }
                form method="post" action={ "/console/jobs/" (id) "/reject" } {
                    (proof(visit.frame.proof))
                    button type="submit" { "Reject" }
                }
            }
            @if !may_apply { p.muted { "Only somebody with an admin token can approve this plan." } }
        }
    }
}
