//! What happens with a complete plan: it is applied, it waits for somebody to approve it, or the job ends.

use std::sync::Arc;

use crate::directory::jobs::work::{Halt, Work};
use crate::model::words::count;
use crate::model::{
    GuardKind, Hold, Job, JobEnd, JobState, JobTask, ListCounts, PlanSummary, Reason, Row, RowTally, Tier,
    TierCounts,
};
use crate::table::Base;

/// A complete plan. What it says about rows is stored already.
pub struct Made {
    /// What it does, and why it must be approved.
    pub summary: PlanSummary,
    /// The members that it removes, in order.
    pub removals: Vec<Row>,
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
    let Made { mut summary, removals } = made;
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
            let message = match (first == Hold::PlanChanged, &difference) {
                (true, Some(difference)) => difference.clone(),
                _ => message(first, &summary),
            };
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

fn message(hold: Hold, plan: &PlanSummary) -> String {
    let (removed, would_remove) = (plan.counts.removed, plan.counted.removals);
    match hold {
        Hold::Removals => {
            let of_tiers: Vec<String> = plan
                .of_tiers
                .iter()
                .map(|(tier, removals)| format!("{removals} of the tier {:?}", tier.as_str()))
                .collect();
            let of_tiers =
                if of_tiers.is_empty() { String::new() } else { format!(", {}", of_tiers.join(", ")) };
            format!(
                "it would remove {would_remove} members{of_tiers}, which is over the limit of the memberbase"
            )
        }
        Hold::Changes => {
            let kinds = GuardKind::ALL.into_iter().filter(|kind| *kind != GuardKind::Removals);
            let kinds = kinds.map(|kind| (kind, plan.counted.get(kind))).filter(|(_, members)| *members > 0);
            let words: Vec<String> = kinds
                .map(|(kind, members)| format!("{} {}", kind.action(), count(members, "member")))
                .collect();
            format!("it would {}, more than the memberbase allows within 24 hours", words.join(", and "))
        }
        Hold::UnreadableRows => format!(
            "it would remove {removed} members, although the key of {} cannot be read: these rows may be the \
             members that seem to be missing",
            count(plan.unreadable, "row")
        ),
        Hold::HiddenRows => format!(
            "it would remove {}, although rows of the sheet are hidden: they were not read, and may be the members \
             that seem to be missing",
            count(removed, "member")
        ),
        Hold::EmptyList => format!("the list is empty, and {removed} members would be removed"),
        Hold::Everybody => format!("it would remove all {would_remove} members"),
        Hold::PlanChanged => "the plan differs from the one that was approved".to_owned(),
        Hold::StoreRestored => "the store was restored while the job was running".to_owned(),
        Hold::Requested => "nobody has approved it yet".to_owned(),
    }
}

/// How a plan differs from the one that was approved.
fn difference(before: &PlanSummary, after: &PlanSummary) -> String {
    let numbers = |plan: &PlanSummary| {
        let RowTally { created, updated, reactivated, unchanged, failed } = plan.counts.rows;
        [
            ("added", created),
            ("updated", updated),
            ("reactivated", reactivated),
            ("unchanged", unchanged),
            ("failed", failed),
            ("removed", plan.counts.removed),
        ]
    };
    let changed: Vec<String> = numbers(before)
        .into_iter()
        .zip(numbers(after))
        .filter(|(before, after)| before != after)
        .map(|((word, before), (_, after))| format!("{word} {before} before, {after} now"))
        .collect();
    if changed.is_empty() {
        return "the memberbase has changed, and the plan concerns other members now".to_owned();
    }
    format!("the memberbase has changed, and so has the plan: {}", changed.join("; "))
}

/// Ends held plans of older lists of the same scope: this list is newer.
pub async fn supersede(work: &Work, job: &Job) -> Result<(), Halt> {
    let JobTask::Sync(options) = &job.task else { return Ok(()) };
    let held = work.jobs().list(work.base, Some(job.number), usize::MAX, &[JobState::Held]).await?;
    for other in held {
        let JobTask::Sync(older) = &other.task else { continue };
        if older.scope != options.scope {
            continue;
        }
        let ended = work.jobs().change(work.base, other.number, |other| {
            if other.state != JobState::Held {
                return Err(());
            }
            other.state = JobState::Rejected;
            other.end = Some(JobEnd::new("LIST_SUPERSEDED", "a newer list took its place"));
            Ok(())
        });
        drop(ended.await?);
    }
    Ok(())
}
