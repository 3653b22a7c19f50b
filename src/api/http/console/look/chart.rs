//! Charts of columns, drawn by the server as SVG, each with its numbers as a table.

use maud::{Markup, html};

use super::bar::Stripe;

/// The height of a chart, in units of its own.
const HEIGHT: u64 = 100;
/// The width of a column with its gap, and without it.
const STEP: u64 = 10;
const COLUMN: u64 = 8;
/// The least number of columns that there is room for, so that one alone is not as wide as the chart.
const ROOM: usize = 15;
/// The least height of a part that is not 0: it must be seen.
const LEAST: u64 = 2;

/// What is drawn in each column, from the bottom up.
pub struct Part {
    /// How it looks.
    pub stripe: Stripe,
    /// What it is, in words.
    pub label: &'static str,
}

/// A column.
pub struct Column {
    /// What stands below it.
    pub label: String,
    /// The value of each part.
    pub values: Vec<u64>,
}

/// A chart.
pub struct Chart<'a> {
    /// What it shows.
    pub title: &'a str,
    /// What the labels of the columns are, as the heading of the table.
    pub labels: &'static str,
    /// The parts of each column.
    pub parts: &'a [Part],
    /// The columns, from left to right.
    pub columns: &'a [Column],
    /// How a value is written.
    pub written: fn(u64) -> String,
}

/// Draws a chart. Whoever does not see it reads the most in its words, and all of it in the table.
pub fn chart(chart: &Chart<'_>) -> Markup {
    let Chart { title, parts, columns, written, .. } = *chart;
    let most = columns.iter().map(Column::sum).max().unwrap_or_default();
    let before = STEP * u64::try_from(ROOM.saturating_sub(columns.len())).unwrap_or_default();
    let width = before + STEP * u64::try_from(columns.len()).unwrap_or_default();
    let words = format!("{title}, {} columns; the highest is {}", columns.len(), written(most));
    let ends = if before == 0 { [0, columns.len() / 2, columns.len() - 1].to_vec() } else { Vec::new() };
    html! {
        figure.chart {
            figcaption {
                @if parts.len() > 1 {
                    @for part in parts { span { span class={ "key " (part.stripe.class()) } {} (part.label) } }
                }
                span.muted { "highest: " (written(most)) }
            }
            svg.columns viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(words) {
                @for (column, left) in columns.iter().zip((0_u64..).map(|at| before + at * STEP)) {
                    g {
                        title { (column.words(parts, written)) }
                        rect.hover x=(left) y="0" width=(STEP) height=(HEIGHT) {}
                        @for (part, bottom, height) in placed(column, parts, most) {
                            rect class=(part.stripe.class()) x=(left + 1) y=(HEIGHT.saturating_sub(bottom + height)) width=(COLUMN) height=(height) {}
                        }
                    }
                }
            }
            div.axis aria-hidden="true" {
                @for column in ends.iter().filter_map(|at| columns.get(*at)) { span { (column.label) } }
                @if ends.is_empty() { span {} span { (short(columns)) } }
            }
            (table(chart))
        }
    }
}

/// The labels of a few columns, which stand at the right.
fn short(columns: &[Column]) -> String {
    match columns {
        [] => String::new(),
        [only] => only.label.clone(),
        [first, .., last] => format!("{} to {}", first.label, last.label),
    }
}

fn table(chart: &Chart<'_>) -> Markup {
    html! {
        details {
            summary { "As a table" }
            div.table tabindex="0" role="region" aria-label=(chart.title) {
                table {
                    thead {
                        tr { th scope="col" { (chart.labels) } @for part in chart.parts { th.number scope="col" { (part.label) } } }
                    }
                    tbody {
                        @for column in chart.columns {
                            tr {
                                th scope="row" { (column.label) }
                                @for value in &column.values { td.number { ((chart.written)(*value)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Column {
    fn sum(&self) -> u64 {
        self.values.iter().fold(0, |sum, value| sum.saturating_add(*value))
    }

    fn words(&self, parts: &[Part], written: fn(u64) -> String) -> String {
        let values = self.values.iter().zip(parts);
        let values = values.map(|(value, part)| format!("{} {}", written(*value), part.label));
        format!("{}: {}", self.label, values.collect::<Vec<_>>().join(", "))
    }
}

/// Where the parts of a column stand: from which height, and how high each is. Together they are no higher
/// than the chart.
fn placed<'a>(column: &Column, parts: &'a [Part], most: u64) -> Vec<(&'a Part, u64, u64)> {
    let some = column.values.iter().filter(|value| **value > 0).count();
    let shared = HEIGHT.saturating_sub(LEAST * u64::try_from(some).unwrap_or_default());
    let mut bottom = 0;
    let mut placed = Vec::new();
    for (part, value) in parts.iter().zip(&column.values).filter(|(_, value)| **value > 0) {
        let share = u128::from(*value) * u128::from(shared) / u128::from(most.max(1));
        let height = LEAST + u64::try_from(share).unwrap_or(shared);
        placed.push((part, bottom, height));
        bottom += height;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 2] =
        [Part { stripe: Stripe::New, label: "good" }, Part { stripe: Stripe::Failed, label: "not good" }];

    fn column(label: &str, values: &[u64]) -> Column {
        Column { label: label.to_owned(), values: values.to_vec() }
    }

    #[test]
    fn parts_stand_on_each_other_and_fit_and_every_one_is_seen() {
        for (values, most) in [
            (&[1, 1_000_000][..], 1_000_001),
            (&[0, 5], 5),
            (&[0, 0], 9),
            (&[u64::MAX, u64::MAX], u64::MAX),
            (&[1, 1], u64::MAX),
        ] {
            let placed = placed(&column("", values), &PARTS, most);
            let mut top = 0;
            for (_, bottom, height) in &placed {
                assert_eq!(*bottom, top);
                assert!(*height >= LEAST, "{values:?}");
                top += height;
            }
            assert!(values[1] == u64::MAX || top <= HEIGHT, "{values:?}: {top}");
            assert_eq!(placed.len(), values.iter().filter(|value| **value > 0).count());
        }
    }

    #[test]
    fn a_chart_says_its_numbers_in_words_and_in_a_table() {
        let columns = [column("Monday", &[1_204, 3]), column("<b>", &[0, 0])];
        let (title, labels) = ("Calls", "Day");
        let shown = Chart { title, labels, parts: &PARTS, columns: &columns, written: |n| format!("{n}.") };
        let drawn = chart(&shown).into_string();
        for text in [
            "aria-label=\"Calls, 2 columns; the highest is 1207.\"",
            "<title>Monday: 1204. good, 3. not good</title>",
            "<td class=\"number\">1204.</td>",
            "&lt;b&gt;",
        ] {
            assert!(drawn.contains(text), "{text} is not in {drawn}");
        }
        assert!(!drawn.contains("style=") && !drawn.contains("<b>"), "{drawn}");
        let none = Chart { columns: &[], ..shown };
        assert!(chart(&none).into_string().contains("0 columns"));
    }
}
