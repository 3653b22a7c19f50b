//! Jobs: uploads, changes, limits and housekeeping, also across restarts.

mod crashes;
mod housekeeping;
mod limits;
mod older;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sha2::{Digest, Sha256};

use crate::engine::memory::MemoryEngine;
use crate::engine::{Direction, Engine, Key, KeyRange};
use crate::model::job_samples::job;
use crate::model::{BaseNumber, Hold, Job, JobEnd, JobNumber, JobState, Reason, Timestamp};
use crate::stored::job::{self as stored, JobPart};
use crate::table::audit::tests::assert_sound;
use crate::table::jobs::{JobLimits, Jobs};
use crate::table::{Table, TableConfig, TableError};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// The first time of the clock.
const START: i64 = 1_800_000_000_000_000;

struct Store {
    engine: Arc<dyn Engine>,
    clock: Arc<AtomicI64>,
    limits: JobLimits,
    table: Arc<Table>,
    base: BaseNumber,
}

async fn open(
    engine: &Arc<dyn Engine>,
    clock: &Arc<AtomicI64>,
    jobs: JobLimits,
) -> Result<Arc<Table>, TableError> {
    let time = Arc::clone(clock);
    let clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
    let config = TableConfig { grace_micros: DAY, jobs, ..TableConfig::default() };
    Table::open(Arc::clone(engine), clock, config).await
}

impl Store {
    async fn new() -> Self {
        Self::with(JobLimits::default()).await
    }

