//! All that an import remembers from one stream to the next.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::late::Late;
use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Refusal;
use crate::cli::import::chunk::Chunk;
use crate::cli::import::failed::FailedRows;
use crate::cli::import::format::Format;
use crate::cli::import::overtaken::Overtaken;
use crate::cli::import::progress::Progress;
use crate::cli::import::repeats::Repeats;
use crate::cli::import::resume::{Patience, Unanswered};

/// All that an import remembers from one stream to the next.
pub struct Session {
    pub options: v1::ImportOptions,
    pub format: Arc<Format>,
    pub chunks: mpsc::Receiver<Result<Chunk, Error>>,
    pub unanswered: Unanswered,
    pub patience: Patience,
    pub progress: Progress,
    pub failed: FailedRows,
    /// Rows that failed for a value that a later row may give up.
    pub late: Late,
    /// Rows that failed, and that a later row has made out of date.
    pub overtaken: Overtaken,
    /// Rows that name a member which an earlier row named.
    pub repeats: Repeats,
    /// Whether a row came that cannot be sent, of which the server knows nothing.
    pub has_unsendable: bool,
    pub counts: v1::BulkCounts,
    /// Chunks that were sent more than once.
    pub sent_again: u64,
    /// Set once the file has no more chunks; an error in it is reported after everything before it is
    /// answered.
    pub input: Input,
}

/// The state of the file.
pub enum Input {
    Open,
    Ended(Result<(), Error>),
}

impl Session {
    /// Waits after a refusal, until what was refused may be tried again; the refusal if it has been in vain
    /// for too long.
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

    /// What to do after an import that did not come to its end.
    pub fn how_to_go_on(&self) -> String {
        let id = &self.options.import_id;
        format!(
            "run the same command again with --import-id {id} to go on: the counts are then those of the \
             whole import"
        )
    }

    /// Adds up what became of rows; failed ones are counted where they are written out.
    pub fn count(&mut self, counts: v1::BulkCounts) {
        let v1::BulkCounts { created, updated, unchanged, reactivated, status_kept, failed: _ } = counts;
        self.counts.created += created;
        self.counts.updated += updated;
        self.counts.unchanged += unchanged;
        self.counts.reactivated += reactivated;
        self.counts.status_kept += status_kept;
    }
}
