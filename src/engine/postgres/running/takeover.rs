//! When a server may take over the store or a lease, and how.
//!
//! The owner counts its term from before it sent a renewal that was acknowledged. Whoever watches has seen
//! that renewal at the earliest when it was committed, so later. Having seen the rows unchanged for longer
//! than a term, it knows that the owner answers no reads any more; and it takes over only if the very rows
//! that it watched are still there when it writes: a renewal that slipped in between makes the takeover fail,
//! or is made to fail by it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::leases::{Change, Holder, marked, moved};
use crate::engine::EngineError;
use crate::engine::postgres::config::PostgresConfig;
use crate::engine::postgres::peer::PeerKey;
use crate::engine::postgres::rows::{Beat, Fence, Id, random_id};
use crate::engine::postgres::sql::Sql;
use crate::engine::postgres::tables::Rows;
use crate::engine::postgres::wire::{Failure, Link, Param};

/// What this process has seen of the owner's rows.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Fence and beat, and when they were first seen to be so, on this process's clock.
    seen: Option<([Vec<u8>; 2], Duration)>,
}

/// What a look at the rows says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The store may be taken over.
    Free,
    /// The owner has changed its rows since the last look.
    Alive,
    /// The owner has not changed them, but not for long enough.
    Unknown,
}

impl Watch {
    /// `now` is a time after the rows were read.
    pub(super) fn look(&mut self, rows: &Rows, me: &Id, now: Duration, term: Duration) -> Verdict {
        if rows.fence.is_free() || rows.fence.owner == *me || rows.is_granted() {
            return Verdict::Free;
        }
        let bytes = [rows.fence_bytes.clone(), rows.beat_bytes.clone()];
        match &self.seen {
            Some((seen, since)) if *seen == bytes => {
                // Clocks may run at slightly different speeds.
                if now.saturating_sub(*since) > term + term / 6 { Verdict::Free } else { Verdict::Unknown }
            }
            seen => {
                let verdict = if seen.is_some() { Verdict::Alive } else { Verdict::Unknown };
                self.seen = Some((bytes, now));
                verdict
            }
        }
    }
}

/// The ownership, as it begins.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) fence: Fence,
    /// What it shares with those that stand by.
    pub(super) key: PeerKey,
    /// When the takeover was sent.
    pub(super) sent: Duration,
    /// Whether the store says that its database waits for standbys.
    pub(super) waits: bool,
}

