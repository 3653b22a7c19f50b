//! Plans a full list, slice by slice.

use std::sync::Arc;

use crate::model::{
    GuardCounts, GuardExpectation, ListCounts, MemberRow, PlanSummary, Row, RowKeys, UnreadRow, UpsertOptions,
};
use crate::table::TableError;
use crate::table::index::hash::Hashes;
use crate::table::open::OpenBase;
use crate::table::plan::{Freed, Plan, Prepared, READ_TOGETHER, prepare};
use crate::table::sync::guarded::{Causes, Judged};
use crate::table::sync::missing::{self, Criteria};
use crate::table::sync::request::{Begun, ListEnd, ListRequest, ListRow, PlannedRow};
use crate::table::sync::same::{Listed, Recogniser, Same, SentRow};
use crate::table::sync::scope::Scope;
use crate::table::sync::so_far::{Line, Slice, SoFar};

/// Most rows of a slice.
const SLICE_ROWS: usize = 1_000;

/// The plan of a full list in the making. Drop it to give up, or after an error.
pub struct ListPlan {
    open: Arc<OpenBase>,
    request: ListRequest,
    upsert: UpsertOptions,
    begun: Begun,
    /// The last revision that the plan saw.
    revision: u64,
    /// The keys that the rows so far free.
    freed: Freed,
    /// What else is known of the rows so far.
    so_far: SoFar,
}

impl ListPlan {
    /// Begins a plan on what is published now.
    pub(in crate::table) async fn begin(
        open: Arc<OpenBase>,
        request: ListRequest,
    ) -> Result<Self, TableError> {
        let begun = Begun::now(&open).await?;
        Ok(Self {
            upsert: request.options.upsert(request.sight),
            begun,
            revision: begun.revision,
            freed: Freed::default(),
            so_far: SoFar::new(&request),
            open,
            request,
        })
    }

    /// What recognises rows that say what their members are.
    pub fn recogniser(&self) -> Recogniser {
        Recogniser::new(Arc::clone(&self.open), &self.upsert)
    }

    /// Plans the next rows of the list, in slices of up to 1,000. The result is in the same order.
    pub async fn rows<R: SentRow>(&mut self, rows: Vec<Listed<R>>) -> Result<Vec<PlannedRow>, TableError> {
        let mut ready: Vec<Ready<R>> = Vec::with_capacity(rows.len());
        for row in rows {
            ready.push(match row {
                Listed::Same(same, row) => Ready::Same(same, row),
                Listed::Parsed(row) => Ready::Prepared(Box::new(self.prepare(*row))),
            });
        }
        let mut planned = Vec::with_capacity(ready.len());
        while let Some(rows) = ready.get(planned.len()..).filter(|rows| !rows.is_empty()) {
            self.slice(rows.get(..SLICE_ROWS).unwrap_or(rows), &mut planned).await?;
            tokio::task::yield_now().await;
        }
        Ok(planned)
    }

    fn prepare(&self, ListRow { line, row, named }: ListRow) -> PreparedRow {
        let row = row.and_then(|row| prepare_listed(row, &self.upsert, &self.open.parts.hashes));
        let by_id = row.as_ref().ok().and_then(|prepared: &Prepared| prepared.row.found_by_id);
        (Line { number: line, named: named.or(by_id) }, row)
    }

    /// Plans a slice, or the first rows of it if their members are very large.
    async fn slice<R: SentRow>(
        &mut self,
        rows: &[Ready<R>],
        planned: &mut Vec<PlannedRow>,
    ) -> Result<(), TableError> {
        let open = Arc::clone(&self.open);
        let freed = std::mem::take(&mut self.freed);
        let (mut plan, first_new) = Plan::beside(&open).await?;
        self.revision = self.revision.max(plan.revision());
        plan.act_for(self.request.origin, self.request.sight);
        plan.count_only();
        plan.after(&freed);
        plan.prefetch_keys(prepared_of(rows).flatten()).await?;
        for together in rows.chunks(READ_TOGETHER) {
            plan.work(together.len()).await;
            plan.prefetch_blocks(prepared_of(together).flatten()).await?;
            let unread = prepared_of(together).filter_map(|row| row.as_ref().err());
            plan.prefetch_named(unread.map(|unread| &*unread.keys)).await?;
            for row in together {
                planned.push(self.row(&mut plan, first_new, row).await?);
            }
            if plan.is_full() {
                break;
            }
        }
        self.so_far.counted = self.so_far.counted.plus(&plan.changes());
        let more: Vec<_> = plan.frees(first_new).collect();
        drop(plan);
        self.freed = freed;
        self.freed.extend(more.into_iter());
        Ok(())
    }

