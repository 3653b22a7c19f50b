//! A job and its plan as text.

use std::fmt::Write;

use crate::api::grpc::v1;
use crate::cli::output::{printable, quoted};
use crate::model::words;

/// How many examples of each kind are shown.
const EXAMPLES: usize = 5;

/// A state in a word.
pub fn state_word(state: v1::JobState) -> &'static str {
    match state {
        v1::JobState::Unspecified => "unknown",
        v1::JobState::Pending => "waiting",
        v1::JobState::Planning => "planning",
        v1::JobState::Held => "held",
        v1::JobState::Running => "applying",
        v1::JobState::Succeeded => "succeeded",
        v1::JobState::Failed => "failed",
        v1::JobState::Rejected => "rejected",
        v1::JobState::Cancelled => "cancelled",
    }
}

/// What a job does, in a word.
fn kind_word(kind: v1::JobKind) -> &'static str {
    match kind {
        v1::JobKind::Unspecified => "unknown",
        v1::JobKind::Sync => "sync",
        v1::JobKind::Batch => "batch",
        v1::JobKind::DeleteByFilter => "delete",
        v1::JobKind::Revert => "revert",
    }
}

/// One line: the id, the state, and what was done or would be.
pub fn summary(job: &v1::Job) -> String {
    format!("{} {}", job.id, progress(job))
}

/// The same, after the id also the time when the job was created (UTC), and its kind.
pub fn listed(job: &v1::Job) -> String {
    let created = job.created_at.map(|time| prost_types::Timestamp { nanos: 0, ..time }).unwrap_or_default();
    format!("{} {created} {} {}", job.id, kind_word(job.kind()), progress(job))
}

fn progress(job: &v1::Job) -> String {
    let mut text = state_word(job.state()).to_owned();
    if !job.name.is_empty() {
        let _ = write!(text, " {:?}", job.name);
    }
    let has_written = job.applied.is_some_and(|applied| applied != v1::JobCounts::default());
    // A rejected job has written something if the store was restored to a moment in the middle of it.
    let is_rejected = job.state() == v1::JobState::Rejected && !has_written;
    let is_planned = job.dry_run || is_rejected || job.state() == v1::JobState::Held;
    let planned = job.plan.as_ref().and_then(|plan| plan.counts);
    let (counts, what) = if is_planned { (planned, "planned") } else { (job.applied, "done") };
    if let Some(counts) = counts.filter(|counts| *counts != v1::JobCounts::default()) {
        let parts: Vec<String> = parts(&counts, job).map(|(count, word)| format!("{count} {word}")).collect();
        let _ = write!(text, "; {what}: {}", parts.join(", "));
    }
    if !job.reason.is_empty() {
        let _ = write!(text, "; {}: {}", job.reason, job.message);
    }
    text
}

/// The plan as a short table, with examples.
pub fn plan(job: &v1::Job) -> String {
    let mut text = String::new();
    let Some(plan) = &job.plan else { return text };
    let counts = plan.counts.unwrap_or_default();
    for (count, word) in parts(&counts, job) {
        let _ = writeln!(text, "{count:>12}  {word}");
        let examples = plan.examples.iter().filter(|example| word_of(example, job) == word);
        // A row that changes nothing has nothing to show.
        for example in
            examples.filter(|example| word != "unchanged" || !example.key.is_empty()).take(EXAMPLES)
        {
            let _ = writeln!(text, "                {}", describe(example));
        }
    }
    for v1::GuardTierCount { tier, removals } in &plan.removals_of_tiers {
        let members = words::count(*removals, "member");
        let _ = writeln!(text, "Of the tier {}, {members} would be removed.", quoted(tier));
    }
    if plan.unreadable > 0 {
        let rows = words::some(plan.unreadable, ["row fails and does", "rows fail and do"]);
        let _ = writeln!(text, "{rows} not say clearly whose it is, so it may be any member's.");
    }
    if plan.removed_within_week > 0 {
        let (week, day) = (plan.removed_within_week, plan.removed_within_day);
        let _ = writeln!(
            text,
            "Of the members to be removed, {} created within a week, {day} within a day.",
            words::some(week, ["was", "were"])
        );
    }
    let held = match (job.state(), job.dry_run) {
        (v1::JobState::Held, _) => "Held",
        (_, true) => "Would be held",
        // It was approved, or has ended otherwise.
        (_, false) => "",
    };
    for hold in plan.holds.iter().filter(|_| !held.is_empty()) {
        // What the job says of its first cause has the numbers.
        let said = if *hold == job.reason { format!("{}.", job.message) } else { reason(hold).to_owned() };
        let _ = writeln!(text, "{held}: {said}");
    }
    let _ = writeln!(text, "Plan {}", plan.hash);
    text
}

