//! Holds records against a filter: beside the threads that serve others, in pieces, and no longer than a page may take.
//!
//! - **What a page may take is limited in effort, not in records** ([`PAGE_STEPS`]): a page whose filter took that much comes back
//!   short, however few records it looked at. It looks at one at least, so that a list gets on, and the filter itself is bounded
//!   for one record when it is parsed.
//! - A filter with a few plain conditions is evaluated where the call is, which lets others go first now and then. All others
//!   go to the [pool](crate::compute) in pieces of [`PIECE_STEPS`].
//! - **A caller that goes away takes its evaluation along**: it stops in the middle of a piece, and of a text.

use std::sync::Arc;

use crate::compute::Stretch;
use crate::compute::{self, Size};
use crate::model::{Effort, Filter, RawFilter, Stop};

/// Most that checking the records of one page may take, in steps of about a nanosecond.
const PAGE_STEPS: u64 = 100_000_000;
/// What is done of it at a time, between which others get their turn.
const PIECE_STEPS: u64 = 4_000_000;
/// What reading a record takes.
const RECORD_STEPS: u64 = 5_000;
/// Conditions that are evaluated where the call is, unless one is a regular expression.
const PLAIN_CONDITIONS: usize = 16;
/// Values of a list that are parsed where the call is.
const PLAIN_VALUES: usize = 1_000;

/// The check of the records of one page.
pub struct Check<'a> {
    filter: &'a Filter,
    /// The filter for the pool, if it is evaluated there.
    shared: Option<Arc<Filter>>,
    effort: Effort,
    stop: Stop,
    /// What it may take.
    limit: u64,
    stretch: Stretch,
}

/// Records that were checked.
pub struct Checked<T> {
    /// Those from the first on, and whether each of them matches.
    pub records: Vec<(T, bool)>,
    /// Whether the page has taken what it may. Then records are missing at the end, or not.
    pub is_over: bool,
}

impl<'a> Check<'a> {
    /// Nothing is checked yet.
    pub fn new(filter: &'a Filter) -> Self {
        Self::within(PAGE_STEPS, filter)
    }

    fn within(limit: u64, filter: &'a Filter) -> Self {
        let stop = Stop::default();
        let is_plain = filter.regexes() == 0 && filter.conditions() <= PLAIN_CONDITIONS;
        let shared = (!is_plain).then(|| Arc::new(filter.clone()));
        let effort = Effort::until(stop.clone());
        Self { filter, shared, effort, stop, limit, stretch: Stretch::default() }
    }

    /// Whether it may have to wait for its turn, which nobody should who holds something up.
    pub fn may_wait(&self) -> bool {
        self.shared.is_some()
    }

    /// Checks `records` until the page has taken what it may.
    pub async fn check<T: Send + 'static>(
        &mut self,
        records: Vec<T>,
        matches: impl Fn(&Filter, &T, &mut Effort) -> bool + Clone + Send + 'static,
    ) -> Checked<T> {
        let mut checked = Vec::with_capacity(records.len());
        let mut records = records.into_iter();
        let Some(shared) = self.shared.clone() else {
            let steps = self.filter.conditions().saturating_add(1);
            for record in records {
                self.stretch.work(steps).await;
                let is_match = matches(self.filter, &record, &mut self.effort);
                self.effort.add(RECORD_STEPS);
                checked.push((record, is_match));
                if self.is_over() {
                    break;
                }
            }
            return Checked { records: checked, is_over: self.is_over() };
        };
        while records.len() > 0 && !self.is_over() {
            let mut effort = std::mem::take(&mut self.effort);
            let until = effort.steps().saturating_add(PIECE_STEPS).min(self.limit);
            let (filter, matches) = (Arc::clone(&shared), matches.clone());
            (records, checked, self.effort) = compute::run(move || {
                for record in records.by_ref() {
                    let is_match = matches(&filter, &record, &mut effort);
                    effort.add(RECORD_STEPS);
                    checked.push((record, is_match));
                    if effort.steps() >= until || effort.is_stopped() {
                        break;
                    }
                }
                (records, checked, effort)
            })
            .await;
        }
        Checked { records: checked, is_over: self.is_over() }
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

/// Parses `filters` with `parse`. Compiling a regular expression can take ten milliseconds, and a list can
/// have thousands of values; what may take that long waits for its turn.
pub async fn parse<T>(filters: Vec<RawFilter>, parse: impl FnOnce(Vec<RawFilter>) -> T) -> T {
    let is_large = !filters.iter().all(|filter| filter.is_plain(PLAIN_VALUES));
    compute::here(Size::large_if(is_large), || parse(filters)).await
}

#[cfg(test)]
mod tests;
