//! What a store reports to operators: the counters and health of its parts.

use crate::table::base::status::BaseStatus;
use crate::table::jobs::JobsStatus;
use crate::table::shared::budget::Budget;
use crate::table::shared::member_cache::CacheStatus;
use crate::table::store::open::Table;

/// The counters of a store, besides those of its engine ([`Table::engine_status`]).
#[derive(Debug, Clone)]
pub struct TableStatus {
    /// Of the open bases, in the order of their numbers.
    pub bases: Vec<BaseStatus>,
    /// Of the memory for rows, for requests that are not parsed into rows yet, and for large replies.
    pub budgets: [BudgetStatus; 3],
    /// Of the member cache.
    pub cache: CacheStatus,
    /// Of the jobs.
    pub jobs: JobsStatus,
    /// The bytes that the stored results of requests take, and the most that they may take.
    pub results: (u64, u64),
}

/// The counters of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetStatus {
    /// What it is for.
    pub name: &'static str,
    /// The bytes that are taken.
    pub used_bytes: usize,
    /// The bytes of the whole budget.
    pub limit_bytes: usize,
    /// The requests that wait for their turn.
    pub waiting: usize,
}

impl BudgetStatus {
    /// The counters of `budget`, which is for `name`.
    #[must_use]
    pub fn of(name: &'static str, budget: &Budget) -> Self {
        let (used_bytes, limit_bytes) = (budget.used(), budget.limit());
        Self { name, used_bytes, limit_bytes, waiting: budget.waiting() }
    }
}

impl Table {
    /// The counters of the store. Waits for the view lock of each open base.
    pub async fn status(&self) -> TableStatus {
        let mut bases = Vec::new();
        for base in self.bases.all_open() {
            bases.push(base.status().await);
        }
        bases.sort_by_key(|base| base.number);
        TableStatus {
            bases,
            budgets: [
                BudgetStatus::of("rows", &self.parts.budget),
                BudgetStatus::of("requests", &self.arriving()),
                BudgetStatus::of("replies", &self.replies()),
            ],
            cache: self.parts.member_cache.status(),
            jobs: self.jobs().status(),
            results: self.idempotency().status(),
        }
    }
}