/// Why a plan is held, in a sentence.
fn reason(hold: &str) -> &str {
    match hold {
        "REMOVAL_GUARD" => "it removes more members than the memberbase allows within 24 hours.",
        "CHANGE_GUARD" => "it changes more than the memberbase allows within 24 hours.",
        "UNREADABLE_ROWS" => {
            "it removes members, although some rows fail and do not say clearly whose they are."
        }
        "EMPTY_LIST" => "the list is empty.",
        "EVERYBODY_REMOVED" => "it removes all members.",
        "PLAN_CHANGED" => "it differs from the plan that was approved.",
        "STORE_RESTORED" => "the store was restored from a backup.",
        "APPROVAL_REQUESTED" => "nobody has approved it yet.",
        "HIDDEN_ROWS" => "it removes members, although rows of the sheet are hidden and were not read.",
        other => other,
    }
}

/// What a job does with members whom it removes, in a word or two. A revert deletes those whom it finds
/// added, or makes them inactive and says why.
fn removed_word(job: &v1::Job) -> &'static str {
    let mut examples = job.plan.iter().flat_map(|plan| &plan.examples);
    match job.kind() {
        v1::JobKind::Revert if examples.any(|example| example.removed && example.error.is_some()) => {
            "deleted or made inactive"
        }
        v1::JobKind::Revert | v1::JobKind::DeleteByFilter => "deleted",
        v1::JobKind::Unspecified | v1::JobKind::Sync | v1::JobKind::Batch => "removed",
    }
}

/// What a job does with members whom it creates. A revert creates nobody: it brings deleted members back.
fn created_word(job: &v1::Job) -> &'static str {
    if job.kind() == v1::JobKind::Revert { "undeleted" } else { "added" }
}

/// The counts that are not 0, with their words, in the order in which they are shown.
fn parts(counts: &v1::JobCounts, job: &v1::Job) -> impl Iterator<Item = (u64, &'static str)> {
    let parts = [
        (counts.created, created_word(job)),
        (counts.updated, "updated"),
        (counts.reactivated, "reactivated"),
        (counts.unchanged, "unchanged"),
        (counts.failed, "failed"),
        (counts.removed, removed_word(job)),
        (counts.newer, "newer than the list"),
        (counts.out_of_scope, "out of scope"),
        (counts.not_judged, "not judged"),
        (counts.spared, "spared"),
    ];
    parts.into_iter().filter(|(count, _)| *count > 0)
}

fn word_of(example: &v1::JobExample, job: &v1::Job) -> &'static str {
    match example.outcome() {
        _ if example.removed => removed_word(job),
        v1::Outcome::Created => created_word(job),
        v1::Outcome::Updated => "updated",
        v1::Outcome::Reactivated => "reactivated",
        v1::Outcome::Unchanged => "unchanged",
        v1::Outcome::Failed => "failed",
        v1::Outcome::Unspecified => "",
    }
}

