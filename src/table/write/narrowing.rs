//! Changes of the attribute schema that wait until members are counted: those that remove or retype an
//! attribute in a large base.
//!
//! - One count is under way at a time, for the first request that waits. Every change of the schema that
//!   comes meanwhile waits behind it, so what is counted stays what the first one asks. Other requests do not
//!   wait.
//! - Once the count is complete the requests go back into the queue, and the batch that is planned next has
//!   the count. After that batch it is forgotten.

use std::collections::VecDeque;

use crate::table::plan::Valued;
use crate::table::write::job::Job;

/// What waits, and the count that it waits for.
#[derive(Default)]
pub struct Narrowing {
    waiting: VecDeque<Job>,
    count: Option<Valued>,
}

impl Narrowing {
    /// Whether a request waits for a count.
    pub fn is_under_way(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Begins with a count for this request.
    pub fn begin(&mut self, job: Job, count: Valued) {
        self.waiting.push_back(job);
        self.count = Some(count);
    }

    /// Lets this request wait behind the others.
    pub fn wait(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// The first request that waits.
    pub fn first(&self) -> Option<&Job> {
        self.waiting.front()
    }

    /// The count under way.
    pub fn count(&self) -> Option<&Valued> {
        self.count.as_ref()
    }

    /// Takes over the count after a piece.
    pub fn advance(&mut self, count: Valued) {
        self.count = Some(count);
    }

    /// The count that the next batch is planned with. A complete one serves only this batch.
    pub fn for_batch(&mut self) -> Option<Valued> {
        let count = self.count.take();
        self.count = count.clone().filter(|count| !count.is_complete());
        count
    }

    /// Follows a batch that was appended, which was planned with the count and has left it so.
    pub fn follow(&mut self, count: Option<Valued>) {
        if let Some(count) = count.filter(|count| !count.is_complete()) {
            self.count = Some(count);
        }
    }

    /// Counts from the beginning: what was counted may have included what failed.
    pub fn restart(&mut self) {
        self.count = self.count.take().map(|count| count.restarted());
    }

    /// All that wait, in order. They wait no longer.
    pub fn take(&mut self) -> VecDeque<Job> {
        std::mem::take(&mut self.waiting)
    }

    /// All that wait, in order; the count is given up.
    pub fn give_up(&mut self) -> VecDeque<Job> {
        self.count = None;
        self.take()
    }
}