/// Takes over what the rows are for, if they are still these. Leases of the store are taken back with it, if
/// their rows are still these too.
pub(super) async fn take(
    config: &PostgresConfig,
    sql: &Sql,
    link: &mut Link,
    rows: &Rows,
    me: Id,
    leases: &BTreeMap<u32, Rows>,
) -> Result<Option<Taken>, Failure> {
    let sent = config.clock.now();
    let epoch = rows.fence.epoch.saturating_add(1);
    let fence = Fence { epoch, owner: me, last: rows.fence.last, write: random_id()? };
    let beat =
        Beat { epoch, owner: me, count: 0, name: config.name.clone(), address: config.address.clone() };
    let (fence_bytes, beat_bytes) = (fence.encode(), beat.encode());
    let unit = link.begin().await?;
    let beat =
        unit.query(&sql.steal_beat, &[(&beat_bytes, Type::BYTEA), (&rows.beat_bytes, Type::BYTEA)]).await?;
    if beat.is_empty() {
        return Ok(None);
    }
    let before = &rows.fence_bytes;
    let fenced = unit.query(&sql.steal_fence, &[(&fence_bytes, Type::BYTEA), (before, Type::BYTEA)]).await?;
    if fenced.is_empty() {
        return Ok(None);
    }
    for Change { key, old, new } in given_back(rows, leases)? {
        let params: [Param<'_>; 3] =
            [(&new, Type::BYTEA), (&old, Type::BYTEA), (&key.as_bytes(), Type::BYTEA)];
        if unit.query(&sql.steal_row, &params).await?.is_empty() {
            return Ok(None);
        }
    }
    unit.commit().await?;
    Ok(Some(Taken { fence, key: PeerKey::of(&me, &rows.meta.store), sent, waits: rows.waits }))
}

/// What takes back all of these leases that are lent.
fn given_back(rows: &Rows, leases: &BTreeMap<u32, Rows>) -> Result<Vec<Change>, EngineError> {
    let mut changes = Vec::new();
    for (lease, rows) in leases.iter().filter(|(_, rows)| !rows.fence.is_free()) {
        changes.extend(moved(*lease, rows, Holder::Nobody)?);
    }
    if !changes.is_empty() {
        changes.push(marked(rows, None));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::postgres::rows::{Meta, NOBODY};
    use crate::engine::postgres::scope::Scope;
    use crate::engine::postgres::tables;
    use crate::engine::postgres::tests::{TestClock, cluster, config, link, open, put};

    fn rows(owner: Id, count: u64, last: u64) -> Rows {
        let fence = Fence { epoch: 3, owner, last, write: [9; 16] };
        let beat = Beat { epoch: 3, owner, count, name: String::new(), address: None };
        Rows {
            fence_bytes: fence.encode(),
            beat_bytes: beat.encode(),
            fence,
            beat,
            meta: Meta { store: [4; 16], lending: None },
            meta_bytes: Vec::new(),
            waits: false,
        }
    }

    #[test]
    fn an_owner_is_given_up_after_more_than_a_term_of_silence() {
        let (me, other, term) = ([1; 16], [2; 16], Duration::from_secs(6));
        let at = Duration::from_secs;
        let mut watch = Watch::default();
        let mut look = |rows: &Rows, seconds| watch.look(rows, &me, at(seconds), term);
        assert_eq!(look(&rows(other, 1, 0), 100), Verdict::Unknown);
        assert_eq!(look(&rows(other, 1, 0), 106), Verdict::Unknown, "a term is not more than a term");
        assert_eq!(look(&rows(other, 2, 0), 107), Verdict::Alive);
        assert_eq!(look(&rows(other, 2, 1), 113), Verdict::Alive, "a write is a sign of life too");
        // This process stood still; what it saw before counts, because the rows are the same.
        assert_eq!(look(&rows(other, 2, 1), 200), Verdict::Free);
        assert_eq!(look(&rows(NOBODY, 2, 1), 200), Verdict::Free);
        assert_eq!(look(&rows(me, 2, 1), 201), Verdict::Free);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_takeover_that_a_renewal_or_a_write_overtakes_does_nothing() {
        let Some(dsn) = cluster::fresh() else { return };
        let (clock, sql) = (TestClock::new(), Sql::new(dsn.schema(), Scope::Store));
        // It renews at the beginning and then never again, unless its term is short.
        for term in [Duration::from_secs(3600), Duration::from_millis(600)] {
            let config = PostgresConfig { term, ..config(dsn.clone(), &clock) };
            let engine = open(&config).await;
            let mut link = link(&dsn).await;
            let is_first = |rows: &Rows| rows.beat.count == 0;
            while is_first(&tables::rows(&link, &sql).await.unwrap()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let watched = tables::rows(&link, &sql).await.unwrap();
            if term > Duration::from_secs(60) {
                engine.commit(put("a", "1")).await.unwrap();
            }
            while tables::rows(&link, &sql).await.unwrap() == watched {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let taken = take(&config, &sql, &mut link, &watched, [7; 16], &BTreeMap::new()).await.unwrap();
            assert!(taken.is_none());
            let now = tables::rows(&link, &sql).await.unwrap();
            assert_eq!((now.fence.owner, now.beat.owner), (watched.fence.owner, watched.beat.owner));
            engine.commit(put("b", "1")).await.unwrap();
            engine.close().await.unwrap();
        }
    }
}