fn describe(example: &v1::JobExample) -> String {
    let mut text = String::new();
    if example.line > 0 {
        let _ = write!(text, "line {}: ", example.line);
    }
    let _ = write!(text, "{}", printable(&example.key));
    if let Some(error) = &example.error {
        let colon = if example.key.is_empty() { "" } else { ": " };
        let _ = write!(text, "{colon}{}", printable(&error.message));
        return text;
    }
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), quoted);
    let changes: Vec<String> = example
        .changes
        .iter()
        .map(|change| format!("{} {} to {}", change.field, shown(&change.before), shown(&change.after)))
        .collect();
    if example.outcome() == v1::Outcome::Updated && !changes.is_empty() {
        let _ = write!(text, ": {}", changes.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> v1::Job {
        let change =
            v1::JobFieldChange { field: "tier".into(), before: None, after: Some("Gold\u{1b}[2J".into()) };
        let updated = v1::JobExample {
            outcome: v1::Outcome::Updated.into(),
            line: 7,
            key: "r1".into(),
            changes: vec![change],
            ..v1::JobExample::default()
        };
        let removed = v1::JobExample { removed: true, key: "r2".into(), ..v1::JobExample::default() };
        let counts = v1::JobCounts { updated: 1, removed: 2, unchanged: 30, ..v1::JobCounts::default() };
        let plan = v1::JobPlan {
            hash: "ab".into(),
            counts: Some(counts),
            holds: vec!["REMOVAL_GUARD".into()],
            removed_within_week: 2,
            removed_within_day: 1,
            examples: vec![updated, removed],
            ..v1::JobPlan::default()
        };
        v1::Job {
            id: "job_1".into(),
            name: "nightly".into(),
            state: v1::JobState::Held.into(),
            plan: Some(plan),
            reason: "REMOVAL_GUARD".into(),
            message: "too many".into(),
            ..v1::Job::default()
        }
    }

    #[test]
    fn a_plan_is_a_table_with_examples() {
        let expected = "           1  updated\n\
                        \u{20}               line 7: r1: tier nothing to \"Gold\u{fffd}[2J\"\n\
                        \u{20}         30  unchanged\n\
                        \u{20}          2  removed\n\
                        \u{20}               r2\n\
                        Of the members to be removed, 2 were created within a week, 1 within a day.\n\
                        Held: too many.\n\
                        Plan ab\n";
        assert_eq!(plan(&job()), expected);
    }

    #[test]
    fn what_is_deleted_is_not_called_removed() {
        let of = |kind: v1::JobKind| v1::Job { kind: kind.into(), ..job() };
        for (kind, word) in [
            (v1::JobKind::Sync, "2 removed;"),
            (v1::JobKind::DeleteByFilter, "2 deleted;"),
            (v1::JobKind::Revert, "2 deleted;"),
        ] {
            assert!(summary(&of(kind)).contains(word), "{kind:?}");
        }
        let mut revert = of(v1::JobKind::Revert);
        assert!(plan(&revert).contains("2  deleted\n                r2\n"), "{}", plan(&revert));
        let examples = &mut revert.plan.as_mut().unwrap().examples;
        examples[1].error = Some(v1::RowError { message: "has records".into(), ..Default::default() });
        assert!(plan(&revert).contains("2  deleted or made inactive\n                r2: has records\n"));
    }

    #[test]
    fn a_summary_is_one_line() {
        let expected = "job_1 held \"nightly\"; planned: 1 updated, 30 unchanged, 2 removed; \
                        REMOVAL_GUARD: too many";
        assert_eq!(summary(&job()), expected);
        let created_at = Some(prost_types::Timestamp { seconds: 1_796_000_000, nanos: 7 });
        let job = v1::Job { kind: v1::JobKind::Sync.into(), created_at, ..job() };
        let listed = listed(&job);
        let rest = listed.strip_prefix("job_1 2026-11-30T00:53:20Z sync held \"nightly\"; planned: ");
        assert!(rest.is_some(), "{listed}");
    }

    #[test]
    fn a_rejected_job_shows_what_it_had_written_if_anything() {
        let rejected = |applied| v1::Job { state: v1::JobState::Rejected.into(), applied, ..job() };
        for nothing in [None, Some(v1::JobCounts::default())] {
            assert!(summary(&rejected(nothing)).contains("; planned: 1 updated, 30 unchanged, 2 removed;"));
        }
        let some = v1::JobCounts { removed: 1, ..Default::default() };
        assert!(summary(&rejected(Some(some))).contains("; done: 1 removed;"));
    }
}
