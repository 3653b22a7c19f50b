//! Random operations on an engine and on plain maps must give the same results.

use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Append, Durable};
use super::*;

const CASES: u32 = 48;

#[derive(Debug, Clone)]
enum Operation {
    /// Numbers a batch, with a check that holds or fails on purpose.
    Append {
        writes: Vec<(u8, Option<u16>)>,
        check: Option<(u8, bool)>,
    },
    /// Waits for a numbered batch, and keeps it unpublished.
    Await(usize),
    /// Drops the future of a numbered batch.
    Forget(usize),
    Publish(usize),
    Get(Vec<u8>),
    Scan {
        start: Bound<u8>,
        end: Bound<u8>,
        backward: bool,
        limit: usize,
    },
    Restart(bool),
}

fn operation() -> impl Strategy<Value = Operation> {
    let write = (any::<u8>().prop_map(|k| k % 40), proptest::option::weighted(0.7, any::<u16>()));
    let check = proptest::option::weighted(0.3, (any::<u8>().prop_map(|k| k % 40), any::<bool>()));
    let bound = || {
        let key = any::<u8>().prop_map(|k| k % 40);
        prop_oneof![
            Just(Bound::Unbounded),
            key.clone().prop_map(Bound::Included),
            key.prop_map(Bound::Excluded)
        ]
    };
    prop_oneof![
        8 => (vec(write, 0..8), check).prop_map(|(writes, check)| Operation::Append { writes, check }),
        5 => any::<usize>().prop_map(Operation::Await),
        1 => any::<usize>().prop_map(Operation::Forget),
        5 => any::<usize>().prop_map(Operation::Publish),
        3 => vec(any::<u8>().prop_map(|k| k % 40), 0..6).prop_map(Operation::Get),
        3 => (bound(), bound(), any::<bool>(), 0..50_usize)
            .prop_map(|(start, end, backward, limit)| Operation::Scan { start, end, backward, limit }),
        1 => any::<bool>().prop_map(Operation::Restart),
    ]
}

pub(super) fn run(subject: impl Fn() -> Subject) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&vec(operation(), 1..80), |operations| {
            runtime().block_on(async {
                let mut world = World::new(subject());
                for operation in operations {
                    world.apply(operation).await;
                }
                world.restart(Stop::Closed).await;
                world.compare_all().await;
            });
            Ok(())
        })
        .unwrap();
}

type Writes = Vec<(Key, Option<Value>)>;

/// The engine, the batches that callers hold, and the model: the batches by number, and which of them are
/// published.
struct World {
    engine: Option<Arc<dyn Engine>>,
    restart: Restart,
    numbered: Vec<(Append, usize)>,
    durable: Vec<(Durable, usize)>,
    batches: Vec<(Writes, bool)>,
}

impl World {
    fn new(subject: Subject) -> Self {
        let Subject { engine, restart } = subject;
        Self { engine: Some(engine), restart, numbered: Vec::new(), durable: Vec::new(), batches: Vec::new() }
    }

