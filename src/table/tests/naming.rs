//! Bases that are created unless one has the name, while other calls create, rename, delete and restore
//! bases.

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::engine::Batch;
use crate::engine::faulty::Faulty;
use crate::model::{Reason, RequestId, RequestIdentity};
use crate::stored::key;

fn settings(name: &str) -> BaseSettings {
    BaseSettings::named(BaseName::parse(name).unwrap())
}

async fn table() -> (Arc<Faulty>, Arc<Table>) {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let table = open(Arc::clone(&engine) as _, &Arc::new(AtomicI64::new(1))).await;
    (engine, table)
}

/// The number of the base with this name, and whether this call created it.
async fn wanted(table: &Table, name: &str) -> (u32, bool) {
    let CreatedBase { base, is_new } = table.find_or_create_base(settings(name), None).await.unwrap();
    assert_eq!((base.settings.name.as_str(), base.deleted_at), (name, None));
    (base.number.0, is_new)
}

fn deleted(deleted: bool) -> SettingsRequest {
    SettingsRequest { deleted: Some(deleted), ..SettingsRequest::default() }
}

fn renamed(name: &str) -> SettingsRequest {
    SettingsRequest { name: Some(BaseName::parse(name).unwrap()), ..SettingsRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_calls_for_a_name_one_creates_the_base() {
    let (engine, table) = table().await;
    engine.hold();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let table = Arc::clone(&table);
            tokio::spawn(async move { wanted(&table, ["staff", "guests"][n % 2]).await })
        })
        .collect();
    engine.someone_waits().await;
    engine.release();
    let ended: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ended.iter().filter(|(_, is_new)| *is_new).count(), 2);
    for each in 0..2 {
        assert!(ended.iter().skip(each).step_by(2).all(|(number, _)| *number == ended[each].0));
    }
    assert_eq!(table.list_bases(None, false, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_base_that_gets_its_name_or_comes_back_meanwhile_is_found() {
    for request in [renamed("staff"), deleted(false)] {
        let (engine, table) = table().await;
        let first = table.create_base(settings("staff"), None).await.unwrap().number;
        let base = table.base(first).await.unwrap();
        let away = if request.name.is_some() { renamed("other") } else { deleted(true) };
        base.change_settings(away).await.unwrap();
        // The change is in flight and not visible yet.
        engine.hold_writes_of(key::settings(first));
        let mut change = Box::pin(base.change_settings(request));
        while change.as_mut().now_or_never().is_none() && engine.someone_waits().now_or_never().is_none() {
            tokio::task::yield_now().await;
        }
        let mut wants = Box::pin(wanted(&table, "staff"));
        assert!(wants.as_mut().now_or_never().is_none(), "the call did not wait for the change");
        engine.release();
        assert_eq!(wants.await, (first.0, false));
        change.await.unwrap();
    }
}

#[tokio::test]
async fn a_rename_waits_for_a_call_that_searched_for_the_name_before() {
    let (engine, table) = table().await;
    let first = table.create_base(settings("other"), None).await.unwrap().number;
    let base = table.base(first).await.unwrap();
    // The call has searched for the name, and not created the base yet.
    engine.hold_writes_of(key::next_base());
    let mut wants = Box::pin(wanted(&table, "staff"));
    while wants.as_mut().now_or_never().is_none() && engine.someone_waits().now_or_never().is_none() {
        tokio::task::yield_now().await;
    }
    let mut change = Box::pin(base.change_settings(renamed("staff")));
    for _ in 0..100 {
        assert!(change.as_mut().now_or_never().is_none(), "two bases have the name");
        tokio::task::yield_now().await;
    }
    engine.release();
    assert_eq!(wants.await, (2, true));
    change.await.unwrap();
}

#[tokio::test]
async fn deleted_bases_and_other_spellings_do_not_count() {
    let (_, table) = table().await;
    assert_eq!(wanted(&table, "staff").await, (1, true));
    assert_eq!(wanted(&table, "staff").await, (1, false));
    assert_eq!(wanted(&table, "Staff").await, (2, true));
    assert_eq!(wanted(&table, "caf\u{e9}").await, (3, true));
    assert_eq!(wanted(&table, "cafe\u{301}").await, (4, true));
    table.base(BaseNumber(1)).await.unwrap().change_settings(deleted(true)).await.unwrap();
    assert_eq!(wanted(&table, "staff").await, (5, true));
    // After the deleted base is restored, two bases have the name.
    table.base(BaseNumber(1)).await.unwrap().change_settings(deleted(false)).await.unwrap();
    let error = table.find_or_create_base(settings("staff"), None).await.unwrap_err();
    let TableError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.reason, Reason::NameAmbiguous);
    let said = &refusal.violations[0];
    assert_eq!(said.field, "name");
    assert!(said.description.starts_with("is the name of 2 memberbases"), "{said:?}");
    for number in [1, 5] {
        assert!(said.description.contains(&table.sealer().base_id(BaseNumber(number))), "{said:?}");
    }
    assert!(table.create_base(settings("staff"), None).await.is_ok(), "a second one can be created");
}

#[tokio::test]
async fn no_base_is_created_while_a_damaged_one_may_have_the_name() {
    let (engine, table) = table().await;
    assert_eq!(wanted(&table, "staff").await, (1, true));
    let mut batch = Batch::default();
    batch.put(key::settings(BaseNumber(1)), b"garbage".as_slice());
    engine.commit(batch).await.unwrap();
    let error = table.find_or_create_base(settings("staff"), None).await.unwrap_err();
    assert!(matches!(error, TableError::Damaged(_)), "{error}");
    assert_eq!(table.create_base(settings("staff"), None).await.unwrap().number, BaseNumber(2));
}

#[tokio::test]
async fn a_repeat_returns_the_base_that_was_found_or_created() {
    let (_, table) = table().await;
    for (id, is_new) in [("made", true), ("found", false)] {
        let mark = RequestIdentity::new(RequestId::parse(id).unwrap(), "create", b"staff");
        let begin = || table.idempotency().begin(&mark, None, table.now(), IfRunning::Refuse);
        let Begun::New(claim) = begin().await.unwrap() else { panic!("{id} is not new") };
        let answer = table.find_or_create_base(settings("staff"), Some(claim)).await.unwrap();
        assert_eq!((answer.base.number, answer.is_new), (BaseNumber(1), is_new));
        let Begun::Done(kept) = begin().await.unwrap() else { panic!("{id} is forgotten") };
        assert_eq!((kept.result, kept.revision.is_none()), (RequestResult::Base(BaseNumber(1)), is_new));
    }
}
