//! What became of requests that name themselves, written with the batch that they are in: also of those that changed
//! nothing, in a batch that has no commit.

use super::Plan;
use crate::schema::request::Answer;
use crate::table::RowOutcome;
use crate::table::requests::{NamedRequest, Progress};

impl Plan<'_> {
    /// Keeps what became of the request that ended last.
    pub fn keep(&mut self, named: &NamedRequest, answer: Answer) {
        let revision = Some(self.revision());
        let more = self.shared.requests.keep(named, self.now, revision, answer, &mut self.commits);
        self.layer.kept_bytes += more;
    }

    /// Keeps what became of the rows of an upsert so far; `is_complete` if there are no more.
    pub fn keep_rows(
        &mut self,
        named: &NamedRequest,
        progress: &mut Progress,
        outcomes: &[RowOutcome],
        is_complete: bool,
    ) {
        let when = (self.now, self.revision());
        let requests = &self.shared.requests;
        let more = requests.keep_rows(named, progress, when, outcomes, is_complete, &mut self.commits);
        self.layer.kept_bytes += more;
    }
}
