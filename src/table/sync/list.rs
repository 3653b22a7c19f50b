//! Plans a full list, slice by slice.

use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::model::{
    GuardCounts, GuardExpectation, ListCounts, MemberRow, PlanSummary, Row, RowKeys, UnreadRow, UpsertOptions,
};
use crate::table::TableError;
use crate::table::index::hash::Hashes;
use crate::table::open::OpenBase;
use crate::table::plan::{Freed, Plan, Prepared, READ_TOGETHER, prepare};
use crate::table::sync::earlier;
use crate::table::sync::guarded::{Causes, Judged};
use crate::table::sync::missing::{self, Criteria};
use crate::table::sync::request::{Begun, ListEnd, ListRequest, ListRow, PlannedRow};
use crate::table::sync::same::{Listed, Recogniser, RowReader, Same};
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
    pub async fn rows<P: RowReader>(
        &mut self,
        reader: &P,
        rows: Vec<Listed<P::Row>>,
    ) -> Result<Vec<PlannedRow>, TableError> {
        let mut ready: Vec<Ready<P::Row>> = Vec::with_capacity(rows.len());
        for row in rows {
            ready.push(match row {
                Listed::Same(same, row) => Ready::Same(same, row),
                Listed::Parsed(row) => Ready::Prepared(Box::new(self.prepare(*row))),
            });
        }
        let mut planned = Vec::with_capacity(ready.len());
        while let Some(rows) = ready.get(planned.len()..).filter(|rows| !rows.is_empty()) {
            self.slice(reader, rows.get(..SLICE_ROWS).unwrap_or(rows), &mut planned).await?;
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
    async fn slice<P: RowReader>(
        &mut self,
        reader: &P,
        rows: &[Ready<P::Row>],
        planned: &mut Vec<PlannedRow>,
    ) -> Result<(), TableError> {
        let open = Arc::clone(&self.open);
        let freed = std::mem::take(&mut self.freed);
        let (mut plan, first_new) = Plan::beside(&open).await?;
        self.revision = self.revision.max(plan.revision());
        plan.act_for(self.request.origin, self.request.sight);
        plan.count_only();
        plan.after(&freed);
        let prepared = prepared_of(rows);
        plan.prefetch_keys(read(&prepared)).await?;
        for together in rows.chunks(READ_TOGETHER) {
            plan.work(together.len()).await;
            let prepared = if prepared.is_empty() { Vec::new() } else { prepared_of(together) };
            if !prepared.is_empty() {
                plan.prefetch_blocks(read(&prepared)).await?;
                plan.prefetch_named(keys_of_unread(&prepared)).await?;
            }
            for row in together {
                let done = match row {
                    Ready::Same(same, row) => self.so_far.same(reader.line(row), same),
                    Ready::Prepared(_) => None,
                };
                planned.push(match done {
                    Some(planned) => planned,
                    None => self.row(&mut plan, first_new, reader, row).await?,
                });
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

    /// Plans the next row, which is parsed if that was not done.
    async fn row<P: RowReader>(
        &mut self,
        plan: &mut Plan<'_>,
        first_new: Row,
        reader: &P,
        row: &Ready<P::Row>,
    ) -> Result<PlannedRow, TableError> {
        let parsed;
        let (line, row) = match row {
            Ready::Prepared(row) => &**row,
            Ready::Same(_, row) => {
                parsed = self.prepare(reader.parse(row));
                &parsed
            }
        };
        let slice = Slice { options: &self.request.options, upsert: &self.upsert, first_new };
        self.so_far.row(plan, &slice, line, row).await
    }

    /// Ends the plan after the last row: finds the members that no row names.
    pub async fn end(mut self) -> Result<ListEnd, TableError> {
        let (plan, _) = Plan::beside(&self.open).await?;
        let ListRequest { arrived_at, job, .. } = self.request;
        let earlier = match self.request.options.as_of {
            Some(_) => RoaringTreemap::new(),
            None => earlier::created(&self.open, job, arrived_at, self.begun.revision).await?,
        };
        let criteria = Criteria {
            begun: self.begun,
            options: &self.request.options,
            arrived_at,
            earlier,
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
fn prepared_of<R>(rows: &[Ready<R>]) -> Vec<&Result<Prepared, UnreadRow>> {
    let prepared = rows.iter().filter_map(|row| match row {
        Ready::Same(..) => None,
        Ready::Prepared(prepared) => Some(&prepared.1),
    });
    prepared.collect()
}

/// Those of them that can be applied.
fn read<'a>(rows: &'a [&'a Result<Prepared, UnreadRow>]) -> impl Iterator<Item = &'a Prepared> + Clone {
    rows.iter().filter_map(|row| row.as_ref().ok())
}

/// The keys of the others.
fn keys_of_unread<'a>(rows: &'a [&'a Result<Prepared, UnreadRow>]) -> impl Iterator<Item = &'a RowKeys> {
    rows.iter().filter_map(|row| row.as_ref().err()).map(|unread| &*unread.keys)
}

/// Hashes a row. One without the key that it is to be matched by keeps its other keys.
fn prepare_listed(row: MemberRow, options: &UpsertOptions, hashes: &Hashes) -> Result<Prepared, UnreadRow> {
    let is_findable = row.found_by_id.is_some()
        || row.match_key(options.match_by).is_some()
        || (options.or_email && row.patch.email.as_set().is_some());
    let keys = if is_findable { RowKeys::default() } else { RowKeys::of(&row) };
    prepare(row, options, hashes).map_err(|error| UnreadRow { error, keys: Box::new(keys) })
}
