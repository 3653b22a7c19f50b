//! The results of requests with a request id, stored by the batch that the request is in. If nothing in the
//! batch changed the base, it has these results and no commit.

use crate::stored::idempotency::RequestResult;
use crate::table::RowOutcome;
use crate::table::idempotency::{Claim, Progress, Tally};
use crate::table::plan::Plan;

impl Plan<'_> {
    /// Stores the result of the request that ended last.
    pub fn keep(&mut self, claim: &Claim, answer: RequestResult) {
        self.keep_tally(claim, &mut Tally::default(), answer);
    }

    /// Stores what a request of several batches has done so far.
    pub fn keep_tally(&mut self, claim: &Claim, tally: &mut Tally, answer: RequestResult) {
        let (when, before) = ((self.now, Some(self.revision())), self.commits.puts.len());
        let idempotency = &self.shared.idempotency;
        self.layer.kept_bytes += idempotency.keep_tally(claim, tally, when, answer, &mut self.commits);
        self.count_kept(before);
    }

    /// Stores the outcomes of an upsert's rows so far; `is_complete` if there are no more rows.
    pub fn keep_rows(
        &mut self,
        claim: &Claim,
        progress: &mut Progress,
        outcomes: &[RowOutcome],
        is_complete: bool,
    ) {
        let (when, before) = ((self.now, self.revision()), self.commits.puts.len());
        let idempotency = &self.shared.idempotency;
        let more = idempotency.keep_rows(claim, progress, when, outcomes, is_complete, &mut self.commits);
        self.layer.kept_bytes += more;
        self.count_kept(before);
    }

    /// Adds the puts after the first `before` ones to the weight.
    fn count_kept(&mut self, before: usize) {
        let kept = self.commits.puts.get(before..).unwrap_or_default();
        self.weight.add(kept.iter().map(|(key, value)| key.len() + value.len()).sum());
    }
}
