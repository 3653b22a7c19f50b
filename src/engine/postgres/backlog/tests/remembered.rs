//! What memory has of the tables is never old, however statements that read and batches overlap.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const KEYS: u8 = 24;
/// Room for some sixteen values, of which each may take a part.
const ROOM: usize = 16 * 170;

/// What happens next. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    /// A batch that writes these keys; it deletes them if the flag says so.
    Number(Vec<u8>, bool),
    /// The tables get the next batches.
    Durable(u8),
    /// One of the durable batches is published.
    Publish(usize),
    /// A statement is asked for.
    Ask(u8),
    /// The database runs a statement that was asked for.
    Run(usize),
    /// The answer of a statement that was run is there.
    Answer(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (proptest::collection::vec(0..KEYS, 1..4), proptest::bool::weighted(0.2)).prop_map(|(k, d)| Step::Number(k, d)),
        3 => (1_u8..3).prop_map(Step::Durable),
        3 => any::<usize>().prop_map(Step::Publish),
        4 => (0..KEYS).prop_map(Step::Ask),
        3 => any::<usize>().prop_map(Step::Run),
        3 => any::<usize>().prop_map(Step::Answer),
    ]
}

type Values = BTreeMap<Bytes, Value>;

/// A backlog, and plainly what it stands for.
struct Model {
    backlog: Backlog,
    /// What each batch writes, from number 1 on.
    batches: Vec<Vec<(Bytes, Option<Value>)>>,
    durable: usize,
    published: BTreeSet<usize>,
    /// Statements: the moment, the key, and the answer once they were run.
    asked: Vec<(Moment, Bytes)>,
    run: Vec<(Moment, Bytes, Option<Value>)>,
    /// How often an answer was kept.
    kept: usize,
}

fn name(key: u8) -> Bytes {
    Bytes::from(format!("k{key}"))
}

impl Model {
    fn new(room: usize) -> Self {
        let (batches, published) = (Vec::new(), BTreeSet::new());
        let (asked, run) = (Vec::new(), Vec::new());
        Self { backlog: Backlog::new(0, room, keys()), batches, durable: 0, published, asked, run, kept: 0 }
    }

    /// The values after the batches that `counts` says.
    fn values(&self, counts: impl Fn(usize) -> bool) -> Values {
        let mut values = Values::new();
        for (_, batch) in (1..).zip(&self.batches).filter(|(number, _)| counts(*number)) {
            for (key, value) in batch {
                match value {
                    Some(value) => drop(values.insert(key.clone(), value.clone())),
                    None => drop(values.remove(key)),
                }
            }
        }
        values
    }

    fn tables(&self) -> Values {
        self.values(|number| number <= self.durable)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Number(keys, is_delete) => {
                let mut batch = Batch::default();
                let mut writes = Vec::new();
                for key in keys.into_iter().collect::<BTreeSet<_>>() {
                    let value = Bytes::from(format!("{}", self.batches.len()));
                    if is_delete {
                        batch.delete(name(key).to_vec());
                    } else {
                        batch.put(name(key).to_vec(), value.clone());
                    }
                    writes.push((name(key), (!is_delete).then_some(value)));
                }
                let unknown = self.backlog.unknown(writes.iter().map(|(key, _)| key.as_ref()));
                let tables = self.tables();
                let known =
                    |key: Vec<u8>| (Bytes::from(key.clone()), Ok(tables.get(key.as_slice()).cloned()));
                let mut read = of(&unknown.into_iter().map(known).collect());
                // Each batch is checked against the newest value of its first key.
                let newest = self.values(|_| true).get(&writes[0].0).cloned();
                let checks = vec![(writes[0].0.to_vec(), newest)];
                let number = u64::try_from(self.batches.len() + 1).unwrap();
                assert_eq!(self.backlog.number(&checks, &ops_of(batch), &mut read), Numbered::As(number));
                self.batches.push(writes);
            }
            Step::Durable(more) => {
                self.durable = (self.durable + usize::from(more)).min(self.batches.len());
                self.backlog.durable(u64::try_from(self.durable).unwrap());
            }
            Step::Publish(which) => {
                let hidden: Vec<_> = (1..=self.durable).filter(|n| !self.published.contains(n)).collect();
                if let Some(number) = hidden.get(which % hidden.len().max(1)) {
                    self.published.insert(*number);
                    self.backlog.publish(u64::try_from(*number).unwrap());
                }
            }
            Step::Ask(key) => {
                let shown = self.backlog.shown(&[name(key).to_vec()]);
                if shown.values[0].is_none() {
                    self.asked.push((shown.at, name(key)));
                }
            }
            Step::Run(which) if !self.asked.is_empty() => {
                let (at, key) = self.asked.swap_remove(which % self.asked.len());
                let value = self.tables().get(&key).cloned();
                self.run.push((at, key, value));
            }
            Step::Answer(which) if !self.run.is_empty() => {
                let (at, key, value) = self.run.swap_remove(which % self.run.len());
                let before = self.backlog.shown(&[key.to_vec()]).values.remove(0);
                self.backlog.keep(at, &Read::from([(key.clone(), Ok(value))]));
                let after = self.backlog.shown(&[key.to_vec()]).values.remove(0);
                self.kept += usize::from(before.is_none() && after.is_some());
            }
            Step::Run(_) | Step::Answer(_) => {}
        }
    }

    /// Memory shows what is published, or does not know.
    fn check(&self) {
        let published = self.values(|number| self.published.contains(&number));
        for key in (0..KEYS).map(name) {
            if let Some(shown) = self.backlog.shown(&[key.to_vec()]).values.remove(0) {
                assert_eq!(shown.as_ref(), published.get(&key), "{key:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn memory_shows_what_is_published_or_does_not_know(
        steps in proptest::collection::vec(step(), 1..120),
        room in prop_oneof![Just(0), Just(ROOM), Just(100 * ROOM)],
    ) {
        let mut model = Model::new(room);
        for step in steps {
            model.take(step);
            model.check();
        }
        prop_assert!(room > 0 || model.kept == 0);
    }
}

/// What a statement returned stays only if it is still so.
#[test]
fn an_answer_that_a_batch_has_overtaken_is_not_kept() {
    for (is_overtaken, is_published) in [(false, false), (true, false), (true, true)] {
        let mut model = Model::new(100 * ROOM);
        let steps = [Step::Number(vec![1], false), Step::Durable(1), Step::Publish(0)];
        steps.into_iter().for_each(|step| model.take(step));
        // As if there had been no room for it.
        lock(&model.backlog.0).remembered = Remembered::new(100 * ROOM);
        model.take(Step::Ask(1));
        model.take(Step::Run(0));
        if is_overtaken {
            model.take(Step::Number(vec![1], false));
            model.take(Step::Durable(1));
        }
        if is_published {
            model.take(Step::Publish(0));
            lock(&model.backlog.0).remembered = {
                let mut remembered = Remembered::new(100 * ROOM);
                remembered.left(2, &name(1), None);
                remembered
            };
        }
        model.take(Step::Answer(0));
        model.check();
        assert_eq!(model.kept, usize::from(!is_overtaken), "{is_overtaken} {is_published}");
    }
}
