//! Lends keys, and takes them back.
//!
//! Memory goes first and comes last: a lease is marked as lent before the database grants it, and the mark
//! goes when the database says that nobody else writes its keys. In between every batch with such keys is
//! refused, whatever became of the statements.
//!
//! Whoever has a lease is left alone until it gives it back, or was silent for longer than a term, as with the
//! store itself. But it may hang while it still renews: after two terms its rows are changed under it. Then it
//! writes nothing more, and cannot renew, and a term later it answers nothing more.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::leases::{Change, Holder, marked, moved};
use super::takeover::{Verdict, Watch};
use crate::engine::postgres::core::Core;
use crate::engine::postgres::rows::{Beat, Fence, NOBODY, random_id};
use crate::engine::postgres::scope::Scope;
use crate::engine::postgres::sql::Sql;
use crate::engine::postgres::tables::{self, Rows};
use crate::engine::postgres::wire::{Failure, Kept, Link};
use crate::engine::postgres::writing::{cell, check_last};
use crate::engine::{EngineError, Grant};

/// How long lending waits for batches that the caller has published.
const DRAIN_WITHIN: Duration = Duration::from_secs(2);
const DRAIN_EVERY: Duration = Duration::from_millis(5);
/// How often the rows of a lease are looked at while it is taken back: at first, and in the end.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// After so many terms a tenant that renews and does not give back loses its lease.
const PATIENCE: u32 = 2;

/// See [`Engine::lend`](crate::engine::Engine::lend).
pub(super) async fn lend(core: &Core, lease: u32) -> Result<Grant, EngineError> {
    if core.sql.scope != Scope::Store {
        return Err(EngineError::Unsupported("leases"));
    }
    let mut alone = core.lending.lock().await;
    core.may_append()?;
    if !core.backlog.lend(lease) {
        return Err(EngineError::Lent(format!("the lease {lease} is lent already")));
    }
    if !drained(core, lease).await {
        core.backlog.take_back(lease);
        return Err(EngineError::Io(format!("writes with keys of the lease {lease} are not published yet")));
    }
    granted(core, &mut alone, lease).await.map_err(Failure::into_engine)
}

/// Waits until the tables have all that this process wrote to the lease.
async fn drained(core: &Core, lease: u32) -> bool {
    let begun = Instant::now();
    while core.backlog.has_pending(lease) {
        if begun.elapsed() > DRAIN_WITHIN {
            return false;
        }
        tokio::time::sleep(DRAIN_EVERY).await;
    }
    true
}

async fn granted(core: &Core, kept: &mut Kept, lease: u32) -> Result<Grant, Failure> {
    let link = linked(core, kept).await?;
    let rows = rows_of(core, &link, &sql_of(core, lease), lease).await?;
    if !rows.fence.is_free() {
        return Err(Failure::Refused(format!("the lease {lease} has a tenant already")));
    }
    let grant = random_id()?;
    let [beat, fence] = moved(lease, &rows, Holder::Granted(grant))?;
    if !change(core, &link, &[beat, fence, marked(&rows, Some(random_id()?))]).await? {
        return Err(Failure::Refused(format!("the rows of the lease {lease} were changed by somebody else")));
    }
    kept.put(link);
    Ok(Grant(grant))
}

