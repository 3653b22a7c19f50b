//! Housekeeping: bases that nobody uses are closed, deleted ones are purged after their grace period, what hung on deleted members is
//! purged, and commits leave
//! the commit log after their retention (never before the stored indexes have them). What is kept of requests goes after its time. When tokens were last used is written
//! here too.

use std::sync::Arc;

use super::TableError;
use super::store::Table;
use crate::engine::{Batch, Direction, KeyRange};
use crate::model::{BaseNumber, Timestamp};
use crate::schema::commit::CommitPart;
use crate::schema::index::IndexState;
use crate::schema::key;

/// A base that was not asked for during this long is closed, in microseconds.
const IDLE_MICROS: i64 = 10 * 60 * 1_000_000;
/// Keys deleted in one batch.
const DELETE_AT_ONCE: usize = 1000;
/// Bases looked at in one step.
const BASES_AT_ONCE: usize = 500;

impl Table {
    /// One round of housekeeping. A round cut short is taken up by the next.
    pub async fn maintain(&self) -> Result<(), TableError> {
        self.close_idle().await?;
        self.tokens().store_uses().await?;
        let mut after = None;
        loop {
            let bases = self.list_bases(after, false, BASES_AT_ONCE).await?;
            let Some(last) = bases.last() else { return self.requests().tidy(self.now()).await };
            after = Some(last.number);
            for base in bases {
                let purge_at =
                    base.deleted_at.map(|deleted| deleted.micros().saturating_add(self.config.grace_micros));
                if purge_at.is_some_and(|at| at <= self.now().micros()) {
                    self.purge(base.number).await?;
                } else {
                    self.purge_records(base.number).await?;
                    self.drop_old_commits(base.number).await?;
                }
            }
        }
    }

    async fn close_idle(&self) -> Result<(), TableError> {
        let now = self.now().micros();
        for number in self.open_numbers() {
            let slot = self.slot(number);
            let mut place = slot.lock().await;
            let idle = |base: &&mut Arc<super::Base>| {
                Arc::strong_count(base) == 1 && base.last_used().micros().saturating_add(IDLE_MICROS) <= now
            };
            if let Some(base) = place.as_mut().filter(idle) {
                base.close().await?;
                *place = None;
            }
        }
        Ok(())
    }

    /// Removes every key of a base that is deleted; head and settings go last, and together.
    async fn purge(&self, number: BaseNumber) -> Result<(), TableError> {
        let slot = self.slot(number);
        let mut place = slot.lock().await;
        if let Some(base) = place.take() {
            base.close().await?;
        }
        let still_deleted = self.list_bases(previous(number), false, 1).await?;
        if still_deleted.first().is_none_or(|base| base.number != number || base.deleted_at.is_none()) {
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

    pub(super) async fn delete_range(&self, range: KeyRange) -> Result<(), TableError> {
        loop {
            let pairs = self.engine.scan(range.clone(), Direction::Forward, DELETE_AT_ONCE).await?;
            if pairs.is_empty() {
                return Ok(());
            }
            let deletes = pairs.into_iter().map(|(key, _)| key).collect();
            self.engine.commit(Batch { deletes, ..Batch::default() }).await?;
        }
    }

    async fn drop_old_commits(&self, number: BaseNumber) -> Result<(), TableError> {
        let oldest =
            Timestamp::from_micros(self.now().micros().saturating_sub(self.config.commit_retention_micros));
        loop {
            let state = self.engine.get_many(&[key::index(number)]).await?.pop().flatten();
            let watermark =
                state.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default().watermark;
            let parts = self.engine.scan(key::commits(number), Direction::Forward, DELETE_AT_ONCE).await?;
            let found = parts.len();
            let mut deletes = Vec::new();
            for (key, part) in parts {
                let in_indexes = key::commit_revision(&key).is_some_and(|revision| revision <= watermark);
                if !in_indexes || CommitPart::open(&part)?.time >= oldest {
                    break;
                }
                deletes.push(key);
            }
            let complete = deletes.len() < found || found < DELETE_AT_ONCE;
            if !deletes.is_empty() {
                self.engine.commit(Batch { deletes, ..Batch::default() }).await?;
            }
            if complete {
                return Ok(());
            }
        }
    }
}

fn previous(number: BaseNumber) -> Option<BaseNumber> {
    number.0.checked_sub(1).map(BaseNumber)
}
