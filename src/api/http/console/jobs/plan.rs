//! The numbers of a plan, or of what was done: five numbers and one bar.

use maud::{Markup, html};

use crate::api::http::console::look::{Share, Stripe, bar, number};
use crate::model::ListCounts;

/// What a plan would do.
pub fn numbers(counts: &ListCounts) -> Markup {
    html! {
        (large(counts, ["new", "changed", "brought back", "unchanged", "removed"]))
        (stripes(counts))
        (others(counts))
    }
}

/// What was done.
pub fn done(counts: &ListCounts) -> Markup {
    html! {
        (large(counts, ["added", "changed", "brought back", "unchanged", "removed"]))
        (stripes(counts))
        (others(counts))
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

fn stripes(counts: &ListCounts) -> Markup {
    let rows = counts.rows;
    bar(&[
        Share { stripe: Stripe::New, label: "new", count: rows.created },
        Share { stripe: Stripe::Changed, label: "changed", count: rows.updated },
        Share { stripe: Stripe::Back, label: "brought back", count: rows.reactivated },
        Share { stripe: Stripe::Same, label: "unchanged", count: rows.unchanged },
        Share { stripe: Stripe::Failed, label: "failed", count: rows.failed },
        Share { stripe: Stripe::Removed, label: "removed", count: counts.removed },
    ])
}

/// Numbers that are rarely anything but 0.
fn others(counts: &ListCounts) -> Markup {
    let others = [
        (counts.rows.failed, "rows failed", "s-failed"),
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
