//! Examples of what a plan does: whom it removes, how it changes members field by field, which rows fail.

use maud::{Markup, html};

use super::words::removal;
use crate::api::http::console::fields::{change, label, label_of};
use crate::api::http::console::look::{number, person, value};
use crate::api::http::console::visit::Visit;
use crate::directory::PlannedExample;
use crate::model::{Job, JobTask, ListMatch, MatchBy, Member, Outcome, ProfileField, differences};

/// Examples of each kind that are shown at once.
const SHOWN: usize = 10;

/// Whether an undo makes members inactive that it would otherwise delete.
pub fn makes_inactive(examples: &[PlannedExample]) -> bool {
    examples.iter().any(|example| example.outcome.is_none() && example.error.is_some())
}

/// What becomes of those whom a job removes, in a word or two.
pub fn gone(job: &Job, examples: &[PlannedExample]) -> &'static str {
    if makes_inactive(examples) { "deleted or made inactive" } else { removal(job).done }
}

/// The members that are removed, names first. An undo may make some of them inactive instead, and says why.
pub fn removed(visit: &Visit, job: &Job, examples: &[PlannedExample], all: u64) -> Markup {
    let gone: Vec<&PlannedExample> = examples.iter().filter(|example| example.outcome.is_none()).collect();
    if gone.is_empty() {
        return html! {};
    }
    let rest = all.saturating_sub(u64::try_from(gone.len()).unwrap_or(u64::MAX));
    let words = removal(job);
    let becomes_inactive = makes_inactive(examples);
    let mut headings = vec!["Name", key_name(job), "Tier"];
    headings.extend(becomes_inactive.then_some("What becomes of them"));
    html! {
        div.stack {
            h3.remove { (words.whom) }
            p.muted.small { (words.means) }
            (table(&gone, words.whom, &headings, |example| html! {
                @if let Some(member) = &example.before {
                    th scope="row" { (name(visit, job, example, member)) }
                    td { (key(job, member)) }
                    td { (tier(member)) }
                    @if becomes_inactive {
                        td { @match &example.error { Some(why) => { "inactive: " (value(&why.message())) } None => (words.done) } }
                    }
                }
            }))
            @if rest > 0 { p.muted { "And " (number(rest)) " more." } }
        }
    }
}

/// What the key is called by which the list finds members; of another job, the key that members have.
fn key_name(job: &Job) -> &'static str {
    match match_of(job) {
        Some(ListMatch::Key(MatchBy::Email)) => label(ProfileField::Email),
        Some(ListMatch::Key(MatchBy::WorkerId)) => label(ProfileField::WorkerId),
        Some(ListMatch::Key(MatchBy::Ref)) => label(ProfileField::Ref),
        Some(ListMatch::WorkerIdOrEmail) => "Worker id or e-mail",
        Some(ListMatch::Key(MatchBy::Id)) | None => "Key",
    }
}

/// The key of a member by which the list finds it.
fn key(job: &Job, member: &Member) -> Markup {
    let profile = &member.profile;
    let email = || profile.email.as_ref().map(|email| email.as_str());
    let worker_id = || profile.worker_id.as_ref().map(|id| id.as_str());
    let key = match match_of(job) {
        Some(ListMatch::Key(MatchBy::Email)) => email(),
        Some(ListMatch::Key(MatchBy::WorkerId)) => worker_id(),
        Some(ListMatch::Key(MatchBy::Ref)) => profile.ref_.as_ref().map(|text| text.as_str()),
        Some(ListMatch::WorkerIdOrEmail) => worker_id().or_else(email),
        Some(ListMatch::Key(MatchBy::Id)) | None => profile.key(),
    };
    html! { @match key { Some(key) => (value(key)), None => span.muted { "–" } } }
}

fn match_of(job: &Job) -> Option<ListMatch> {
    match &job.task {
        JobTask::Sync(options) => Some(options.match_by),
        JobTask::Batch { .. } | JobTask::DeleteByFilter { .. } | JobTask::Revert(_) => None,
    }
}

fn tier(member: &Member) -> Markup {
    value(member.profile.tier.as_ref().map(|tier| tier.as_str()).unwrap_or_default())
}

