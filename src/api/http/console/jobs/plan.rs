//! The numbers of a plan, or of what was done: five numbers and one bar.

use maud::{Markup, html};

use crate::api::http::console::look::{Share, Stripe, bar, number};
use crate::model::{Job, JobTask, ListCounts};

/// What a plan would do. `gone` is what becomes of those whom it removes.
pub fn numbers(counts: &ListCounts, gone: &'static str, job: &Job) -> Markup {
    shown(counts, ["new", "changed", "brought back", "unchanged", gone], job)
}

/// What was done.
pub fn done(counts: &ListCounts, gone: &'static str, job: &Job) -> Markup {
    shown(counts, ["added", "changed", "brought back", "unchanged", gone], job)
}

fn shown(counts: &ListCounts, mut words: [&'static str; 5], job: &Job) -> Markup {
    let mut failed = "rows failed";
    if let (JobTask::Revert(_), [.., gone]) = (&job.task, words) {
        words = ["restored", "put back", "brought back", "as before already", gone];
        failed = "left as they are";
    }
    html! {
        (large(counts, words))
        (stripes(counts, words, failed))
        (others(counts, failed))
    }
}

fn large(counts: &ListCounts, words: [&str; 5]) -> Markup {
    let rows = counts.rows;
    let [new, changed, back, same, gone] = words;
    html! {
        dl.numbers {
            (one(new, rows.created, "s-new"))
            (one(changed, rows.updated, "s-changed"))
            (one(back, rows.reactivated, "s-back"))
            (one(same, rows.unchanged, "s-same"))
            (one(gone, counts.removed, "s-removed"))
        }
    }
}

fn one(label: &str, count: u64, stripe: &str) -> Markup {
    html! {
        div.zero[count == 0].remove[stripe == "s-removed" && count > 0] {
            dt { span class={ "key " (stripe) } {} (label) }
            dd { (number(count)) }
        }
    }
}

fn stripes(
    counts: &ListCounts,
    [new, changed, back, same, gone]: [&'static str; 5],
    failed: &'static str,
) -> Markup {
    let rows = counts.rows;
    bar(&[
        Share { stripe: Stripe::New, label: new, count: rows.created },
        Share { stripe: Stripe::Changed, label: changed, count: rows.updated },
        Share { stripe: Stripe::Back, label: back, count: rows.reactivated },
        Share { stripe: Stripe::Same, label: same, count: rows.unchanged },
        Share { stripe: Stripe::Failed, label: failed, count: rows.failed },
        Share { stripe: Stripe::Removed, label: gone, count: counts.removed },
    ])
}

/// Numbers that are rarely anything but 0.
fn others(counts: &ListCounts, failed: &str) -> Markup {
    let others = [
        (counts.rows.failed, failed, "s-failed"),
        (counts.not_judged, "members stay because they have no value in the field that says who is who", ""),
        (counts.out_of_scope, "members stay because they do not match the scope of the list", ""),
        (counts.newer, "members stay because they are newer than the list", ""),
        (counts.spared, "members stayed because somebody changed them meanwhile", ""),
    ];
    html! {
        @if others.iter().any(|(count, ..)| *count > 0) {
            dl.numbers.minor {
                @for (count, label, stripe) in others.iter().filter(|(count, ..)| *count > 0) {
                    div { dt { @if !stripe.is_empty() { span class={ "key " (stripe) } {} } (label) } dd { (number(*count)) } }
                }
            }
        }
    }
}
