//! What an open base reports to operators.

use crate::model::{BaseNumber, StatusCounts};
use crate::table::base::handle::Base;

/// The counters and health of an open base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseStatus {
    /// Its number.
    pub number: BaseNumber,
    /// Its members.
    pub counts: StatusCounts,
    /// The requests that wait in its queue; those that its lane took already are not counted.
    pub queue: usize,
    /// The changes of lookups that no checkpoint has begun to write.
    pub overlay_entries: usize,
    /// The commits since the one up to which the stored indexes are written.
    pub commits_behind: u64,
}

impl Base {
    /// Counters and health, for operators.
    pub async fn status(&self) -> BaseStatus {
        let queue = self.jobs.read().await.as_ref().map_or(0, |jobs| jobs.max_capacity() - jobs.capacity());
        let published = self.open.published.read().await;
        BaseStatus {
            number: self.open.number,
            counts: published.header.counts,
            queue,
            overlay_entries: published.overlay_entries(),
            commits_behind: published.header.revision.saturating_sub(published.stored.watermark),
        }
    }
}