    async fn with(limits: JobLimits) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let clock = Arc::new(AtomicI64::new(START));
        let table = open(&engine, &clock, limits).await.unwrap();
        let settings = crate::model::samples::unguarded("test");
        let base = table.create_base(settings, None).await.unwrap().number;
        Self { engine, clock, limits, table, base }
    }

    /// The store after a restart with `engine`.
    async fn through(&self, engine: Arc<dyn Engine>) -> Result<Self, TableError> {
        let (clock, limits, base) = (Arc::clone(&self.clock), self.limits, self.base);
        let table = open(&engine, &clock, limits).await?;
        Ok(Self { engine, clock, limits, table, base })
    }

    async fn restarted(&self) -> Self {
        self.through(Arc::clone(&self.engine)).await.unwrap()
    }

    fn jobs(&self) -> &Arc<Jobs> {
        self.table.jobs()
    }

    fn wait(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }

    fn new_job(&self) -> Job {
        job(self.base, self.table.now())
    }

    /// Accepts a job with this input.
    async fn accept(&self, input: &[u8]) -> Result<Job, TableError> {
        self.accept_of(self.base, input).await
    }

    async fn accept_of(&self, base: BaseNumber, input: &[u8]) -> Result<Job, TableError> {
        let mut upload = self.jobs().begin(base)?;
        upload.push(input).await?;
        upload.accept(self.new_job(), None).await
    }

    /// Moves a job through `states`.
    async fn lead(&self, number: JobNumber, states: &[JobState]) -> Job {
        let mut led = None;
        for state in states {
            let state = *state;
            let to = move |job: &mut Job| {
                job.state = state;
                Ok::<(), ()>(())
            };
            led = self.jobs().change(self.base, number, to).await.unwrap().unwrap().ok();
        }
        led.unwrap()
    }

    async fn get(&self, number: JobNumber) -> Option<Job> {
        self.jobs().get(self.base, number).await.unwrap()
    }

    async fn input(&self, number: JobNumber) -> Vec<u8> {
        let values = self.jobs().values(self.base, number, JobPart::Input, 0, usize::MAX).await.unwrap();
        assert!(values.iter().map(|(n, _)| *n).eq(0..values.len() as u64));
        values.into_iter().flat_map(|(_, value)| value).collect()
    }

    /// Every key of jobs and of their data.
    async fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for range in [stored::jobs(), stored::values_of()] {
            keys.extend(self.scan(range).await);
        }
        keys
    }

    async fn scan(&self, range: KeyRange) -> Vec<Key> {
        let found = self.engine.scan(range, Direction::Forward, usize::MAX).await.unwrap();
        found.into_iter().map(|(key, _)| key).collect()
    }

    /// Waits until an upload that was dropped is removed.
    async fn until_removed(&self) {
        while !self.jobs().memory().uploads.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    fn bytes(&self) -> u64 {
        self.jobs().memory().bytes
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

fn reason<T: std::fmt::Debug>(refused: Result<T, TableError>) -> Reason {
    match refused {
        Err(TableError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_input_comes_back_byte_for_byte_however_it_arrived() {
    let store = Store::new().await;
    let input = noise(3 * 1024 * 1024 + 17);
    for piece in [1_000_000, 64 * 1024, 64_511, 7_777_777] {
        let mut upload = store.jobs().begin(store.base).unwrap();
        for piece in input.chunks(piece) {
            upload.push(piece).await.unwrap();
        }
        let number = upload.number();
        assert!(store.get(number).await.is_none(), "it is not a job yet");
        let accepted = upload.accept(store.new_job(), None).await.unwrap();
        assert_eq!((accepted.number, accepted.base, accepted.state), (number, store.base, JobState::Pending));
        assert_eq!(accepted.input.bytes, input.len() as u64);
        assert_eq!(accepted.input.sha256[..], Sha256::digest(&input)[..]);
        for store in [&store, &store.restarted().await] {
            assert_eq!(store.get(number).await.as_ref(), Some(&accepted));
            assert!(store.input(number).await == input, "in pieces of {piece}");
        }
    }
    let empty = store.accept(b"").await.unwrap();
    assert_eq!((empty.input.chunks, store.input(empty.number).await), (0, Vec::new()));
    assert_sound(&store.engine).await;
}

#[tokio::test]
async fn a_thousand_jobs_wait_in_their_order_and_are_listed_from_the_newest() {
    let store = Store::new().await;
    let other =
        store.table.create_base(crate::model::samples::unguarded("other"), None).await.unwrap().number;
    let mut accepted = Vec::new();
    for n in 0..1_000 {
        let base = if n % 3 == 0 { other } else { store.base };
        accepted.push((base, store.accept_of(base, b"ref\na\n").await.unwrap().number));
    }
    assert!(accepted.is_sorted_by(|(_, earlier), (_, later)| earlier < later), "the clock stood still");
    for store in [&store, &store.restarted().await] {
        assert_eq!(store.jobs().unfinished(), accepted);
        let mut listed = Vec::new();
        let mut before = None;
        loop {
            let page = store.jobs().list(store.base, before, 99, &[]).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.number);
            listed.extend(page.into_iter().map(|job| (job.base, job.number)));
        }
        listed.reverse();
        assert!(listed.iter().eq(accepted.iter().filter(|(base, _)| *base == store.base)));
    }
    let (_, oldest) = accepted[1];
    store.lead(oldest, &[JobState::Planning, JobState::Held]).await;
    let held = store.jobs().list(store.base, None, 10, &[JobState::Held, JobState::Failed]).await.unwrap();
    assert!(held.iter().map(|job| job.number).eq([oldest]));
    assert_eq!(store.jobs().unfinished().len(), 999, "a held job is not run");
}

#[tokio::test]
async fn a_job_changes_only_along_its_states_and_a_refusal_changes_nothing() {
    let store = Store::new().await;
    let number = store.accept(b"x").await.unwrap().number;
    store.wait(5);
    let planning = store.lead(number, &[JobState::Planning]).await;
    assert_eq!(planning.changed_at.micros(), START + 5);
    let refused = store.jobs().change(store.base, number, |job| {
        job.name = "other".to_owned();
        Err("no")
    });
    assert_eq!(refused.await.unwrap(), Some(Err("no")));
    let illegal = store.jobs().change(store.base, number, |job| {
        job.state = JobState::Rejected;
        job.state = JobState::Pending;
        Ok::<(), ()>(())
    });
    assert!(illegal.await.unwrap().unwrap().is_ok(), "planned again");
    let illegal = store.jobs().change(store.base, number, |job| {
        job.state = JobState::Succeeded;
        Ok::<(), ()>(())
    });
    assert_eq!(reason(illegal.await), Reason::JobState);
    let long = store.jobs().change(store.base, number, |job| {
        job.state = JobState::Failed;
        job.end = Some(JobEnd::new("X", "\u{e9}".repeat(4_000)));
        Ok::<(), ()>(())
    });
    let failed = long.await.unwrap().unwrap().unwrap();
    assert_eq!(failed.end.as_ref().unwrap().message, "\u{e9}".repeat(1_024));
    for store in [&store, &store.restarted().await] {
        assert_eq!(store.get(number).await.as_ref(), Some(&failed));
        assert!(store.jobs().unfinished().is_empty());
    }
    let missing = store.jobs().change(store.base, JobNumber(7), |_| Ok::<(), ()>(()));
    assert_eq!(missing.await.unwrap(), None);
}

#[tokio::test]
async fn many_changes_at_once_are_all_made() {
    let store = Store::new().await;
    let number = store.accept(b"x").await.unwrap().number;
    let add = async |_| {
        let added = store.jobs().change(store.base, number, |job| {
            job.planned_rows += 1;
            Ok::<(), ()>(())
        });
        added.await.unwrap();
    };
    futures_util::future::join_all((0..50).map(add)).await;
    assert_eq!(store.restarted().await.get(number).await.unwrap().planned_rows, 50);
}

#[tokio::test]
async fn watchers_see_every_change_and_progress_which_is_not_stored() {
    let store = Store::new().await;
    let number = store.accept(b"x").await.unwrap().number;
    let mut watched = store.jobs().watch(store.base, number).await.unwrap().unwrap();
    assert_eq!(watched.borrow_and_update().state, JobState::Pending);
    let planning = store.lead(number, &[JobState::Planning]).await;
    watched.changed().await.unwrap();
    assert_eq!(**watched.borrow_and_update(), planning);
    store.jobs().note_progress(Job { planned_rows: 40, ..planning.clone() });
    watched.changed().await.unwrap();
    assert_eq!(watched.borrow_and_update().planned_rows, 40);
    assert_eq!(store.get(number).await.unwrap().planned_rows, 40);
    assert_eq!(store.restarted().await.get(number).await, Some(planning));
    let failed = store.lead(number, &[JobState::Failed]).await;
    assert_eq!(failed.planned_rows, 0, "the stored record is changed, not its progress");
    watched.changed().await.unwrap();
    assert_eq!(**watched.borrow_and_update(), failed);
    assert!(watched.changed().await.is_err(), "nothing more comes");
    let late = store.jobs().watch(store.base, number).await.unwrap().unwrap();
    assert_eq!(**late.borrow(), failed);
    assert!(store.jobs().watch(store.base, JobNumber(7)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_job_that_does_not_run_is_cancelled_at_once_and_its_runner_is_asked_otherwise() {
    use JobState::{Cancelled, Held, Pending, Planning, Running, Succeeded};
    for (states, asked) in [
        (&[][..], false),
        (&[Planning], true),
        (&[Planning, Held], false),
        (&[Planning, Held, Pending], false),
        (&[Planning, Running], true),
    ] {
        let store = Store::new().await;
        let number = store.accept(b"x").await.unwrap().number;
        if !states.is_empty() {
            store.lead(number, states).await;
        }
        store.jobs().cancel(store.base, number).await.unwrap();
        assert_eq!(store.jobs().is_cancelled(store.base, number), asked, "{states:?}");
        let restarted = store.restarted().await;
        let state = restarted.get(number).await.unwrap().state;
        assert_eq!(state == Cancelled, !asked, "{states:?}");
        assert_eq!(
            restarted.jobs().is_cancelled(store.base, number),
            asked,
            "{states:?}: a restart keeps it"
        );
        if asked {
            // Instead of being held, it ends.
            let ended = store.lead(number, &[Held]).await;
            assert_eq!((ended.state, ended.end.unwrap().reason.as_str()), (Cancelled, "CANCELLED"));
        }
        store.jobs().cancel(store.base, number).await.unwrap();
        assert_eq!(store.get(number).await.unwrap().state, Cancelled);
    }
    let store = Store::new().await;
    let number = store.accept(b"x").await.unwrap().number;
    store.lead(number, &[Planning, Running, Succeeded]).await;
    store.jobs().cancel(store.base, number).await.unwrap();
    assert_eq!(store.get(number).await.unwrap().state, Succeeded);
}

#[tokio::test]
async fn whoever_waits_for_work_is_woken() {
    let store = Store::new().await;
    let woken = store.jobs().woken();
    let number = store.accept(b"x").await.unwrap().number;
    woken.await;
    let woken = store.jobs().woken();
    store.lead(number, &[JobState::Planning]).await;
    woken.await;
    let woken = store.jobs().woken();
    store.jobs().cancel(store.base, number).await.unwrap();
    woken.await;
}

#[tokio::test]
async fn a_damaged_record_hides_only_itself() {
    let store = Store::new().await;
    let [first, second] = [store.accept(b"a").await.unwrap(), store.accept(b"b").await.unwrap()];
    let mut batch = crate::engine::Batch::default();
    batch.put(stored::job(store.base, first.number), vec![1, 9]);
    store.engine.commit(batch).await.unwrap();
    let store = store.restarted().await;
    assert_eq!(store.jobs().unfinished(), [(store.base, second.number)]);
    assert_eq!(store.jobs().list(store.base, None, 10, &[]).await.unwrap(), [second]);
    assert!(matches!(store.jobs().get(store.base, first.number).await, Err(TableError::Damaged(_))));
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys().await.len(), 4);
}
