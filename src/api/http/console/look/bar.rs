//! Bars, drawn by the server as SVG: a page has no inline styles.

use maud::{Markup, html};

/// The width of a bar, in units of its own.
const WIDTH: u64 = 1_000;
/// The least width of a share that is not 0: it must be seen.
const LEAST: u64 = 6;

/// How a share of a bar looks. Red is for removals alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stripe {
    New,
    Changed,
    Back,
    Same,
    Failed,
    Removed,
}

impl Stripe {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::New => "s-new",
            Self::Changed => "s-changed",
            Self::Back => "s-back",
            Self::Same => "s-same",
            Self::Failed => "s-failed",
            Self::Removed => "s-removed",
        }
    }
}

/// A part of a bar.
pub struct Share {
    /// How it looks.
    pub stripe: Stripe,
    /// What it is, in words.
    pub label: &'static str,
    /// How many.
    pub count: u64,
}

/// One bar of all shares, with its words for those who do not see it.
pub fn bar(shares: &[Share]) -> Markup {
    let words: Vec<String> = shares
        .iter()
        .filter(|share| share.count > 0)
        .map(|share| format!("{} {}", share.count, share.label))
        .collect();
    let words = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let counts: Vec<u64> = shares.iter().map(|share| share.count).collect();
    let mut left = 0;
    let placed = shares.iter().zip(widths(&counts)).filter(|(_, width)| *width > 0).map(|(share, width)| {
        let place = left;
        left += width;
        (share, place, width)
    });
    let placed: Vec<_> = placed.collect();
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 24" } preserveAspectRatio="none" role="img" aria-label=(words) {
            @for (share, place, width) in &placed {
                rect class=(share.stripe.class()) x=(place) y="0" width=(width) height="24" {}
            }
        }
    }
}

/// How far something has come.
pub fn progress(done: u64, of: u64) -> Markup {
    part("How far it has come", done, of)
}

/// How much of something there is, in a bar with this label.
pub fn part(label: &str, done: u64, of: u64) -> Markup {
    html! {
        progress.progress max=(of.max(1)) value=(done.min(of.max(1))) aria-label=(label) {
            (done) " of " (of)
        }
    }
}

/// The widths of shares, which add up to the width of the bar. A share that is not 0 has at least a small
/// one.
fn widths(counts: &[u64]) -> Vec<u64> {
    let total: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    if total == 0 {
        return counts.iter().map(|_| 0).collect();
    }
    let some = u64::try_from(counts.iter().filter(|count| **count > 0).count()).unwrap_or(0);
    let shared = u128::from(WIDTH.saturating_sub(some * LEAST));
    let width = |count: u64| {
        let share = u64::try_from(u128::from(count) * shared / total).unwrap_or(0);
        if count == 0 { 0 } else { LEAST + share }
    };
    let mut widths: Vec<u64> = counts.iter().map(|count| width(*count)).collect();
    let rest = WIDTH.saturating_sub(widths.iter().sum());
    if let Some(widest) = widths.iter_mut().max() {
        *widest += rest;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fill_the_bar_and_every_one_is_seen() {
        for counts in [&[1, 1_000_000, 0, 3][..], &[5], &[u64::MAX, u64::MAX, 1], &[0, 0, 7]] {
            let widths = widths(counts);
            assert_eq!(widths.iter().sum::<u64>(), WIDTH, "{counts:?}");
            for (count, width) in counts.iter().zip(&widths) {
                assert_eq!(*count == 0, *width == 0, "{counts:?} {widths:?}");
                assert!(*count == 0 || *width >= LEAST);
            }
        }
        assert_eq!(widths(&[0, 0]), [0, 0]);
    }

    #[test]
    fn a_bar_says_its_numbers() {
        let removed = Share { stripe: Stripe::Removed, label: "removed", count: 3 };
        let same = Share { stripe: Stripe::Same, label: "unchanged", count: 0 };
        let drawn = bar(&[removed, same]).into_string();
        assert!(drawn.contains("aria-label=\"3 removed\"") && drawn.contains("s-removed"), "{drawn}");
        assert!(!drawn.contains("s-same") && !drawn.contains("style="), "{drawn}");
        assert!(bar(&[]).into_string().contains("aria-label=\"none\""), "{}", bar(&[]).into_string());
    }
}
