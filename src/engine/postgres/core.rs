//! What the tasks of an open store share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::config::PostgresConfig;
use super::keys::Keys;
use super::ownership::Ownership;
use super::rows::{Beat, Fence, encode_waits};
use super::scope::Scope;
use super::sql::Sql;
use super::tables;
use super::wire::{Failure, Hello, Kept, Known, Link, Tls, connect};
use crate::engine::EngineError;
use crate::engine::lock::lock;

/// How long writes may fail to get through before new ones are refused at once.
const STALL: Duration = Duration::from_secs(2);

/// See the module documentation.
pub(super) struct Core {
    pub(super) config: PostgresConfig,
    pub(super) tls: Tls,
    pub(super) sql: Sql,
    pub(super) ownership: Ownership,
    pub(super) backlog: Backlog,
    /// The front of every fence and beat of this owner.
    pub(super) who: Vec<u8>,
    /// Its last beat.
    beat: Mutex<Beat>,
    /// Held by whoever changes who has a lease; with a connection for that.
    pub(super) lending: tokio::sync::Mutex<Kept>,
    /// The tasks end at once.
    pub(super) stop: CancellationToken,
    /// The store is being closed, and has waited long enough for the database.
    pub(super) hurry: CancellationToken,
    pub(super) is_closed: AtomicBool,
    pub(super) disk_bytes: AtomicU64,
    known: Known,
    stalled: Mutex<Option<(Instant, String)>>,
}

impl Core {
    pub(super) fn new(
        config: PostgresConfig,
        tls: Tls,
        known: Known,
        scope: Scope,
        fence: &Fence,
        ownership: Ownership,
    ) -> Self {
        let (name, address) = (config.name.clone(), config.address.clone());
        let beat = Beat { epoch: fence.epoch, owner: fence.owner, count: 0, name, address };
        let keys = Keys::new(scope, config.lease_of);
        Self {
            sql: Sql::new(&config.dsn.schema, scope),
            tls,
            ownership,
            backlog: Backlog::new(fence.last, config.cache_bytes, keys),
            who: fence.who(),
            beat: Mutex::new(beat),
            lending: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            hurry: CancellationToken::new(),
            is_closed: AtomicBool::new(false),
            disk_bytes: AtomicU64::new(0),
            known,
            stalled: Mutex::default(),
            config,
        }
    }

    /// The bytes of the next beat. No two are the same.
    pub(super) fn next_beat(&self) -> Vec<u8> {
        let mut beat = lock(&self.beat);
        beat.count = beat.count.saturating_add(1);
        beat.encode()
    }

    /// A new connection to the primary; never to one of an earlier timeline than one seen before.
    pub(super) async fn link(&self, config: &PostgresConfig) -> Result<Link, Failure> {
        let (link, hello) = connect(config, &self.tls, &self.known).await?;
        if let Err(failure) = self.seen(&hello) {
            // What it acknowledges is not believed, but an owner that it shows is one.
            self.look_at_fence(&link).await?;
            return Err(failure);
        }
        Ok(link)
    }

    /// Whether a connection leads to a former primary.
    pub(super) fn is_former(&self, link: &Link) -> bool {
        self.known.is_former(link)
    }

    /// Fails if another server owns the store, or if this is a former primary.
    async fn look_at_fence(&self, link: &Link) -> Result<(), Failure> {
        let rows = tables::rows(link, &self.sql).await?;
        self.judge(&rows.fence, 0)
    }

    /// Remembers what a server said about itself.
    pub(super) fn seen(&self, hello: &Hello) -> Result<(), Failure> {
        self.known.saw(hello);
        self.acknowledged(&hello.synchronous_standbys)
    }

    /// Whether an answer that came while these standbys had to acknowledge can be believed. After a failover
    /// the list was once seen to be empty for 20 seconds.
    pub(super) fn acknowledged(&self, standbys: &str) -> Result<(), Failure> {
        self.known.waits_for(standbys);
        if standbys.is_empty() && self.known.is_synchronous() && !self.config.allow_async_replicas {
            return Err(Failure::Lost(
                "the database does not wait for its standbys at the moment: synchronous_standby_names is empty"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Notes in the store that its database waits for standbys, for servers that have not seen it; or that it
    /// no longer has to. `is_noted` tells what the store says now.
    pub(super) async fn note_waiting(
        &self,
        link: &Link,
        hello: &Hello,
        is_noted: bool,
    ) -> Result<(), Failure> {
        let is_allowed = self.config.allow_async_replicas;
        if !is_allowed && !is_noted && self.known.is_synchronous() {
            link.write(&self.sql.must_wait, &[(&encode_waits(), Type::BYTEA)]).await?;
        } else if is_allowed && is_noted && hello.synchronous_standbys.is_empty() {
            link.write(&self.sql.need_not_wait, &[]).await?;
        }
        Ok(())
    }

    /// A write got no answer: the next connection looks for a later primary first.
    pub(super) fn doubt(&self) {
        self.known.doubt();
    }

    /// Judges a fence that the database shows. `least` is a batch that it must have.
    pub(super) fn judge(&self, fence: &Fence, least: u64) -> Result<(), Failure> {
        if fence.epoch < self.ownership.epoch() {
            return Err(Failure::Lost(
                "it is a former primary, which lacks the ownership of this server".to_owned(),
            ));
        }
        if fence.who() != self.who {
            return Err(self.taken_over());
        }
        if fence.last < least {
            return Err(Failure::Lost("it lacks writes that were acknowledged".to_owned()));
        }
        Ok(())
    }

    /// The rows have another owner.
    pub(super) fn taken_over(&self) -> Failure {
        self.ownership.lose(self.sql.scope.taken_over());
        Failure::Engine(self.not_owner())
    }

    /// Why reads are not answered now.
    pub(super) fn may_answer(&self) -> Result<(), EngineError> {
        if self.is_closed.load(Ordering::Acquire) {
            Err(EngineError::Closed)
        } else if self.ownership.holds_now() {
            Ok(())
        } else {
            Err(self.not_owner())
        }
    }

    /// Why the tables cannot be read any more.
    pub(super) fn may_read(&self) -> Result<(), EngineError> {
        if self.ownership.reason().is_some() { Err(self.not_owner()) } else { Ok(()) }
    }

    pub(super) fn not_owner(&self) -> EngineError {
        EngineError::NotOwner(self.ownership.reason().unwrap_or_else(|| {
            let age = self.ownership.beat_age().as_secs();
            format!("it could not renew its ownership in the database for {age} s")
        }))
    }

    /// Why nothing can be appended now.
    pub(super) fn may_append(&self) -> Result<(), EngineError> {
        if self.is_closed.load(Ordering::Acquire) { Err(EngineError::Closed) } else { self.may_number() }
    }

    /// Why no batch gets a number now: what was lost, or for how long the database has failed. What was
    /// appended before the store is closed still gets one.
    pub(super) fn may_number(&self) -> Result<(), EngineError> {
        if self.ownership.reason().is_some() {
            return Err(self.not_owner());
        }
        if let Some(error) = self.backlog.refusing() {
            return Err(error);
        }
        match &*lock(&self.stalled) {
            Some((since, why)) if since.elapsed() > STALL => {
                Err(EngineError::Io(format!("the database accepts no writes at the moment: {why}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes do not get through, for this reason; `None` if they do again.
    pub(super) fn stalled(&self, why: Option<String>) {
        let mut stalled = lock(&self.stalled);
        *stalled = why.map(|why| {
            let since = stalled.as_ref().map_or_else(Instant::now, |(since, _)| *since);
            (since, why)
        });
    }
}
