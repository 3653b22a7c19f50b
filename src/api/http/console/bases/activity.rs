//! How much is changed in a memberbase, day by day.

use maud::{Markup, html};

use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Chart, Column, Part, Stripe, chart, number, time};
use crate::api::http::console::visit::Visit;
use crate::model::BaseNumber;

/// Days that are shown.
const DAYS: usize = 30;
const PARTS: [Part; 1] = [Part { stripe: Stripe::New, label: "Revisions" }];

/// The revisions of the last days.
pub async fn activity(visit: &Visit, base: BaseNumber) -> Result<Markup, Failure> {
    let found = visit.directory.daily_activity(base, DAYS).await?;
    let sum: u64 = found.days.iter().map(|(_, revisions)| revisions).sum();
    let columns: Vec<Column> = found
        .days
        .iter()
        .map(|(day, revisions)| Column { label: day.date().to_text(), values: vec![*revisions] })
        .collect();
    let shown = Chart {
        title: "Revisions by day",
        labels: "Day (UTC)",
        parts: &PARTS,
        columns: &columns,
        written: number,
    };
    let oldest = found.days.first().map(|(day, _)| *day);
    Ok(html! {
        section.card {
            h2 { "Activity" }
            dl.numbers { div { dt { "revisions in the last " (DAYS) " days" } dd { (number(sum)) } } }
            (chart(&shown))
            p.muted.small {
                "A revision is one write: a call, or up to 1,000 rows of a list."
                @if let Some(since) = found.kept_since.filter(|since| oldest.is_some_and(|oldest| *since > oldest)) {
                    " The history is kept since " (time(since)) ", and older revisions are not counted."
                }
            }
        }
    })
}
