//! Housekeeping: bases that nobody uses are closed, deleted ones are purged after their grace period, what hung on deleted
//! members is purged, and commits leave the commit log after their retention (never before the stored indexes have them).
//! What is kept of requests goes after its time. When tokens were last used is written here too.
//!
//! - What cannot be tidied holds up nothing else: it is logged with its reason, and left to the next round.
//! - A round that is cut short is taken up by the next.

use std::ops::Bound;
use std::sync::atomic::Ordering;

use crate::engine::{Batch, Direction, KeyRange};
use crate::model::{BaseNumber, Timestamp};
use crate::stored::commit::CommitPart;
use crate::stored::index::IndexState;
use crate::stored::key;
use crate::table::TableError;
use crate::table::store::open::Table;
use crate::table::upkeep::purge::base::{is_due, stored_header};

/// A base that was not asked for during this long is closed, in microseconds.
const IDLE_MICROS: i64 = 10 * 60 * 1_000_000;
/// Keys deleted in one batch.
const DELETE_AT_ONCE: usize = 1000;
/// Bases looked at in one step.
const BASES_AT_ONCE: usize = 500;

/// What a round left undone.
#[derive(Debug, Default)]
struct Undone(Option<TableError>);

impl Undone {
    /// Notes how a piece of work of a base, or of the whole store, ended.
    fn note(&mut self, base: Option<BaseNumber>, done: Result<(), TableError>) {
        if let Err(error) = done {
            let base = base.map(|number| number.0);
            tracing::warn!(base, %error, "housekeeping left something undone; the next round takes it up");
            self.0.get_or_insert(error);
        }
    }
}

impl Table {
    /// One round of housekeeping. Everything that can be done is done; the error is the first of what could not.
    pub async fn maintain(&self) -> Result<(), TableError> {
        let mut undone = Undone::default();
        let before = Timestamp::from_micros(self.now().micros().saturating_sub(IDLE_MICROS));
        for (number, error) in self.bases.close_idle(before).await {
            undone.note(Some(number), Err(error));
        }
        undone.note(None, self.tokens().store_uses().await);
        let tidied = self.tidy_bases(&mut undone).await;
        undone.note(None, tidied);
        undone.note(None, self.idempotency().tidy(self.now()).await);
        self.is_untidy.store(undone.0.is_some(), Ordering::Relaxed);
        undone.0.map_or(Ok(()), Err)
    }

    async fn tidy_bases(&self, undone: &mut Undone) -> Result<(), TableError> {
        let mut range = key::headers();
        loop {
            let heads = self.engine.scan(range.clone(), Direction::Forward, BASES_AT_ONCE).await?;
            let Some((last, _)) = heads.last() else { return Ok(()) };
            range.start = Bound::Excluded(last.clone());
            for number in heads.iter().filter_map(|(key, _)| key::header_base(key)) {
                let done = self.tidy_base(number).await;
                undone.note(Some(number), done);
            }
        }
    }

    async fn tidy_base(&self, number: BaseNumber) -> Result<(), TableError> {
        let Some(header) = stored_header(&self.engine, number).await? else { return Ok(()) };
        if is_due(&header, self.now(), self.config.grace_micros) {
            return self.purge(number, &header).await;
        }
        self.purge_records(number).await?;
        self.drop_old_commits(number).await
    }

    pub(in crate::table) async fn delete_range(&self, range: KeyRange) -> Result<(), TableError> {
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