    fn engine(&self) -> &dyn Engine {
        &**self.engine.as_ref().unwrap()
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Append { writes, check } => self.append(&writes, check).await,
            Operation::Await(i) if !self.numbered.is_empty() => {
                let (append, index) = self.numbered.swap_remove(i % self.numbered.len());
                let durable = append.await.unwrap();
                assert_eq!(durable.number(), index as u64 + 1);
                self.durable.push((durable, index));
            }
            Operation::Forget(i) if !self.numbered.is_empty() => {
                let (append, index) = self.numbered.swap_remove(i % self.numbered.len());
                drop(append);
                // It shows no later than the next batch is durable.
                self.engine().commit(Batch::default()).await.unwrap();
                self.batches[index].1 = true;
                self.batches.push((Writes::new(), true));
            }
            Operation::Publish(i) if !self.durable.is_empty() => {
                let (durable, index) = self.durable.swap_remove(i % self.durable.len());
                durable.publish();
                self.batches[index].1 = true;
            }
            Operation::Await(_) | Operation::Forget(_) | Operation::Publish(_) => {}
            Operation::Get(keys) => {
                let keys: Vec<_> = keys.into_iter().map(name).collect();
                let found = self.engine().get_many(&keys).await.unwrap();
                let visible = self.visible();
                assert_eq!(found, keys.iter().map(|k| visible.get(k).cloned()).collect::<Vec<_>>());
            }
            Operation::Scan { start, end, backward, limit } => {
                let direction = if backward { Direction::Backward } else { Direction::Forward };
                let range = KeyRange { start: start.map(name), end: end.map(name) };
                self.compare(range, direction, limit).await;
            }
            Operation::Restart(kill) => self.restart(if kill { Stop::Killed } else { Stop::Closed }).await,
        }
    }

    async fn append(&mut self, writes: &[(u8, Option<u16>)], check: Option<(u8, bool)>) {
        let written: BTreeMap<Key, Option<u16>> = writes.iter().map(|(k, v)| (name(*k), *v)).collect();
        let newest = state(self.batches.iter().map(|(writes, _)| writes));
        let (mut batch, mut writes) = (Batch::default(), Writes::new());
        for (key, value) in written {
            writes.push((key.clone(), value.map(|n| put(&mut batch, &key, &newest, n))));
            if value.is_none() {
                batch.delete(key);
            }
        }
        let mut holds = true;
        if let Some((key, right)) = check {
            let found = newest.get(&name(key)).cloned();
            let wrong = if found.is_some() { None } else { Some(Value::from_static(b"wrong")) };
            batch.checks.push((name(key), if right { found } else { wrong }));
            holds = right;
        }
        let append = self.engine().append(batch);
        if holds {
            self.numbered.push((append, self.batches.len()));
            self.batches.push((writes, false));
        } else {
            assert_eq!(append.await.unwrap_err(), EngineError::Conflict);
        }
    }

    async fn restart(&mut self, stop: Stop) {
        for (append, _) in self.numbered.drain(..) {
            append.await.unwrap();
        }
        self.durable.clear();
        self.batches.iter_mut().for_each(|(_, published)| *published = true);
        let engine = self.engine.take().unwrap();
        self.engine = Some((self.restart)(engine, stop));
        assert_eq!(self.engine().status().durable, self.batches.len() as u64);
        self.compare_all().await;
    }

    async fn compare_all(&self) {
        self.compare(KeyRange::prefix(b""), Direction::Forward, usize::MAX).await;
    }

    async fn compare(&self, range: KeyRange, direction: Direction, limit: usize) {
        let found = self.engine().scan(range.clone(), direction, limit).await.unwrap();
        let within = |k: &Key| {
            let after = match &range.start {
                Bound::Included(start) => k >= start,
                Bound::Excluded(start) => k > start,
                Bound::Unbounded => true,
            };
            let before = match &range.end {
                Bound::Included(end) => k <= end,
                Bound::Excluded(end) => k < end,
                Bound::Unbounded => true,
            };
            after && before
        };
        let mut expected: Vec<_> = self.visible().into_iter().filter(|(k, _)| within(k)).collect();
        if direction == Direction::Backward {
            expected.reverse();
        }
        expected.truncate(limit);
        assert_eq!(found, expected);
    }

    fn visible(&self) -> BTreeMap<Key, Value> {
        state(self.batches.iter().filter(|(_, published)| *published).map(|(writes, _)| writes))
    }
}

fn state<'a>(batches: impl Iterator<Item = &'a Writes>) -> BTreeMap<Key, Value> {
    let mut state = BTreeMap::new();
    for (key, value) in batches.flatten().cloned() {
        match value {
            Some(value) => state.insert(key, value),
            None => state.remove(&key),
        };
    }
    state
}

/// Puts a value, or changes an item of the newest one.
fn put(batch: &mut Batch, key: &Key, newest: &BTreeMap<Key, Value>, n: u16) -> Value {
    let [high, low] = n.to_be_bytes();
    if high % 2 == 0 {
        return put_item(batch, key.clone(), newest.get(key).map(|value| &value[..]), low % 8, high, low);
    }
    let value = content(n);
    batch.put(key.clone(), value.clone());
    value
}

/// Keys of different lengths, some of them prefixes of others.
fn name(n: u8) -> Key {
    let mut key = vec![b'k'; usize::from(n % 3)];
    key.push(n);
    key
}

/// Values from empty to longer than the size from which payloads are compressed.
fn content(n: u16) -> Value {
    Bytes::from(n.to_be_bytes().repeat(usize::from(n) % 800))
}
