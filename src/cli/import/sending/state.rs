//! All that an import remembers from one stream to the next.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::late::Late;
use super::overtaken::Overtaken;
use super::resume::{Patience, Unanswered};
use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Refusal;
use crate::cli::import::failed::FailedRows;
use crate::cli::import::progress::Progress;
use crate::cli::import::reading::{Chunk, Format, Repeats};

/// All that an import remembers from one stream to the next.
pub struct Session {
    pub options: v1::ImportOptions,
    pub format: Arc<Format>,
    pub chunks: mpsc::Receiver<Result<Chunk, Error>>,
    pub unanswered: Unanswered,
    pub patience: Patience,
    pub progress: Progress,
    pub failed: FailedRows,
    /// Failed rows that want a value which a later row may free.
    pub late: Late,
    /// Failed rows, and which of them a later row has overtaken.
    pub overtaken: Overtaken,
    /// Rows with the same key as an earlier row.
    pub repeats: Repeats,
    /// Whether some row cannot be sent, so that the server does not know of it.
    pub has_unsendable: bool,
    pub counts: v1::BulkCounts,
    /// How many chunks were sent again.
    pub sent_again: u64,
    /// Ended once the file has no more chunks. An error of the file is reported after all chunks before it
    /// have a reply.
    pub input: Input,
}

/// The state of the file.
pub enum Input {
    Open,
    Ended(Result<(), Error>),
}

impl Session {
    /// Waits after a refusal until the next try; returns the refusal if it is time to give up.
    pub async fn wait_to_try_again(&mut self, refusal: Refusal, now: Instant) -> Result<(), Error> {
        let Some(delay) = self.patience.failed(now, refusal.retry_after()) else {
            self.say_giving_up();
            return Err(refusal.into());
        };
        self.progress.say(&format!("{refusal}; trying again in {} ms", delay.as_millis()));
        tokio::time::sleep(delay).await;
        Ok(())
    }

    fn say_giving_up(&self) {
        self.progress.say(&format!("giving up; {}", self.how_to_go_on()));
    }

    /// How to continue an import that did not reach its end.
    pub fn how_to_go_on(&self) -> String {
        let id = &self.options.import_id;
        format!(
            "run the same command again with --import-id {id} to continue: the counts are then those of the \
             whole import"
        )
    }

    /// Adds up the outcomes of rows; failed rows are counted when they are written out.
    pub fn count(&mut self, counts: v1::BulkCounts) {
        let v1::BulkCounts { created, updated, unchanged, reactivated, status_kept, failed: _ } = counts;
        self.counts.created += created;
        self.counts.updated += updated;
        self.counts.unchanged += unchanged;
        self.counts.reactivated += reactivated;
        self.counts.status_kept += status_kept;
    }
}
