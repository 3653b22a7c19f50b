//! Two servers on one PostgreSQL: the first stands still in the middle of its housekeeping, the second
//! takes the store over, and then the first goes on. At each write of the housekeeping: what the first
//! still writes does nothing, what comes back at the second is whole, and the second's own housekeeping
//! finishes the work.
//!
//! The clock of the second is behind, so that it brings back what the first one purges.

use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use tokio::sync::watch;

use super::*;
use crate::engine::postgres::tests::{TestClock, cluster, config};
use crate::engine::postgres::{Contention, Dsn, PostgresConfig, PostgresEngine};
use crate::engine::{Append, Batch, Direction, EngineError, EngineStatus, Key, KeyRange, Value};
use crate::model::RecordKind;
use crate::table::audit::tests::assert_sound;

const MEMBERS: u16 = 4;

/// An engine that stands still before one of its writes.
struct StandsStill {
    inner: Arc<dyn Engine>,
    writes: AtomicU64,
    /// The write, counted from 1; 0 is none.
    at: AtomicU64,
    stands: watch::Sender<bool>,
}

impl StandsStill {
    fn new(inner: Arc<dyn Engine>) -> Self {
        let stands = watch::Sender::new(false);
        Self { inner, writes: AtomicU64::new(0), at: AtomicU64::new(0), stands }
    }

    /// From now on the `n`th write is the one.
    fn stand_before(&self, n: u64) {
        self.at.store(self.writes.load(Ordering::SeqCst) + n, Ordering::SeqCst);
    }

    async fn stands(&self) {
        self.stands.subscribe().wait_for(|stands| *stands).await.unwrap();
    }

    fn goes_on(&self) {
        self.stands.send_replace(false);
    }
}

#[async_trait]
impl Engine for StandsStill {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        self.inner.get_many(keys).await
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        self.inner.scan(range, direction, limit).await
    }

    fn append(&self, batch: Batch) -> Append {
        if self.writes.fetch_add(1, Ordering::SeqCst) + 1 != self.at.load(Ordering::SeqCst) {
            return self.inner.append(batch);
        }
        self.stands.send_replace(true);
        let (mut stands, inner) = (self.stands.subscribe(), Arc::clone(&self.inner));
        Box::pin(async move {
            stands.wait_for(|stands| !stands).await.unwrap();
            inner.append(batch).await
        })
    }

    fn status(&self) -> EngineStatus {
        self.inner.status()
    }

    async fn close(&self) -> Result<(), EngineError> {
        self.inner.close().await
    }
}

/// The server that stands still. Its clock does as well, so it believes that it owns the store until the
/// database says otherwise.
async fn first(dsn: &Dsn) -> Arc<StandsStill> {
    let config = PostgresConfig {
        term: std::time::Duration::from_secs(3_600),
        ..config(dsn.clone(), &TestClock::new())
    };
    let engine = PostgresEngine::open(config, Contention::Refuse).await.unwrap();
    Arc::new(StandsStill::new(Arc::new(engine)))
}

/// The server that takes the store over: its clock runs fast while it watches the first.
async fn second(dsn: &Dsn) -> Arc<dyn Engine> {
    let clock = TestClock::new();
    clock.speed(100);
    let engine = PostgresEngine::open(config(dsn.clone(), &clock), Contention::Wait(&|_| {})).await.unwrap();
    clock.speed(0);
    while !engine.ownership().holds_now() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Arc::new(engine)
}

async fn everything(engine: &Arc<dyn Engine>) -> Vec<(Key, Value)> {
    engine.scan(KeyRange::prefix(b""), Direction::Forward, usize::MAX).await.unwrap()
}

/// Members with records at a first server, and its table.
async fn stage(dsn: &Dsn) -> (Subject, Arc<StandsStill>) {
    let engine = first(dsn).await;
    let subject = Subject::on(Arc::clone(&engine) as Arc<dyn Engine>).await;
    let rows: Vec<_> = (0..MEMBERS).map(plain_row).collect();
    let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
    assert!(reply.outcomes.iter().all(|found| !found.is_failed()), "{reply:?}");
    let records = (0..u64::from(MEMBERS)).zip(0_u8..).flat_map(|(row, name)| {
        let clip = record_change(&SmallChange::Clip { row, name, deal: None }, 0);
        [clip, record_change(&SmallChange::Buy { row, name, amount: None }, 0)]
    });
    subject.change_records(records.collect()).await.unwrap().0.unwrap();
    (subject, engine)
}