/// See [`Engine::take_back`](crate::engine::Engine::take_back).
pub(super) async fn take_back(core: &Core, lease: u32) -> Result<(), EngineError> {
    let (sql, since) = (sql_of(core, lease), core.config.clock.now());
    let mut taking = Taking { core, lease, sql, since, watch: Watch::default(), link: Kept::default() };
    let mut failing: Option<Instant> = None;
    let (mut pause, longest) = LOOK_EVERY;
    while core.backlog.is_lent(lease) {
        core.may_append()?;
        match taking.attempt().await {
            Ok(true) => break,
            Ok(false) => failing = None,
            Err(Failure::Engine(error)) => return Err(error),
            Err(failure) => {
                tracing::warn!(%failure, lease, "a lease was not taken back; it is tried again");
                core.doubt();
                if failing.get_or_insert_with(Instant::now).elapsed() > core.config.statement_within {
                    return Err(failure.into_engine());
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
    Ok(())
}

struct Taking<'a> {
    core: &'a Core,
    lease: u32,
    sql: Sql,
    since: Duration,
    watch: Watch,
    link: Kept,
}

impl Taking<'_> {
    /// Looks at the rows once; whether the lease is this process's again.
    async fn attempt(&mut self) -> Result<bool, Failure> {
        let (core, lease) = (self.core, self.lease);
        let link = match self.link.take() {
            Some(link) => link,
            None => linked(core, &mut *core.lending.lock().await).await?,
        };
        let rows = rows_of(core, &link, &self.sql, lease).await?;
        let (now, term) = (core.config.clock.now(), core.config.term);
        let waited = now.saturating_sub(self.since);
        let to = match self.watch.look(&rows, &NOBODY, now, term) {
            Verdict::Free => Holder::Nobody,
            Verdict::Alive if waited > term * PATIENCE => Holder::Stolen,
            Verdict::Alive | Verdict::Unknown => {
                self.link.put(link);
                return Ok(false);
            }
        };
        let mut alone = core.lending.lock().await;
        let lent = core.backlog.lent();
        if !lent.contains(&lease) {
            return Ok(true);
        }
        let is_last = to == Holder::Nobody && lent.len() == 1;
        let lending = rows.meta.lending.filter(|_| !is_last);
        let [beat, fence] = moved(lease, &rows, to)?;
        let is_done = change(core, &link, &[beat, fence, marked(&rows, lending)]).await?;
        match to {
            Holder::Nobody if is_done => {
                core.backlog.take_back(lease);
                alone.put(link);
                return Ok(true);
            }
            Holder::Stolen if is_done => {
                // From here on its rows do not change, unless it is another tenant's.
                (self.since, self.watch) = (now, Watch::default());
                tracing::warn!(
                    lease,
                    holder = rows.beat.name,
                    "a lease was not given back, and is taken by force"
                );
            }
            Holder::Nobody | Holder::Stolen | Holder::Granted(_) => {}
        }
        self.link.put(link);
        Ok(false)
    }
}

/// Renews the ownership of the store, and changes these rows in the same moment: all of them, or none.
pub(super) async fn change(core: &Core, link: &Link, changes: &[Change]) -> Result<bool, Failure> {
    let sent = core.config.clock.now();
    let (least, _) = core.backlog.counts();
    let keys: Vec<&[u8]> = changes.iter().map(|change| change.key.as_bytes()).collect();
    let old: Vec<&[u8]> = changes.iter().map(|change| change.old.as_slice()).collect();
    let new: Vec<&[u8]> = changes.iter().map(|change| change.new.as_slice()).collect();
    let rows = link
        .write(
            &core.sql.change_leases,
            &[
                (&core.next_beat(), Type::BYTEA),
                (&core.who, Type::BYTEA),
                (&keys, Type::BYTEA_ARRAY),
                (&old, Type::BYTEA_ARRAY),
                (&new, Type::BYTEA_ARRAY),
            ],
        )
        .await?;
    let (renewed, changed): (i64, i64) = (cell(rows.first(), 3)?, cell(rows.first(), 4)?);
    if renewed == 0 {
        return Err(core.taken_over());
    }
    core.acknowledged(cell(rows.first(), 0)?)?;
    check_last(core, &Fence::decode(cell(rows.first(), 2)?)?, least)?;
    core.ownership.renewed(sent);
    Ok(changed > 0)
}

/// The rows of a lease, which are made if it was never lent.
async fn rows_of(core: &Core, link: &Link, sql: &Sql, lease: u32) -> Result<Rows, Failure> {
    if let Some(rows) = tables::lease(link, sql).await? {
        return Ok(rows);
    }
    let fence = Fence { epoch: 0, owner: NOBODY, last: 0, write: random_id()? }.encode();
    let beat = Beat { epoch: 0, owner: NOBODY, count: 0, name: String::new(), address: None }.encode();
    let (fence_key, beat_key) = (sql.scope.fence(), sql.scope.beat());
    link.write(
        &core.sql.make_lease,
        &[
            (&beat_key.as_bytes(), Type::BYTEA),
            (&beat, Type::BYTEA),
            (&fence_key.as_bytes(), Type::BYTEA),
            (&fence, Type::BYTEA),
        ],
    )
    .await?;
    let made = tables::lease(link, sql).await?;
    made.ok_or_else(|| Failure::Lost(format!("the rows of the lease {lease} are gone again")))
}

fn sql_of(core: &Core, lease: u32) -> Sql {
    Sql::new(core.config.dsn.schema(), Scope::Lease(lease))
}

async fn linked(core: &Core, kept: &mut Kept) -> Result<Link, Failure> {
    match kept.take() {
        Some(link) => Ok(link),
        None => core.link(&core.config).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::postgres::config::PostgresConfig;
    use crate::engine::postgres::running::PostgresEngine;
    use crate::engine::postgres::tests::{TestClock, cluster, config, link, open, put};
    use crate::engine::postgres::wire::{Hello, Known, Tls, connect};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_read_uses_a_connection_of_an_earlier_timeline_than_one_that_was_seen() {
        let Some(dsn) = cluster::fresh() else { return };
        let usual = config(dsn.clone(), &TestClock::new());
        let config = PostgresConfig { readers: 1, ..usual };
        let owner = open(&config).await;
        assert_eq!(owner.get_many(&[b"a".to_vec()]).await, Ok(vec![None]));
        let (_, hello) = connect(&config, &Tls::load(&dsn).unwrap(), &Known::default()).await.unwrap();
        // Another connection has shown that a standby was promoted: what is read at the former primary may be old.
        owner.core.seen(&Hello { timeline: hello.timeline + 1, ..hello }).unwrap();
        let keys = [b"b".to_vec()];
        let read = tokio::time::timeout(Duration::from_secs(2), owner.get_many(&keys)).await;
        assert!(!matches!(read, Ok(Ok(_))), "{read:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_change_that_a_renewal_or_a_write_overtakes_does_nothing() {
        let Some(dsn) = cluster::fresh() else { return };
        let config = PostgresConfig { lease_of: |_| Some(1), ..config(dsn.clone(), &TestClock::new()) };
        let owner = open(&config).await;
        let grant = owner.lend(1).await.unwrap();
        let tenant = PostgresEngine::open_leased(config, 1, grant).await.unwrap();
        let (core, link) = (&*owner.core, link(&dsn).await);
        let sql = sql_of(core, 1);
        let rows = async || tables::lease(&link, &sql).await.unwrap().unwrap();
        for is_write in [true, false] {
            let seen = rows().await;
            if is_write {
                tenant.commit(put("a", "1")).await.unwrap();
            }
            while rows().await == seen {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let [beat, fence] = moved(1, &seen, Holder::Nobody).unwrap();
            let done = change(core, &link, &[beat, fence, marked(&seen, None)]).await.unwrap();
            assert!(!done);
            let now = rows().await;
            assert_eq!(
                (now.fence.who(), now.meta, now.beat.owner),
                (seen.fence.who(), seen.meta, seen.beat.owner)
            );
            tenant.commit(put("a", "2")).await.unwrap();
        }
        tenant.close().await.unwrap();
        // Nor does one in which a single row is another one.
        let seen = rows().await;
        let [beat, fence] = moved(1, &seen, Holder::Granted([7; 16])).unwrap();
        let meta = Change { old: b"other".to_vec(), ..marked(&seen, None) };
        assert!(!change(core, &link, &[beat.clone(), fence.clone(), meta]).await.unwrap());
        assert_eq!(rows().await, seen);
        assert!(change(core, &link, &[beat, fence, marked(&seen, Some([8; 16]))]).await.unwrap());
        let now = rows().await;
        assert!(now.is_granted() && now.fence.owner == [7; 16] && now.meta.lending == Some([8; 16]));
        owner.close().await.unwrap();
    }
}
