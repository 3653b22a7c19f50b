//! What happens with a complete plan: it is applied, it waits for somebody to approve it, or the job ends.

use std::sync::Arc;

use super::why::{difference, why};
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{
    Hold, Job, JobEnd, JobState, JobTask, ListCounts, PlanSummary, Reason, Row, RowTally, Tier, TierCounts,
};
use crate::table::{Base, Causes};

/// A complete plan. What it says about rows is stored already.
pub struct Made {
    /// What it does, and why it must be approved.
    pub summary: PlanSummary,
    /// The members that it removes, in order.
    pub removals: Vec<Row>,
    /// What its causes to wait are in detail.
    pub causes: Causes,
}

/// Whether the plan was approved, and is applied as it is: nothing was written to the memberbase since it was
/// begun, or a restore has interrupted the job while it was applied.
pub async fn is_still_approved(job: &Job, base: &Arc<Base>) -> bool {
    let (Some(plan), Some((hash, _))) = (&job.plan, &job.approved) else { return false };
    let revision = base.view().await.revision();
    *hash == plan.hash && (job.has_begun() || plan.revisions == (revision, revision))
}

/// Stores the plan, and decides.
pub async fn decide(
    work: &Work,
    job: Job,
    before: Option<(PlanSummary, Vec<Row>)>,
    made: Made,
) -> Result<(), Halt> {
    let Made { mut summary, removals, causes } = made;
    // The places of limits may change, so a plan keeps the names of their tiers.
    summary.counted.of_tiers = TierCounts::NONE;
    work.jobs().put_removals(work.base, work.number, &removals).await?;
    let is_approved = match (&job.approved, &before) {
        (Some((hash, _)), Some((plan, removed))) => {
            *hash == plan.hash && is_covered(&summary, &removals, plan, removed)
        }
        (Some(_) | None, _) => false,
    };
    // What was approved keeps its holds: they say what the guard lets pass.
    if !is_approved {
        summary.holds.extend(job.approved.map(|_| Hold::PlanChanged));
        summary.holds.extend(job.asks_first.then_some(Hold::Requested));
    }
    let difference = before.map(|(plan, _)| difference(&plan, &summary));
    let changes_nothing = changes_nothing(&summary.counts);
    let (planned_at, now_hash) = (work.table.now(), summary.hash);
    let is_useless = matches!(job.task, JobTask::Sync(_)) && every_row_fails(&summary.counts);
    let may_be_applied = is_approved || summary.holds.is_empty();
    if !job.is_dry_run && !is_useless && (may_be_applied || changes_nothing) {
        supersede(work, &job).await?;
    }
    work.change(|job| {
        job.planned_at = Some(planned_at);
        job.planned_rows = job.input.rows;
        job.end = None;
        if is_useless {
            let text = "every row of the list fails, so it is not what it should be; nobody was removed";
            job.state = JobState::Failed;
            job.end = Some(JobEnd::new(Reason::EveryRowFailed.as_str(), text));
        } else if job.is_dry_run || (changes_nothing && is_harmless(&summary)) {
            job.state = JobState::Succeeded;
            if !job.is_dry_run {
                job.done = summary.counts;
            }
        } else if may_be_applied {
            job.state = JobState::Running;
            job.approved = job.approved.map(|(_, by)| (now_hash, by));
        } else {
            job.state = JobState::Held;
            let first = summary.holds.first().copied().unwrap_or(Hold::PlanChanged);
            let message = why(&summary, &causes, difference);
            job.approved = None;
            job.end = Some(JobEnd::new(first.as_str(), message));
        }
        job.plan = Some(summary);
    })
    .await?;
    Ok(())
}

/// Whether somebody who approved the plan `before` has also approved this one: it does the same with every
/// row, removes no other members, and has no other cause to wait and no more of what the guard counts.
fn is_covered(now: &PlanSummary, removals: &[Row], before: &PlanSummary, removed: &[Row]) -> bool {
    let removes_no_others = || removals.iter().all(|row| removed.binary_search(row).is_ok());
    let does_the_same = now.hash == before.hash || (now.rows_hash == before.rows_hash && removes_no_others());
    does_the_same
        && now.holds.iter().all(|hold| before.holds.contains(hold))
        && now.counted.first_above(&before.counted).is_none()
        && now.of_tiers.iter().all(|(tier, removals)| *removals <= removals_of(before, tier))
}

/// How many members of a tier with a limit of its own a plan removes.
fn removals_of(plan: &PlanSummary, tier: &Tier) -> u64 {
    plan.of_tiers.iter().find(|(other, _)| other == tier).map_or(0, |(_, removals)| *removals)
}

/// Whether the plan changes no member.
fn changes_nothing(counts: &ListCounts) -> bool {
    let RowTally { created, updated, reactivated, .. } = counts.rows;
    created + updated + reactivated + counts.removed == 0
}

/// Whether the list has rows, and none of them can be applied.
fn every_row_fails(counts: &ListCounts) -> bool {
    counts.rows.failed > 0 && counts.rows.failed == counts.rows.rows()
}

/// Whether only the caller's wish holds the plan.
fn is_harmless(plan: &PlanSummary) -> bool {
    plan.holds.iter().all(|hold| *hold == Hold::Requested)
}

/// Ends plans of older lists of the same scope that are held, or that somebody has approved since this list
/// began: this list is newer.
pub async fn supersede(work: &Work, job: &Job) -> Result<(), Halt> {
    let JobTask::Sync(options) = &job.task else { return Ok(()) };
    let states = [JobState::Held, JobState::Pending];
    for other in work.jobs().list(work.base, Some(job.number), usize::MAX, &states).await? {
        let JobTask::Sync(older) = &other.task else { continue };
        let is_older = older.made_at(other.created_at) <= options.made_at(job.created_at);
        if older.scope != options.scope || !is_older {
            continue;
        }
        let ended = work.jobs().change(work.base, other.number, |other| {
            other.state = if other.state == JobState::Held {
                JobState::Rejected
            } else if other.state == JobState::Pending && other.approved.is_some() {
                JobState::Failed
            } else {
                return Err(());
            };
            other.end = Some(JobEnd::new("LIST_SUPERSEDED", "a newer list took its place"));
            Ok(())
        });
        drop(ended.await?);
    }
    Ok(())
}