/// Runs housekeeping at the first server up to its `n`th write, has `meanwhile` done at the second, and lets
/// the first go on. `None` if the housekeeping has fewer writes. Returns the second server.
async fn overtake<T>(
    dsn: &Dsn,
    (first, engine): (&Subject, &StandsStill),
    n: u64,
    meanwhile: impl AsyncFnOnce(&Subject) -> T,
) -> Option<(Subject, T)> {
    let grace = TableConfig::default().grace_micros;
    first.clock.fetch_add(grace, Ordering::Relaxed);
    engine.stand_before(n);
    let housekeeping = tokio::spawn({
        let table = Arc::clone(&first.table);
        async move { table.maintain().await }
    });
    let mut housekeeping = std::pin::pin!(housekeeping);
    tokio::select! {
        done = &mut housekeeping => {
            done.unwrap().unwrap();
            return None;
        }
        () = engine.stands() => {}
    }
    let shared = second(dsn).await;
    let clock = Arc::new(AtomicI64::new(first.clock.load(Ordering::Relaxed) - grace));
    let table = open(Arc::clone(&shared), &clock).await;
    let base = table.base(first.base.number()).await;
    // Once its purge has begun, nobody finds it any more.
    let base = base.unwrap_or_else(|_| Arc::clone(&first.base));
    let second = Subject { engine: shared, clock, table, base };
    let found = meanwhile(&second).await;
    assert_sound(&second.engine).await;
    let before = everything(&second.engine).await;
    engine.goes_on();
    assert!(housekeeping.await.unwrap().is_err(), "write {n} of a former owner was not refused");
    // Nor does another round of its housekeeping do anything.
    assert!(first.table.maintain().await.is_err());
    assert!(everything(&second.engine).await == before, "write {n} of a former owner was done");
    Some((second, found))
}

#[test]
fn an_undelete_at_the_next_owner_brings_back_all_or_nothing_of_what_the_last_one_purges() {
    let mut came_back = [0; 2];
    for n in 1.. {
        let is_done = block_on(async {
            let dsn = cluster::fresh()?;
            let (first, engine) = stage(&dsn).await;
            let rows = (0..2).map(Row).collect();
            first.base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap();
            let undelete = async |second: &Subject| second.undelete_rows(&[0, 1]).await.unwrap().0;
            let (second, told) = overtake(&dsn, (&first, &engine), n, undelete).await?;
            second.clock.fetch_add(TableConfig::default().grace_micros, Ordering::Relaxed);
            second.table.maintain().await.unwrap();
            let view = second.base.view().await;
            for (row, (outcome, _)) in (0..).zip(&told) {
                let is_back = *outcome == Outcome::Created;
                let mut counts = Vec::new();
                for kind in [RecordKind::Clip, RecordKind::Transaction] {
                    let found = view.member_records(Row(row), kind, None, false, 9).await.unwrap();
                    assert_eq!(found.is_some(), is_back, "{n} {row} {kind:?}");
                    counts.push(found.map_or(0, |found| found.len()));
                }
                assert_eq!([counts[0], counts[1]], [usize::from(is_back); 2], "{n} {row}");
                came_back[usize::from(is_back)] += 1;
                let range = crate::stored::record_key::records_of_row(second.base.number(), Row(row));
                let stored = second.engine.scan(range, Direction::Forward, 9).await.unwrap().len();
                assert_eq!(stored, counts[0] + counts[1], "{n} {row}");
            }
            drop(view);
            assert_sound(&second.engine).await;
            Some(())
        });
        if is_done.is_none() {
            break;
        }
    }
    if cluster::fresh().is_some() {
        assert!(came_back.iter().all(|count| *count > 0), "{came_back:?}");
    }
}

#[test]
fn a_memberbase_whose_purge_a_takeover_cuts_comes_back_whole_or_never() {
    let mut came_back = [0; 2];
    for n in 1.. {
        let is_done = block_on(async {
            let dsn = cluster::fresh()?;
            let (first, engine) = stage(&dsn).await;
            let deleted = |deleted| SettingsRequest { deleted: Some(deleted), ..SettingsRequest::default() };
            first.base.change_settings(deleted(true)).await.unwrap();
            // Housekeeping purges it only if nobody uses it.
            let number = first.base.number();
            let Subject { engine: shared, clock, table, base } = first;
            drop(base);
            let other = table.create_base(crate::model::samples::unguarded("other"), None).await.unwrap();
            let first =
                Subject { base: table.base(other.number).await.unwrap(), engine: shared, clock, table };
            let restore = async |second: &Subject| match second.table.base(number).await {
                Ok(base) => base.change_settings(deleted(false)).await.is_ok(),
                Err(_) => false,
            };
            let (second, is_back) = overtake(&dsn, (&first, &engine), n, restore).await?;
            came_back[usize::from(is_back)] += 1;
            second.clock.fetch_add(TableConfig::default().grace_micros, Ordering::Relaxed);
            second.table.maintain().await.unwrap();
            match second.table.base(number).await {
                Ok(base) => {
                    assert!(is_back, "{n}");
                    let rows: Vec<_> = (0..u64::from(MEMBERS)).map(Row).collect();
                    let view = base.view().await;
                    assert_eq!(view.members(&rows).await.unwrap().len(), rows.len(), "{n}");
                    for row in rows {
                        let clips = view.member_records(row, RecordKind::Clip, None, false, 9).await.unwrap();
                        assert_eq!(clips.unwrap().len(), 1, "{n}");
                    }
                }
                Err(_) => {
                    assert!(!is_back, "{n}");
                    let rest = crate::stored::key::all_of(number);
                    for range in rest {
                        assert_eq!(
                            second.engine.scan(range, Direction::Forward, 1).await.unwrap(),
                            [],
                            "{n}"
                        );
                    }
                }
            }
            assert_sound(&second.engine).await;
            Some(())
        });
        if is_done.is_none() {
            break;
        }
    }
    if cluster::fresh().is_some() {
        assert!(came_back.iter().all(|count| *count > 0), "{came_back:?}");
    }
}
