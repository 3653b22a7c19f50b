//! The contract of [`Engine`](super::Engine), as tests that every engine runs.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Batch, Direction, Engine, EngineError, Key, KeyRange, MAX_KEY_BYTES, MAX_VALUE_BYTES, Value, put_item,
};

mod cases;
mod model;

/// An engine under test, and how to restart it.
pub(crate) struct Subject {
    pub(crate) engine: Arc<dyn Engine>,
    /// Called when nothing else holds the engine.
    pub(super) restart: Restart,
}

type Restart = Box<dyn Fn(Arc<dyn Engine>, Stop) -> Arc<dyn Engine> + Send + Sync>;

/// How an engine ends before it is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Closed,
    Killed,
}

macro_rules! run_on {
    ($name:ident, $subject:expr) => {
        mod $name {
            use super::super::{cases, model};
            cases::all!($subject);

            #[test]
            fn behaves_like_a_plain_map_under_random_operations() {
                if $subject.is_some() {
                    model::run(|| $subject.unwrap());
                }
            }
        }
    };
}

mod on {
    run_on!(memory, crate::engine::conformance::memory());
    run_on!(sled, crate::engine::conformance::sled());
    run_on!(postgres, crate::engine::conformance::postgres());
    run_on!(tenant, crate::engine::conformance::tenant());
}

/// The content of the memory engine ends with it, so restarting keeps the engine.
fn memory() -> Option<Subject> {
    let engine = Arc::new(super::memory::MemoryEngine::new());
    Some(Subject { engine, restart: Box::new(|engine, _| engine) })
}

fn sled() -> Option<Subject> {
    let dir = tempfile::tempdir().unwrap();
    let mut config = super::sled::SledConfig::new(dir.path().join("data"));
    // Small enough that every run goes through several segments and positions.
    config.segment_bytes = 4096;
    config.confirm_bytes = 4096;
    config.reserve_bytes = 0;
    let open = move || {
        let _keep = &dir;
        let engine = super::sled::SledEngine::open(config.clone(), |_| {}).unwrap();
        Arc::new(engine) as Arc<dyn Engine>
    };
    let engine = open();
    let restart = Box::new(move |engine: Arc<dyn Engine>, stop| {
        assert_eq!(Arc::strong_count(&engine), 1, "no other handle to the engine may remain");
        if stop == Stop::Closed {
            block_on(engine.close()).unwrap();
        }
        drop(engine);
        open()
    });
    Some(Subject { engine, restart })
}

/// `None` where PostgreSQL is not installed.
pub(crate) fn postgres() -> Option<Subject> {
    use super::postgres::tests::{TestClock, cluster, config};
    use super::postgres::{Contention, PostgresEngine};
    let dsn = cluster::fresh()?;
    let open = move || {
        // The owner that was killed has soon been silent for a term; the new one never is.
        let clock = TestClock::new();
        clock.speed(100);
        let opened = async {
            let engine = PostgresEngine::open(config(dsn.clone(), &clock), Contention::Wait(&|_| {})).await;
            clock.speed(0);
            let engine = engine.unwrap();
            // The fast clock may have used up the first term; the next renewal counts by the one that stands.
            while !engine.ownership().holds_now() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            Arc::new(engine) as Arc<dyn Engine>
        };
        outliving(opened)
    };
    Some(restarted(open))
}

/// A lease that has every key. It is given back, or taken back, before it is opened again.
pub(crate) fn tenant() -> Option<Subject> {
    use super::postgres::tests::{TestClock, cluster, config};
    use super::postgres::{Contention, PostgresConfig, PostgresEngine};
    let (clock, dsn) = (TestClock::new(), cluster::fresh()?);
    let settings = PostgresConfig { lease_of: |_| Some(7), ..config(dsn.clone(), &clock) };
    let owner = outliving(PostgresEngine::open(settings, Contention::Wait(&|_| {}))).unwrap();
    let open = move || {
        let opened = async {
            // A tenant that was killed has soon been silent for a term.
            clock.speed(100);
            owner.take_back(7).await.unwrap();
            clock.speed(0);
            let grant = owner.lend(7).await.unwrap();
            let settings = PostgresConfig { lease_of: |_| Some(7), ..config(dsn.clone(), &TestClock::new()) };
            Arc::new(PostgresEngine::open_leased(settings, 7, grant).await.unwrap()) as Arc<dyn Engine>
        };
        outliving(opened)
    };
    Some(restarted(open))
}

/// An engine that `open` opens, at first and after each stop.
fn restarted(open: impl Fn() -> Arc<dyn Engine> + Send + Sync + 'static) -> Subject {
    let engine = open();
    let restart = Box::new(move |engine: Arc<dyn Engine>, stop| {
        if stop == Stop::Closed {
            block_on(engine.close()).unwrap();
        }
        drop(engine);
        open()
    });
    Subject { engine, restart }
}

/// Runs in a runtime of its own: the tasks of an engine outlive that of the operation that opens it.
fn outliving<T: Send>(future: impl Future<Output = T> + Send) -> T {
    static TASKS: std::sync::LazyLock<tokio::runtime::Runtime> = std::sync::LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    std::thread::scope(|scope| scope.spawn(|| TASKS.block_on(future)).join().unwrap())
}

fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    // On a thread of its own, because the caller may be inside a runtime.
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(future)).join().unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn key(name: &str) -> Key {
    name.as_bytes().to_vec()
}

fn value(text: &str) -> Value {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(pairs: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::default();
    pairs.iter().for_each(|(k, v)| batch.put(key(k), value(v)));
    batch
}

fn delete(keys: &[&str]) -> Batch {
    let mut batch = Batch::default();
    keys.iter().for_each(|k| batch.delete(key(k)));
    batch
}

fn check(mut batch: Batch, name: &str, expected: Option<&str>) -> Batch {
    batch.checks.push((key(name), expected.map(value)));
    batch
}

async fn get(engine: &dyn Engine, name: &str) -> Option<String> {
    let found = engine.get_many(&[key(name)]).await.unwrap();
    found[0].as_ref().map(|v| String::from_utf8(v.to_vec()).unwrap())
}

async fn scan_all(engine: &dyn Engine) -> Vec<(String, String)> {
    let found = engine.scan(KeyRange::prefix(b""), Direction::Forward, usize::MAX).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    found.iter().map(|(k, v)| (text(k), text(v))).collect()
}
