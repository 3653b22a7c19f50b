//! The purge of a base that was deleted and whose grace period is over.
//!
//! It begins with a mark in the stored head, which is written while the base is closed, against the very head that was looked
//! at. From then on the base is not found, whoever asks, and cannot be brought back: no part of it ever can. A purge that is
//! cut short is taken up by the next round; head and settings go last, and together.

use std::sync::Arc;

use crate::engine::{Batch, Engine};
use crate::model::{BaseNumber, Timestamp};
use crate::stored::header::Header;
use crate::stored::key;
use crate::table::TableError;
use crate::table::store::open::Table;

impl Table {
    /// Removes every key of a base, if it was deleted long enough ago; `header` is how it was found.
    pub(in crate::table) async fn purge(
        &self,
        number: BaseNumber,
        header: &Header,
    ) -> Result<(), TableError> {
        if !header.is_purging && !self.begin_purge(number).await? {
            return Ok(());
        }
        for range in key::all_of(number) {
            self.delete_range(range).await?;
        }
        let deletes = vec![key::settings(number), key::header(number)];
        self.engine.commit(Batch { deletes, ..Batch::default() }).await?;
        tracing::info!(base = number.0, "purged a deleted memberbase after its grace period");
        Ok(())
    }

    /// Writes the mark. `false` if somebody uses the base, or brought it back meanwhile: then it stays as it is.
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
                tracing::debug!(base = number.0, "a deleted memberbase is in use; the next round purges it");
                Ok(false)
            }
        }
    }
}

/// Whether a base is to be purged: it is being purged already, or was deleted `grace` microseconds ago.
pub(in crate::table) fn is_due(header: &Header, now: Timestamp, grace: i64) -> bool {
    let ends = header.deleted_at.map(|deleted| deleted.micros().saturating_add(grace));
    header.is_purging || ends.is_some_and(|at| at <= now.micros())
}

/// What is stored of a base; nothing if it is gone.
pub(in crate::table) async fn stored_header(
    engine: &Arc<dyn Engine>,
    number: BaseNumber,
) -> Result<Option<Header>, TableError> {
    let mut stored = engine.get_many(&[key::header(number), key::settings(number)]).await?.into_iter();
    let (head, settings) = (stored.next().flatten(), stored.next().flatten());
    Ok(head.map(|head| Header::decode(&head, settings.as_deref())).transpose()?)
}
