//! The results of requests with a request id, stored by the batch that the request is in. If nothing in the
//! batch changed the base, it has these results and no commit.

use crate::stored::idempotency::RequestResult;
use crate::table::RowOutcome;
use crate::table::idempotency::{Claim, Progress, Tally};
use crate::table::plan::batch::Plan;
use crate::table::plan::step_request::StepWrites;

impl Plan<'_> {
    /// Stores the result of the request that ended last.
    pub fn store(&mut self, claim: &Claim, result: RequestResult) {
        self.store_tally(claim, &mut Tally::default(), result);
    }

    /// Stores what a request of several batches has done so far.
    pub fn store_tally(&mut self, claim: &Claim, tally: &mut Tally, result: RequestResult) {
        let (when, before) = ((self.now, Some(self.revision())), self.commits.puts.len());
        let idempotency = &self.open.parts.idempotency;
        self.layer.result_bytes += idempotency.store_tally(claim, tally, when, result, &mut self.commits);
        self.count_stored(before);
    }

    /// Stores the outcomes of an upsert's rows so far; `is_complete` if there are no more rows.
    pub fn store_rows(
        &mut self,
        claim: &Claim,
        progress: &mut Progress,
        outcomes: &[RowOutcome],
        is_complete: bool,
    ) {
        let (when, before) = ((self.now, self.revision()), self.commits.puts.len());
        let idempotency = &self.open.parts.idempotency;
        let more = idempotency.store_rows(claim, progress, when, outcomes, is_complete, &mut self.commits);
        self.layer.result_bytes += more;
        self.count_stored(before);
    }

    /// Writes in the batch what a step stores about its job.
    pub fn add_writes(&mut self, writes: StepWrites) {
        let before = self.commits.puts.len();
        self.commits.checks.extend(writes.checks);
        self.commits.puts.extend(writes.puts);
        self.count_stored(before);
    }

    /// Adds the puts after the first `before` ones to the weight.
    fn count_stored(&mut self, before: usize) {
        let stored = self.commits.puts.get(before..).unwrap_or_default();
        self.weight.add(stored.iter().map(|(key, value)| key.len() + value.len()).sum());
    }
}
