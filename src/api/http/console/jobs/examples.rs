//! Examples of what a plan does: whom it removes, how it changes members field by field, which rows fail.

use maud::{Markup, html};

use crate::api::http::console::fields::{change, label_of};
use crate::api::http::console::look::{number, person, value};
use crate::api::http::console::visit::Visit;
use crate::directory::PlannedExample;
use crate::model::{Job, Member, Outcome, differences};

/// Examples of each kind that are shown at once.
const SHOWN: usize = 10;

/// The members that are removed, names first.
pub fn removed(visit: &Visit, job: &Job, examples: &[PlannedExample], all: u64) -> Markup {
    let gone: Vec<&PlannedExample> = examples.iter().filter(|example| example.outcome.is_none()).collect();
    if gone.is_empty() {
        return html! {};
    }
    let rest = all.saturating_sub(u64::try_from(gone.len()).unwrap_or(u64::MAX));
    html! {
        div.stack {
            h3.remove { "Whom it removes" }
            (table(&gone, "Whom it removes", &["Name", "Key", "Tier"], |example| html! {
                @if let Some(member) = &example.before {
                    th scope="row" { (name(visit, job, example, member)) }
                    td { (value(member.profile.key().unwrap_or_default())) }
                    td { (value(member.profile.tier.as_ref().map(|tier| tier.as_str()).unwrap_or_default())) }
                }
            }))
            @if rest > 0 { p.muted { "And " (number(rest)) " more." } }
        }
    }
}

/// How members are changed, each field from its old to its new value, and who is new.
pub fn changed(visit: &Visit, job: &Job, examples: &[PlannedExample]) -> Markup {
    let of = |wanted: &[Outcome]| -> Vec<&PlannedExample> {
        let is = |example: &&PlannedExample| example.outcome.is_some_and(|outcome| wanted.contains(&outcome));
        examples.iter().filter(is).collect()
    };
    let (changed, new) = (of(&[Outcome::Updated, Outcome::Reactivated]), of(&[Outcome::Created]));
    html! {
        @if !changed.is_empty() {
            div.stack {
                h3 { "How members change, for example" }
                (table(&changed, "How members change", &["Name", "Line", "Change"], |example| html! {
                    th scope="row" {
                        @if let Some(member) = example.before.as_ref().or(example.after.as_ref()) { (name(visit, job, example, member)) }
                    }
                    td.number { (line(example)) }
                    td { (changes(example)) }
                }))
            }
        }
        @if !new.is_empty() {
            div.stack {
                h3 { "Who is new, for example" }
                (table(&new, "Who is new", &["Name", "Line", "Key", "Tier"], |example| html! {
                    @if let Some(member) = &example.after {
                        th scope="row" { (person(member)) }
                        td.number { (line(example)) }
                        td { (value(member.profile.key().unwrap_or_default())) }
                        td { (value(member.profile.tier.as_ref().map(|tier| tier.as_str()).unwrap_or_default())) }
                    }
                }))
            }
        }
    }
}

/// Rows that fail, and why.
pub fn failed(job: &Job, examples: &[PlannedExample]) -> Markup {
    let failed: Vec<&PlannedExample> = examples.iter().filter(|example| example.error.is_some()).collect();
    let all = job.plan.as_ref().map_or(0, |plan| plan.counts.rows.failed);
    let rest = all.saturating_sub(u64::try_from(failed.len()).unwrap_or(u64::MAX));
    html! {
        @if !failed.is_empty() {
            div.stack {
                h3 { "Rows that fail" }
                (table(&failed, "Rows that fail", &["Line", "Why"], |example| html! {
                    th.number scope="row" { (line(example)) }
                    td { @if let Some(error) = &example.error { (value(&error.message())) } }
                }))
                @if rest > 0 { p.muted { "And " (number(rest)) " more." } }
            }
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
