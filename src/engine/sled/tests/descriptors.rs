//! File descriptors run out, as when the process has too many connections: nothing is lost, and the store
//! heals by itself once descriptors are available again.
//!
//! The limit applies to the whole process, so each test runs in a process of its own.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::tasks::tests::last_words;

/// Lowers the limit so that no file can be opened any more; open files stay open.
fn run_out() -> Rlimit {
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum: before.maximum }).unwrap();
    before
}

fn give_back(before: Rlimit) {
    setrlimit(Resource::Nofile, before).unwrap();
}

/// Runs `work` in a process that runs only the test `name`.
fn alone(name: &str, work: impl AsyncFnOnce()) {
    let name = format!("engine::sled::tests::descriptors::{name}");
    let output = last_words(&name, || tokio::runtime::Runtime::new().unwrap().block_on(work()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("running 1 test"), "{said}");
}

#[test]
fn without_descriptors_writes_fail_one_by_one_and_work_again_afterwards() {
    alone("without_descriptors_writes_fail_one_by_one_and_work_again_afterwards", async || {
        let mut store = Store::new();
        store.config.segment_bytes = 4096;
        let engine = store.open();
        let before = run_out();
        let mut last = 0;
        let error = loop {
            match engine.commit(batch(last + 1)).await {
                Ok(number) => last = number,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, EngineError::Io(_)), "{error}");
        assert!(matches!(engine.commit(batch(last + 1)).await, Err(EngineError::Io(_))));
        expect(&engine, last).await;
        give_back(before);
        fill(&engine, last + 1..=last + 20).await;
        expect(&engine, last + 20).await;
        engine.close().await.unwrap();
        expect(&store.open(), last + 20).await;
    });
}

#[test]
fn sled_is_reopened_once_descriptors_are_available_again() {
    alone("sled_is_reopened_once_descriptors_are_available_again", async || {
        let store = Store::new();
        let engine = store.open();
        fill(&engine, 1..=20).await;
        assert_eq!(engine.status().failing_reads, None);
        let before = run_out();
        engine.shared.damaged.store(true, Ordering::Release);
        engine.shared.backlog.wake_applier();
        while engine.status().failing_reads.is_none() {
            tokio::task::yield_now().await;
        }
        // A caller reads before it plans a write.
        assert!(matches!(engine.get_many(&[b"absent".to_vec()]).await, Err(EngineError::Io(_))));
        give_back(before);
        while engine.status().failing_reads.is_some() {
            tokio::task::yield_now().await;
        }
        expect(&engine, 20).await;
        fill(&engine, 21..=25).await;
        engine.close().await.unwrap();
        expect(&store.open(), 25).await;
    });
}

#[test]
fn if_a_failed_sync_cannot_be_noted_the_next_one_notes_it() {
    alone("if_a_failed_sync_cannot_be_noted_the_next_one_notes_it", async || {
        let store = Store::new();
        let engine = store.open();
        fill(&engine, 1..=20).await;
        let before = run_out();
        engine.shared.confirm(20).unwrap_err();
        assert!(!confirmed::is_distrusted(&store.log_dir()));
        give_back(before);
        engine.shared.confirm(20).unwrap();
        assert!(confirmed::is_distrusted(&store.log_dir()), "what the sync left behind counts as good");
        drop(engine);
        let (engine, lines) = store.open_told();
        assert!(lines[0].contains("damage was found"), "{lines:?}");
        expect(&engine, 20).await;
    });
}
