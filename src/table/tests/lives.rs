//! Bases that are closed, purged and created while the engine fails or the caller leaves.

use futures_util::FutureExt;

use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::{Batch, EngineError, KeyRange};
use crate::model::{Reason, Refusal};
use crate::stored::key;

const HOUR: i64 = 60 * 60 * 1_000_000;

fn io() -> Fault {
    Fault::Error(EngineError::Io("injected".to_owned()))
}

async fn write(base: &Base, n: u16) -> Result<UpsertReply, TableError> {
    let (rows, options, mode) = (vec![Ok(plain_row(n))], UpsertOptions::default(), WriteMode::Partial);
    let origin = Origin::default();
    base.upsert(UpsertRequest { rows, options, mode, claim: None, deadline: None, origin }).await
}

fn settings(name: &str, share_accounts: bool) -> BaseSettings {
    BaseSettings { share_accounts, ..crate::model::samples::unguarded(name) }
}

/// A table with the base 1, over an engine that can fail.
async fn table() -> (Arc<Faulty>, Arc<AtomicI64>, Arc<Table>) {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let clock = Arc::new(AtomicI64::new(1));
    let table = open(Arc::clone(&engine) as _, &clock).await;
    table.create_base(settings("first", true), None).await.unwrap();
    (engine, clock, table)
}

/// The bases that share accounts with the first.
async fn sharing(table: &Table) -> Result<Vec<BaseNumber>, TableError> {
    Ok(table.sharing_with(BaseNumber(1)).await?.iter().map(|base| base.number()).collect())
}

#[tokio::test(start_paused = true)]
async fn the_last_checkpoint_waits_for_room_that_the_working_copy_still_keeps() {
    let (engine, _, table) = table().await;
    let base = table.base(BaseNumber(1)).await.unwrap();
    write(&base, 1).await.unwrap();
    assert_eq!(base.status().await.commits_behind, 1);
    engine.lag(1_000, 10);
    base.close().await.unwrap();
    assert_eq!(base.status().await.commits_behind, 0);
    let inner: Arc<dyn Engine> = engine;
    crate::table::audit::tests::assert_sound(&inner).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_checkpoint_fails_when_the_working_copy_does_not_get_on() {
    let (engine, _, table) = table().await;
    let base = table.base(BaseNumber(1)).await.unwrap();
    write(&base, 1).await.unwrap();
    engine.lag(1_000, 0);
    let full = base.close().await.unwrap_err();
    assert!(matches!(full, TableError::Engine(EngineError::StorageFull { .. })), "{full}");
    assert_eq!(base.status().await.commits_behind, 1);
}

#[tokio::test(start_paused = true)]
async fn an_opening_waits_for_room_that_the_working_copy_still_keeps() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    engine.lag(1_000, 10);
    let table = open(Arc::clone(&engine) as _, &Arc::new(AtomicI64::new(1))).await;
    table.create_base(settings("first", true), None).await.unwrap();
}

#[tokio::test]
async fn an_idle_base_whose_last_checkpoint_fails_accepts_writes_again() {
    let (engine, clock, table) = table().await;
    let base = table.base(BaseNumber(1)).await.unwrap();
    write(&base, 1).await.unwrap();
    drop(base);
    clock.fetch_add(HOUR, Ordering::Relaxed);
    engine.fail_next(io());
    table.maintain().await.unwrap_err();
    assert!(engine.has_failed() && table.is_untidy());
    let base = table.base(BaseNumber(1)).await.unwrap();
    let reply = write(&base, 2).await.unwrap();
    assert_eq!((reply.revision, reply.outcomes[0].row), (2, Some(Row(1))));
    table.maintain().await.unwrap();
    assert!(!table.is_untidy());
    let inner: Arc<dyn Engine> = engine;
    crate::table::audit::tests::assert_sound(&inner).await;
}

