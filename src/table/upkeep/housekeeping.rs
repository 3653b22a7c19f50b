//! Housekeeping closes idle bases, purges deleted bases after their grace period and the records of deleted
//! members, and removes commits from the commit log after their retention, but never before the stored
//! indexes have them. It also removes expired results of requests, and stores when tokens were last used.
//!
//! - A failure holds up nothing else: it is logged, and the next round tries again.
//! - The next round continues what an interrupted round left undone.
//! - A base that is lent is left to the process that has it. If nobody can tell that process any more that the
//!   base is wanted, it is taken back.

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

/// A base is closed if no caller asked for it during this time, in microseconds.
const IDLE_MICROS: i64 = 10 * 60 * 1_000_000;
/// Keys deleted in one batch.
const DELETE_AT_ONCE: usize = 1000;
/// Heads read at once.
const BASES_AT_ONCE: usize = 500;

/// The first error of a round, if there was one.
#[derive(Debug, Default)]
struct Undone(Option<TableError>);

impl Undone {
    /// Logs and notes the error of some work on a base, or on the whole store.
    fn note(&mut self, base: Option<BaseNumber>, done: Result<(), TableError>) {
        if let Err(error) = done {
            let base = base.map(|number| number.0);
            tracing::warn!(base, %error, "housekeeping left something undone; the next round will try again");
            self.0.get_or_insert(error);
        }
    }
}

impl Table {
    /// One round of housekeeping. It does everything that it can, and returns the first error.
    pub async fn maintain(&self) -> Result<(), TableError> {
        let mut undone = Undone::default();
        match self.parts.only {
            Some(number) => undone.note(Some(number), self.tidy_base(number).await),
            None => self.maintain_store(&mut undone).await,
        }
        self.is_untidy.store(undone.0.is_some(), Ordering::Relaxed);
        undone.0.map_or(Ok(()), Err)
    }

    async fn maintain_store(&self, undone: &mut Undone) {
        let before = Timestamp::from_micros(self.now().micros().saturating_sub(IDLE_MICROS));
        for (number, error) in self.bases.close_idle(before).await {
            undone.note(Some(number), Err(error));
        }
        undone.note(None, self.parts.leases.take_back_forgotten().await);
        undone.note(None, self.tokens().store_uses().await);
        let tidied = self.tidy_bases(undone).await;
        undone.note(None, tidied);
        undone.note(None, self.idempotency().tidy(self.now()).await);
        undone.note(None, self.jobs().tidy(self.now()).await);
    }

    async fn tidy_bases(&self, undone: &mut Undone) -> Result<(), TableError> {
        let mut range = key::headers();
        loop {
            let heads = self.parts.engine.scan(range.clone(), Direction::Forward, BASES_AT_ONCE).await?;
            let Some((last, _)) = heads.last() else { return Ok(()) };
            range.start = Bound::Excluded(last.clone());
            for number in heads.iter().filter_map(|(key, _)| key::header_base(key)) {
                let done = self.tidy_base(number).await;
                undone.note(Some(number), done);
            }
        }
    }

    async fn tidy_base(&self, number: BaseNumber) -> Result<(), TableError> {
        let Some(_kept) = self.parts.leases.keep(number) else { return Ok(()) };
        let Some(header) = stored_header(&self.parts.engine, number).await? else { return Ok(()) };
        if is_due(&header, self.now(), self.config.grace_micros) {
            return self.purge(number, &header).await;
        }
        // In this order, so that marks of records end together with their commits.
        let dropped = self.drop_old_commits(number).await;
        let purged = self.purge_records(number, &header).await;
        dropped.and(purged)
    }

    pub(in crate::table) async fn delete_range(&self, range: KeyRange) -> Result<(), TableError> {
        loop {
            let pairs = self.parts.engine.scan(range.clone(), Direction::Forward, DELETE_AT_ONCE).await?;
            if pairs.is_empty() {
                return Ok(());
            }
            let deletes = pairs.into_iter().map(|(key, _)| key).collect();
            self.parts.engine.commit(Batch { deletes, ..Batch::default() }).await?;
        }
    }

    async fn drop_old_commits(&self, number: BaseNumber) -> Result<(), TableError> {
        let oldest =
            Timestamp::from_micros(self.now().micros().saturating_sub(self.config.commit_retention_micros));
        loop {
            let state = self.parts.engine.get_many(&[key::index(number)]).await?.pop().flatten();
            let watermark =
                state.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default().watermark;
            let parts =
                self.parts.engine.scan(key::commits(number), Direction::Forward, DELETE_AT_ONCE).await?;
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
                self.parts.engine.commit(Batch { deletes, ..Batch::default() }).await?;
            }
            if complete {
                return Ok(());
            }
        }
    }
}