/// How members are changed, each field from its old to its new value, and who is new.
pub fn changed(visit: &Visit, job: &Job, examples: &[PlannedExample]) -> Markup {
    let of = |wanted: &[Outcome]| -> Vec<&PlannedExample> {
        let is = |example: &&PlannedExample| example.outcome.is_some_and(|outcome| wanted.contains(&outcome));
        examples.iter().filter(is).collect()
    };
    let (changed, new) = (of(&[Outcome::Updated, Outcome::Reactivated]), of(&[Outcome::Created]));
    let has_lines = job.input.format.is_some();
    let with_line = |headings: &[&'static str]| -> Vec<&'static str> {
        headings.iter().copied().filter(|heading| has_lines || *heading != "Line").collect()
    };
    let who = if has_lines { "Who is new" } else { "Who is restored" };
    html! {
        @if !changed.is_empty() {
            div.stack {
                h3 { "How members change, for example" }
                (table(&changed, "How members change", &with_line(&["Name", "Line", "Change"]), |example| html! {
                    th scope="row" {
                        @if let Some(member) = example.before.as_ref().or(example.after.as_ref()) { (name(visit, job, example, member)) }
                    }
                    @if has_lines { td.number { (line(example)) } }
                    td { (changes(example)) }
                }))
            }
        }
        @if !new.is_empty() {
            div.stack {
                h3 { (who) ", for example" }
                (table(&new, who, &with_line(&["Name", "Line", key_name(job), "Tier"]), |example| html! {
                    @if let Some(member) = &example.after {
                        th scope="row" { (person(member)) }
                        @if has_lines { td.number { (line(example)) } }
                        td { (key(job, member)) }
                        td { (tier(member)) }
                    }
                }))
            }
        }
    }
}

/// Rows that fail, and why; of a job without rows, the members that stay as they are.
pub fn failed(visit: &Visit, job: &Job, examples: &[PlannedExample]) -> Markup {
    let is_failed = |example: &&PlannedExample| example.outcome == Some(Outcome::Failed);
    let failed: Vec<&PlannedExample> = examples.iter().filter(is_failed).collect();
    let all = job.plan.as_ref().map_or(0, |plan| plan.counts.rows.failed);
    let rest = all.saturating_sub(u64::try_from(failed.len()).unwrap_or(u64::MAX));
    let has_lines = job.input.format.is_some();
    let (title, first) =
        if has_lines { ("Rows that fail", "Line") } else { ("What stays as it is", "Member") };
    html! {
        @if !failed.is_empty() {
            div.stack {
                h3 { (title) }
                (table(&failed, title, &[first, "Why"], |example| html! {
                    th.number[has_lines] scope="row" {
                        @if has_lines { (line(example)) }
                        @else { (member(visit, job, example)) }
                    }
                    td { @if let Some(error) = &example.error { (value(&error.message())) } }
                }))
                @if rest > 0 { p.muted { "And " (number(rest)) " more." } }
            }
        }
    }
}

/// The member of an example that changes nothing, by its address alone.
fn member(visit: &Visit, job: &Job, example: &PlannedExample) -> Markup {
    let shown = example.before.as_ref().or(example.after.as_ref());
    html! {
        @match (shown, example.row) {
            (Some(member), _) => (name(visit, job, example, member)),
            (None, Some(row)) => {
                @let id = visit.directory.sealer().member_id(job.base, row);
                a href={ "/console/members/" (id) } { code { (id) } }
            }
            (None, None) => span.muted { "the memberbase itself" },
        }
    }
}

/// A table of examples, the first of which are shown at once.
fn table(
    examples: &[&PlannedExample],
    label: &str,
    headings: &[&str],
    row: impl Fn(&PlannedExample) -> Markup,
) -> Markup {
    let (first, rest) = examples.split_at_checked(SHOWN).unwrap_or((examples, &[]));
    let part = |examples: &[&PlannedExample]| {
        html! {
            div.table tabindex="0" role="region" aria-label=(label) {
                table.wide {
                    thead { tr { @for heading in headings { th.number[*heading == "Line"] scope="col" { (heading) } } } }
                    tbody { @for example in examples { tr { (row(example)) } } }
                }
            }
        }
    };
    html! {
        (part(first))
        @if !rest.is_empty() { details { summary { "Show " (rest.len()) " more" } (part(rest)) } }
    }
}

fn name(visit: &Visit, job: &Job, example: &PlannedExample, member: &Member) -> Markup {
    html! {
        @match example.row {
            Some(row) => a href={ "/console/members/" (visit.directory.sealer().member_id(job.base, row)) } { (person(member)) },
            None => (person(member)),
        }
    }
}

fn line(example: &PlannedExample) -> String {
    example.line.map(number).unwrap_or_default()
}

fn changes(example: &PlannedExample) -> Markup {
    let changes = match (&example.before, &example.after) {
        (Some(before), Some(after)) => differences(Some(before), Some(after)),
        _ => return html! {},
    };
    html! {
        @for field in &changes {
            div.change-line {
                span.muted { bdi { (label_of(&field.field)) } ": " }
                (change(field.before.as_deref(), field.after.as_deref()))
            }
        }
        @if changes.is_empty() { span.muted { "only what this token cannot see" } }
    }
}
