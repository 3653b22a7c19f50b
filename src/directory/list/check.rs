//! Checks the items of a page (members or memberbases) against a filter: in pieces, and with no more effort
//! than a page may take.
//!
//! - **A page is limited in effort, not in items** ([`PAGE_STEPS`]): when its filter has taken that many
//!   steps, the page comes back short, however few items it checked. It checks at least one, so that a list
//!   makes progress; the parser limits what a filter may take for one item.
//! - A filter with a few plain conditions is evaluated in the task of the call, which lets others go first
//!   now and then. All other filters are evaluated in the [pool](crate::compute), in pieces of
//!   [`PIECE_STEPS`].
//! - **When the caller goes away, the evaluation stops**, even in the middle of a piece or of a text.

use std::sync::Arc;

use crate::compute::Stretch;
use crate::compute::{self, Size};
use crate::model::{Effort, Filter, RawFilter, Stop};

/// Most steps that checking the items of one page may take. A step is about a nanosecond.
const PAGE_STEPS: u64 = 100_000_000;
/// Most steps that checking the members of one count may take: those of ten pages.
const COUNT_STEPS: u64 = 10 * PAGE_STEPS;
/// Steps of one piece. Others get their turn between pieces.
const PIECE_STEPS: u64 = 4_000_000;
/// Steps that reading an item counts as.
const ITEM_STEPS: u64 = 5_000;
/// Up to this many conditions are evaluated in the task of the call, unless one is a regular expression.
const PLAIN_CONDITIONS: usize = 16;
/// A list of up to this many values is parsed at once, without waiting for a turn to compute.
const PLAIN_VALUES: usize = 1_000;

/// The check of the items of one page.
pub struct Check<'a> {
    filter: &'a Filter,
    /// The filter for the pool, if it is evaluated there.
    shared: Option<Arc<Filter>>,
    effort: Effort,
    stop: Stop,
    /// Most steps that it may take.
    limit: u64,
    stretch: Stretch,
}

/// The result of a check.
pub struct Checked<T> {
    /// The items that were checked, from the first on, and whether each of them matches.
    pub items: Vec<(T, bool)>,
    /// Whether the page has used up its steps. Then items may be missing at the end.
    pub is_over: bool,
}

impl<'a> Check<'a> {
    /// The check of one page, with nothing checked yet.
    pub fn new(filter: &'a Filter) -> Self {
        Self::within(PAGE_STEPS, filter)
    }

    /// The check of one count, with nothing checked yet.
    pub fn of_count(filter: &'a Filter) -> Self {
        Self::within(COUNT_STEPS, filter)
    }

    /// A check without a limit, with nothing checked yet.
    pub fn of_all(filter: &'a Filter) -> Self {
        Self::within(u64::MAX, filter)
    }

    fn within(limit: u64, filter: &'a Filter) -> Self {
        let stop = Stop::default();
        let is_plain = filter.regexes() == 0 && filter.conditions() <= PLAIN_CONDITIONS;
        let shared = (!is_plain).then(|| Arc::new(filter.clone()));
        let effort = Effort::until(stop.clone());
        Self { filter, shared, effort, stop, limit, stretch: Stretch::default() }
    }

    /// Whether checking may wait for a turn in the pool. A caller that holds up writes should not wait for
    /// that.
    pub fn may_wait(&self) -> bool {
        self.shared.is_some()
    }

    /// Checks `items` until the page has used up its steps.
    pub async fn check<T: Send + 'static>(
        &mut self,
        items: Vec<T>,
        matches: impl Fn(&Filter, &T, &mut Effort) -> bool + Clone + Send + 'static,
    ) -> Checked<T> {
        let mut checked = Vec::with_capacity(items.len());
        let mut items = items.into_iter();
        let Some(shared) = self.shared.clone() else {
            let steps = self.filter.conditions().saturating_add(1);
            for item in items {
                self.stretch.work(steps).await;
                let is_match = matches(self.filter, &item, &mut self.effort);
                self.effort.add(ITEM_STEPS);
                checked.push((item, is_match));
                if self.is_over() {
                    break;
                }
            }
            return Checked { items: checked, is_over: self.is_over() };
        };
        while items.len() > 0 && !self.is_over() {
            let mut effort = std::mem::take(&mut self.effort);
            let until = effort.steps().saturating_add(PIECE_STEPS).min(self.limit);
            let (filter, matches) = (Arc::clone(&shared), matches.clone());
            (items, checked, self.effort) = compute::run(move || {
                for item in items.by_ref() {
                    let is_match = matches(&filter, &item, &mut effort);
                    effort.add(ITEM_STEPS);
                    checked.push((item, is_match));
                    if effort.steps() >= until || effort.is_stopped() {
                        break;
                    }
                }
                (items, checked, effort)
            })
            .await;
        }
        Checked { items: checked, is_over: self.is_over() }
    }

    fn is_over(&self) -> bool {
        self.effort.steps() >= self.limit
    }
}

impl Drop for Check<'_> {
    fn drop(&mut self) {
        self.stop.tell();
    }
}

/// Parses `filters` with `parse`. Filters with a regular expression, whose compilation can take ten
/// milliseconds, or with a list of thousands of values wait for a turn to compute.
pub async fn parse<T>(filters: Vec<RawFilter>, parse: impl FnOnce(Vec<RawFilter>) -> T) -> T {
    let is_large = !filters.iter().all(|filter| filter.is_plain(PLAIN_VALUES));
    compute::here(Size::large_if(is_large), || parse(filters)).await
}

#[cfg(test)]
mod tests;
