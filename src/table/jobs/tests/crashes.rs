//! Jobs of which any operation of the engine fails, or after which the process dies.

use super::*;
use crate::engine::EngineError;
use crate::engine::faulty::{Fault, Faulty};
use crate::model::{RequestId, RequestIdentity};
use crate::table::{Begun, IfRunning, RequestResult};

fn faults() -> [Fault; 4] {
    let full = Fault::Error(EngineError::StorageFull { free: 1, needed: 2 });
    [Fault::CrashBefore, Fault::CrashAfter, full, Fault::FailedWrite { also: 1 }]
}

impl Store {
    /// Makes a job under a request id, unless that was done before. Returns its number and whether it was made
    /// now.
    async fn request(&self, input: &[u8]) -> Result<(JobNumber, bool), TableError> {
        let identity = RequestIdentity::new(RequestId::parse("nightly").unwrap(), "test", b"list");
        let idempotency = self.table.idempotency();
        match idempotency.begin(&identity, None, self.table.now(), IfRunning::Wait).await? {
            Begun::Done(stored) => {
                let RequestResult::Job(number) = stored.result else { panic!("{stored:?}") };
                Ok((number, false))
            }
            Begun::New(claim) => {
                let mut upload = self.jobs().begin(self.base)?;
                upload.push(input).await?;
                Ok((upload.accept(self.new_job(), Some(claim)).await?.number, true))
            }
        }
    }
}

/// Makes a job with a fault at operation `n`, and again after a restart. Returns whether there was a fault.
async fn made_again(n: u64, fault: Fault) -> bool {
    let context = format!("{fault:?} at operation {n}");
    let input = noise(1_100_000);
    let store = Store::new().await;
    let inner = Arc::clone(&store.engine);
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)));
    let broken = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
    faulty.fail_later(n, fault.clone());
    let first = broken.request(&input).await;
    let has_failed = faulty.has_failed();
    broken.until_removed().await;
    if !matches!(fault, Fault::CrashBefore | Fault::CrashAfter) {
        // The same process goes on, and what it has in memory is what is stored.
        faulty.fail_later(u64::MAX, fault);
        let again = broken.request(&input).await.unwrap();
        assert!(first.is_err() || first == Ok((again.0, true)), "{context}: {first:?}");
        assert_eq!(broken.jobs().unfinished(), [(store.base, again.0)], "{context}");
        assert_eq!(broken.bytes(), input.len() as u64, "{context}");
    }
    let store = store.through(inner).await.unwrap();
    let (number, is_new) = store.request(&input).await.unwrap();
    assert!(!is_new || first.is_err(), "{context}");
    assert_eq!(store.request(&input).await, Ok((number, false)), "{context}");
    assert_eq!(store.jobs().unfinished(), [(store.base, number)], "{context}");
    assert!(store.input(number).await == input, "{context}");
    store.table.maintain().await.unwrap();
    let of_job = store.scan(stored::values(store.base, number, None)).await.len();
    assert_eq!(store.keys().await.len(), 1 + of_job, "{context}: nothing else is left");
    assert_sound(&store.engine).await;
    has_failed
}

#[tokio::test]
async fn a_request_makes_one_job_whatever_fails() {
    for fault in faults() {
        let mut n = 1;
        while made_again(n, fault.clone()).await {
            n += 1;
        }
        assert!(n > 4, "{fault:?}: only {n} operations");
    }
}

#[tokio::test]
async fn a_change_is_stored_and_in_memory_or_neither() {
    for fault in faults() {
        let mut n = 1;
        loop {
            let context = format!("{fault:?} at operation {n}");
            let store = Store::new().await;
            let number = store.accept(b"x").await.unwrap().number;
            let faulty = Arc::new(Faulty::new(Arc::clone(&store.engine)));
            let broken = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
            faulty.fail_later(n, fault.clone());
            let changed = broken.jobs().change(store.base, number, |job| {
                job.state = JobState::Planning;
                Ok::<(), ()>(())
            });
            let changed = changed.await;
            let has_failed = faulty.has_failed();
            let stored = store.restarted().await.get(number).await.unwrap();
            let is_crash = matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
            match &changed {
                Ok(done) => assert_eq!(done, &Some(Ok(stored.clone())), "{context}"),
                Err(_) if fault != Fault::CrashAfter => {
                    assert_eq!(stored.state, JobState::Pending, "{context}")
                }
                Err(_) => {}
            }
            if !is_crash {
                assert_eq!(broken.get(number).await, Some(stored), "{context}");
            }
            if !has_failed {
                assert!(changed.is_ok() && n > 1, "{context}");
                break;
            }
            n += 1;
        }
    }
}

#[tokio::test]
async fn a_removal_that_is_interrupted_is_completed_later() {
    for fault in faults() {
        let mut n = 1;
        loop {
            let store = Store::new().await;
            let number = store.accept(&noise(200_000)).await.unwrap().number;
            store.jobs().cancel(store.base, number).await.unwrap();
            store.wait(31 * DAY);
            let faulty = Arc::new(Faulty::new(Arc::clone(&store.engine)));
            let broken = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
            faulty.fail_later(n, fault.clone());
            let tidied = broken.jobs().tidy(store.table.now()).await;
            let has_failed = faulty.has_failed();
            assert_sound(&store.engine).await;
            let store = store.restarted().await;
            store.table.maintain().await.unwrap();
            assert_eq!((store.keys().await, store.bytes()), (Vec::new(), 0), "{fault:?} at operation {n}");
            if !has_failed {
                assert!(tidied.is_ok() && n > 3);
                break;
            }
            n += 1;
        }
    }
}
