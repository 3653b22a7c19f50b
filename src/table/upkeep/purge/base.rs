//! The purge of a deleted base whose grace period is over.
//!
//! The purge begins with a mark in the stored head. The mark is written while the base is closed, and the
//! write checks that the head is the one that was read. From then on the base cannot be found or restored, so
//! it never comes back in part. The next round continues an interrupted purge; head and settings are deleted
//! last, in one batch.

use std::sync::Arc;

use crate::engine::{Batch, Engine};
use crate::model::{BaseNumber, Timestamp};
use crate::stored::header::Header;
use crate::stored::key;
use crate::table::TableError;
use crate::table::store::open::Table;

impl Table {
    /// Removes every key of a base, if its purge is due and no caller holds it. `header` is its header as it
    /// was read.
    pub(in crate::table) async fn purge(
        &self,
        number: BaseNumber,
        header: &Header,
    ) -> Result<(), TableError> {
        if !header.is_purging && !self.begin_purge(number).await? {
            return Ok(());
        }
        self.jobs().remove_all_of(number).await?;
        for range in key::all_of(number) {
            self.delete_range(range).await?;
        }
        let deletes = vec![key::settings(number), key::header(number)];
        self.parts.engine.commit(Batch { deletes, ..Batch::default() }).await?;
        tracing::info!(base = number.0, "purged a deleted memberbase after its grace period");
        Ok(())
    }

    /// Writes the mark. Returns `false`, and writes nothing, if the base is in use or was restored meanwhile.
    async fn begin_purge(&self, number: BaseNumber) -> Result<bool, TableError> {
        let (parts, now, grace) = (self.parts.clone(), self.now(), self.config.grace_micros);
        let marked = self.bases.while_closed(number, async move {
            let Some(mut header) = stored_header(&parts.engine, number).await? else { return Ok(false) };
            if !is_due(&header, now, grace) {
                return Ok(false);
            }
            let mut batch = Batch::default();
            batch.checks.push((key::header(number), Some(header.stored_head())));
            if header.whole.take().is_some() {
                batch.put(key::settings(number), header.encode_settings());
            }
            header.is_purging = true;
            header.nonce = parts.nonces.next();
            batch.put(key::header(number), header.encode_head());
            parts.engine.commit(batch).await?;
            Ok(true)
        });
        match marked.await {
            Some(marked) => marked,
            None => {
                tracing::debug!(base = number.0, "a deleted memberbase is in use; it will be purged later");
                Ok(false)
            }
        }
    }
}

/// Whether a base is to be purged: its purge has begun, or it was deleted at least `grace` microseconds ago.
pub(in crate::table) fn is_due(header: &Header, now: Timestamp, grace: i64) -> bool {
    let ends = header.deleted_at.map(|deleted| deleted.micros().saturating_add(grace));
    header.is_purging || ends.is_some_and(|at| at <= now.micros())
}

/// The stored header of a base; `None` if the base does not exist.
pub(in crate::table) async fn stored_header(
    engine: &Arc<dyn Engine>,
    number: BaseNumber,
) -> Result<Option<Header>, TableError> {
    let mut stored = engine.get_many(&[key::header(number), key::settings(number)]).await?.into_iter();
    let (head, settings) = (stored.next().flatten(), stored.next().flatten());
    Ok(head.map(|head| Header::decode(&head, settings.as_deref())).transpose()?)
}