    /// Plans the next row.
    async fn row<R: SentRow>(
        &mut self,
        plan: &mut Plan<'_>,
        first_new: Row,
        row: &Ready<R>,
    ) -> Result<PlannedRow, TableError> {
        let parsed;
        let (line, row) = match row {
            Ready::Prepared(row) => &**row,
            Ready::Same(same, row) => {
                if let Some(planned) = self.so_far.same(row.line(), same) {
                    return Ok(planned);
                }
                parsed = self.prepare(row.parse());
                &parsed
            }
        };
        let slice = Slice { options: &self.request.options, upsert: &self.upsert, first_new };
        self.so_far.row(plan, &slice, line, row).await
    }

    /// Ends the plan after the last row: finds the members that no row names.
    pub async fn end(mut self) -> Result<ListEnd, TableError> {
        let (plan, _) = Plan::beside(&self.open).await?;
        let criteria = Criteria {
            begun: self.begun,
            options: &self.request.options,
            named: &self.so_far.named,
            now: plan.now(),
            limits: &plan.header().settings.tier_limits,
        };
        let mut scope = Scope::new(self.request.scope, self.open.parts.hashes.fold());
        let missing = missing::find(&self.open, &criteria, &mut scope, &mut self.so_far.examples).await?;
        let removed = u64::try_from(missing.rows.len()).unwrap_or(u64::MAX);
        let missing_counts = GuardCounts { of_tiers: missing.of_tiers, ..GuardCounts::of_removals(removed) };
        self.so_far.counted = self.so_far.counted.plus(&missing_counts);
        let counts = plan.header().counts;
        let judged = Judged {
            wanted: self.so_far.counted,
            missing: removed,
            rows: self.so_far.tally.rows(),
            unreadable: self.so_far.unreadable,
            present: counts.active.saturating_add(counts.invited),
            state: plan.guard_state(),
            expected: if self.request.by_admin {
                self.request.options.expect
            } else {
                GuardExpectation::default()
            },
        };
        let (hash, rows_hash) = self.so_far.digest.finish(&missing.rows);
        let summary = PlanSummary {
            counts: ListCounts {
                rows: self.so_far.tally,
                removed,
                not_judged: missing.not_judged,
                out_of_scope: missing.out_of_scope,
                newer: missing.newer,
                spared: 0,
            },
            unreadable: self.so_far.unreadable,
            removed_young: missing.young,
            revisions: (self.begun.revision, self.revision.max(plan.revision())),
            next_row: self.begun.next_row,
            counted: self.so_far.counted,
            of_tiers: judged.of_tiers(),
            hash,
            rows_hash,
            holds: judged.holds(),
        };
        let examples = self.so_far.examples.finish();
        let causes = Causes { over: judged.over(), ..self.so_far.causes };
        Ok(ListEnd { summary, removed: missing.rows, examples, causes })
    }
}

/// A row that was hashed, and its place in the list.
type PreparedRow = (Line, Result<Prepared, UnreadRow>);

/// A row that can be decided.
enum Ready<R> {
    /// It was recognised.
    Same(Same, R),
    /// Any other row.
    Prepared(Box<PreparedRow>),
}

/// The rows that were not recognised.
fn prepared_of<R>(rows: &[Ready<R>]) -> impl Iterator<Item = &Result<Prepared, UnreadRow>> + Clone {
    rows.iter().filter_map(|row| match row {
        Ready::Same(..) => None,
        Ready::Prepared(prepared) => Some(&prepared.1),
    })
}

/// Hashes a row. One without the key that it is to be matched by keeps its other keys.
fn prepare_listed(row: MemberRow, options: &UpsertOptions, hashes: &Hashes) -> Result<Prepared, UnreadRow> {
    let is_findable = row.found_by_id.is_some()
        || row.match_key(options.match_by).is_some()
        || (options.or_email && row.patch.email.as_set().is_some());
    let keys = if is_findable { RowKeys::default() } else { RowKeys::of(&row) };
    prepare(row, options, hashes).map_err(|error| UnreadRow { error, keys: Box::new(keys) })
}
