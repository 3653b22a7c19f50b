//! What waits to be read.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::{Notify, oneshot};

use super::page::{Page, Span};
use crate::engine::lock::lock;
use crate::engine::postgres::backlog::Read;
use crate::engine::postgres::core::Core;
use crate::engine::{EngineError, Key};

/// The most keys in one statement.
const MAX_KEYS: usize = 1000;

/// A queue of reads.
#[derive(Debug, Default)]
pub(in crate::engine::postgres) struct Reads {
    waiting: Mutex<VecDeque<Want>>,
    more: Notify,
}

/// One read, whose answer somebody waits for.
#[derive(Debug)]
pub(super) enum Want {
    Get { keys: Vec<Key>, reply: Reply<Read> },
    Page { span: Span, reply: Reply<Page> },
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

impl Reads {
    /// The values of `keys` in the tables.
    pub(in crate::engine::postgres) async fn get(
        &self,
        core: &Core,
        keys: Vec<Key>,
    ) -> Result<Read, EngineError> {
        let mut read = Read::new();
        for keys in keys.chunks(MAX_KEYS) {
            let want = |reply| Want::Get { keys: keys.to_vec(), reply };
            read.append(&mut self.ask(core, want).await?);
        }
        Ok(read)
    }

    /// A page of the table.
    pub(in crate::engine::postgres) async fn page(
        &self,
        core: &Core,
        span: Span,
    ) -> Result<Page, EngineError> {
        self.ask(core, |reply| Want::Page { span, reply }).await
    }

    async fn ask<T>(&self, core: &Core, want: impl FnOnce(Reply<T>) -> Want) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        lock(&self.waiting).push_back(want(reply));
        self.more.notify_one();
        match tokio::time::timeout(core.config.statement_within, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(EngineError::Closed),
            Err(_) => Err(EngineError::Io("the database did not answer in time".to_owned())),
        }
    }

    /// Waits for something to read: lookups that fit one statement, or one page.
    pub(super) async fn take(&self) -> Vec<Want> {
        loop {
            let taken = self.take_now();
            if !taken.is_empty() {
                return taken;
            }
            self.more.notified().await;
        }
    }

    fn take_now(&self) -> Vec<Want> {
        let mut waiting = lock(&self.waiting);
        let (mut taken, mut keys) = (Vec::new(), 0);
        while let Some(want) = waiting.front() {
            match want {
                Want::Page { .. } if !taken.is_empty() => break,
                Want::Page { .. } => keys = MAX_KEYS,
                Want::Get { keys: more, .. } => keys += more.len(),
            }
            if keys > MAX_KEYS && !taken.is_empty() {
                break;
            }
            taken.extend(waiting.pop_front());
            if keys >= MAX_KEYS {
                break;
            }
        }
        if !waiting.is_empty() {
            // For the next reader.
            self.more.notify_one();
        }
        taken
    }
}

impl Want {
    /// Whether nobody waits any more.
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Get { reply, .. } => reply.is_closed(),
            Self::Page { reply, .. } => reply.is_closed(),
        }
    }

    pub(super) fn fail(self, error: EngineError) {
        match self {
            Self::Get { reply, .. } => drop(reply.send(Err(error))),
            Self::Page { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}