#[tokio::test]
async fn a_base_on_which_housekeeping_fails_holds_up_no_other() {
    let (engine, clock, table) = table().await;
    let second = table.create_base(settings("second", false), None).await.unwrap().number;
    let delete = SettingsRequest { deleted: Some(true), ..SettingsRequest::default() };
    table.base(second).await.unwrap().change_settings(delete).await.unwrap();
    let mut batch = Batch::default();
    batch.put(key::index(BaseNumber(1)), b"garbage".as_slice());
    engine.commit(batch).await.unwrap();
    clock.fetch_add(1_000 * HOUR, Ordering::Relaxed);
    table.maintain().await.unwrap_err();
    assert!(table.is_untidy());
    assert!(matches!(table.base(second).await, Err(TableError::BaseNotFound)));
    let prefix = |range: KeyRange| engine.scan(range, crate::engine::Direction::Forward, 9);
    for range in key::all_of(second) {
        assert!(prefix(range).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_base_whose_creator_left_during_the_commit_exists_and_shares_accounts() {
    let (engine, _, table) = table().await;
    engine.hold();
    let mut create = Box::pin(table.create_base(settings("second", true), None));
    assert!(create.as_mut().now_or_never().is_none());
    engine.someone_waits().await;
    drop(create);
    engine.release();
    let third = table.create_base(settings("third", false), None).await.unwrap().number;
    assert_eq!(third, BaseNumber(3));
    assert_eq!(table.list_bases(None, false, 9).await.unwrap().len(), 3);
    assert_eq!(sharing(&table).await.unwrap(), [BaseNumber(2)]);
}

#[tokio::test]
async fn a_change_of_sharing_takes_effect_even_if_its_caller_left() {
    let (engine, _, table) = table().await;
    let second = table.create_base(settings("second", false), None).await.unwrap().number;
    let base = table.base(second).await.unwrap();
    let shares = |share| SettingsRequest { share_accounts: Some(share), ..SettingsRequest::default() };
    engine.hold();
    let mut change = Box::pin(base.change_settings(shares(true)));
    while change.as_mut().now_or_never().is_none() && engine.someone_waits().now_or_never().is_none() {
        tokio::task::yield_now().await;
    }
    drop(change);
    engine.release();
    write(&base, 1).await.unwrap();
    assert_eq!(sharing(&table).await.unwrap(), [second]);
    base.change_settings(shares(false)).await.unwrap();
    assert_eq!(sharing(&table).await.unwrap(), []);
}

/// A store with a base that was deleted long enough ago to be purged.
async fn deleted() -> (Arc<dyn Engine>, Arc<AtomicI64>) {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let clock = Arc::new(AtomicI64::new(1));
    let table = open(Arc::clone(&engine), &clock).await;
    table.create_base(settings("first", false), None).await.unwrap();
    let base = table.base(BaseNumber(1)).await.unwrap();
    for n in 0..20 {
        write(&base, n).await.unwrap();
    }
    let expect_members = Some(base.view().await.summary().counts.total());
    let delete = SettingsRequest { deleted: Some(true), expect_members, ..SettingsRequest::default() };
    base.change_settings(delete).await.unwrap();
    drop(base);
    table.bases.end().await.unwrap();
    clock.fetch_add(1_000 * HOUR, Ordering::Relaxed);
    (engine, clock)
}

#[tokio::test]
async fn a_purge_that_is_interrupted_anywhere_leaves_a_whole_base_or_none() {
    let (mut whole, mut gone) = (0, 0);
    for n in 1.. {
        for fault in [io(), Fault::CrashBefore, Fault::CrashAfter] {
            let (inner, clock) = deleted().await;
            let engine = Arc::new(Faulty::new(Arc::clone(&inner)));
            let table = open(Arc::clone(&engine) as _, &clock).await;
            engine.fail_after(n, fault);
            let purged = table.maintain().await;
            if !engine.has_failed() {
                purged.unwrap();
                assert!(whole > 0 && gone > 3, "{whole} whole, {gone} gone");
                return;
            }
            drop(table);
            let table = open(Arc::clone(&inner), &clock).await;
            crate::table::audit::tests::assert_sound(&inner).await;
            match table.base(BaseNumber(1)).await {
                Ok(base) => {
                    whole += 1;
                    let undelete = SettingsRequest { deleted: Some(false), ..SettingsRequest::default() };
                    base.change_settings(undelete).await.unwrap();
                    let keys: Vec<_> = (0..20).map(|n| MemberKey::Ref(ref_of(n))).collect();
                    assert!(base.view().await.find(&keys).await.unwrap().iter().all(Option::is_some));
                }
                Err(error) => {
                    gone += 1;
                    assert_eq!(error, TableError::BaseNotFound);
                    assert_eq!(table.list_bases(None, false, 9).await.unwrap(), []);
                    table.maintain().await.unwrap();
                    let left =
                        inner.scan(key::headers(), crate::engine::Direction::Forward, 9).await.unwrap();
                    assert!(left.is_empty());
                    for range in key::all_of(BaseNumber(1)) {
                        let left = inner.scan(range, crate::engine::Direction::Forward, 9).await.unwrap();
                        assert!(left.is_empty());
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_base_in_use_is_purged_in_a_later_round() {
    let (engine, clock) = deleted().await;
    let table = open(Arc::clone(&engine), &clock).await;
    let base = table.base(BaseNumber(1)).await.unwrap();
    table.maintain().await.unwrap();
    let undelete = SettingsRequest { deleted: Some(false), ..SettingsRequest::default() };
    let expect_members = Some(base.view().await.summary().counts.total());
    let delete = SettingsRequest { deleted: Some(true), expect_members, ..SettingsRequest::default() };
    base.change_settings(undelete).await.unwrap();
    drop(base);
    table.maintain().await.unwrap();
    table.base(BaseNumber(1)).await.unwrap().change_settings(delete).await.unwrap();
    clock.fetch_add(1_000 * HOUR, Ordering::Relaxed);
    table.maintain().await.unwrap();
    assert!(matches!(table.base(BaseNumber(1)).await, Err(TableError::BaseNotFound)));
}

#[tokio::test]
async fn of_two_calls_that_restore_a_base_one_is_refused_because_it_is_not_deleted() {
    let (_, _, table) = table().await;
    let base = table.base(BaseNumber(1)).await.unwrap();
    let deleted = |deleted| SettingsRequest { deleted: Some(deleted), ..SettingsRequest::default() };
    base.change_settings(deleted(true)).await.unwrap();
    let (first, second) =
        tokio::join!(base.change_settings(deleted(false)), base.change_settings(deleted(false)));
    assert_eq!(first.unwrap().deleted_at, None);
    assert_eq!(second.unwrap_err(), TableError::Refused(Refusal::new(Reason::NotDeleted)));
}

#[tokio::test]
async fn a_damaged_sharing_base_is_skipped_and_one_that_fails_once_is_not() {
    let (engine, clock, table) = table().await;
    for name in ["second", "third"] {
        table.create_base(settings(name, true), None).await.unwrap();
    }
    engine.fail_next(io());
    sharing(&table).await.unwrap_err();
    let index = key::index(BaseNumber(2));
    let whole = engine.get_many(std::slice::from_ref(&index)).await.unwrap().remove(0).unwrap();
    let set = |value| {
        let mut batch = Batch::default();
        batch.put(index.clone(), value);
        engine.commit(batch)
    };
    set(b"garbage".as_slice().into()).await.unwrap();
    assert_eq!(sharing(&table).await.unwrap(), [BaseNumber(3)]);
    set(whole).await.unwrap();
    assert_eq!(sharing(&table).await.unwrap(), [BaseNumber(3)], "it is not read at every call");
    clock.fetch_add(60 * 1_000_000, Ordering::Relaxed);
    assert_eq!(sharing(&table).await.unwrap(), [BaseNumber(2), BaseNumber(3)]);
}

#[tokio::test]
async fn a_damaged_base_does_not_affect_opening_listing_and_sharing_of_others() {
    for damaged in [key::header(BaseNumber(2)), key::settings(BaseNumber(2))] {
        let (engine, clock, table) = table().await;
        for name in ["second", "third"] {
            table.create_base(settings(name, true), None).await.unwrap();
        }
        drop(table);
        let mut batch = Batch::default();
        batch.put(damaged, b"garbage".as_slice());
        engine.commit(batch).await.unwrap();
        let table = open(engine, &clock).await;
        for backward in [false, true] {
            for limit in [1, 9] {
                let mut listed = Vec::new();
                loop {
                    let page = table.list_bases(listed.last().copied(), backward, limit).await.unwrap();
                    if page.is_empty() {
                        break;
                    }
                    listed.extend(page.iter().map(|base| base.number));
                }
                listed.sort();
                assert_eq!(listed, [BaseNumber(1), BaseNumber(3)]);
            }
        }
        table.list_all_bases(None, 9).await.unwrap_err();
        assert_eq!(sharing(&table).await.unwrap(), [BaseNumber(3)]);
        assert!(matches!(table.base(BaseNumber(2)).await, Err(TableError::Damaged(_))));
        write(&table.base(BaseNumber(1)).await.unwrap(), 1).await.unwrap();
    }
}
