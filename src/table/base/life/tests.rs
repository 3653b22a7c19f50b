//! Random lives against what must hold of all of them. Openings, closings and work end when the test says so,
//! and as it says, so that everything can come between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// A caller asks for a base.
    Ask(u32),
    /// A waiting caller leaves.
    Leave(usize),
    /// A caller drops a base that it holds.
    LetGo(usize),
    /// An opening, a closing or work ends.
    Settle(usize, bool),
    CloseIdle,
    Purge(u32),
    /// Tasks that can continue do so, for this many turns.
    Run(u8),
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u32..3).prop_map(Step::Ask),
        2 => any::<usize>().prop_map(Step::Leave),
        4 => any::<usize>().prop_map(Step::LetGo),
        8 => (any::<usize>(), proptest::bool::weighted(0.7)).prop_map(|(which, is_good)| Step::Settle(which, is_good)),
        3 => Just(Step::CloseIdle),
        2 => (0_u32..3).prop_map(Step::Purge),
        6 => (0_u8..6).prop_map(Step::Run),
    ];
    (proptest::collection::vec(step, 1..60), any::<bool>()).prop_map(|(mut steps, ends)| {
        if ends {
            steps.insert(steps.len() * 2 / 3, Step::End);
        }
        steps
    })
}

/// What happens to the bases.
#[derive(Default)]
struct Stage(Mutex<Scene>);

#[derive(Default)]
struct Scene {
    /// Openings, closings and work that wait for their end.
    pending: Vec<oneshot::Sender<bool>>,
    /// Whether everything succeeds at once.
    flows: bool,
    /// The number of lanes of each base.
    lanes: BTreeMap<BaseNumber, usize>,
    /// Bases that are being opened, closed or worked on.
    busy: BTreeSet<BaseNumber>,
    purged: BTreeSet<BaseNumber>,
    faults: Vec<String>,
}

impl Stage {
    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap()
    }

    /// Opens, closes or works on a base, with nothing else done to it meanwhile, until the test ends it.
    async fn act(&self, number: BaseNumber, what: &str, lanes: usize) -> bool {
        let told = {
            let mut scene = self.scene();
            if !scene.busy.insert(number) {
                scene.faults.push(format!("{what} of {number:?} while something else is done to it"));
            }
            let found = scene.lanes.get(&number).copied().unwrap_or(0);
            if found != lanes {
                scene.faults.push(format!("{what} of {number:?} with {found} lanes"));
            }
            let (settle, told) = oneshot::channel();
            if !scene.flows {
                scene.pending.push(settle);
            }
            told
        };
        let is_good = told.await.unwrap_or(true);
        tokio::task::yield_now().await;
        self.scene().busy.remove(&number);
        is_good
    }
}

struct Actor(Arc<Stage>);

struct FakeBase {
    number: BaseNumber,
    is_closed: AtomicBool,
}

#[async_trait]
impl Kind for Actor {
    type Open = FakeBase;

    async fn open(&self, number: BaseNumber) -> Result<Arc<FakeBase>, TableError> {
        let is_good = self.0.act(number, "opening", 0).await;
        let mut scene = self.0.scene();
        if scene.purged.contains(&number) {
            return Err(TableError::BaseNotFound);
        }
        if !is_good {
            return Err(TableError::Damaged("it does not open".to_owned()));
        }
        *scene.lanes.entry(number).or_default() += 1;
        Ok(Arc::new(FakeBase { number, is_closed: AtomicBool::new(false) }))
    }

    async fn close(&self, base: &FakeBase) -> Result<(), TableError> {
        let is_good = self.0.act(base.number, "closing", 1).await;
        base.is_closed.store(true, Ordering::Relaxed);
        *self.0.scene().lanes.entry(base.number).or_default() -= 1;
        if is_good { Ok(()) } else { Err(TableError::Damaged("no checkpoint".to_owned())) }
    }
}

type Asked = JoinHandle<Result<Arc<FakeBase>, TableError>>;

struct Play {
    stage: Arc<Stage>,
    lives: Arc<Lives<Actor>>,
    asked: Vec<Asked>,
    held: Vec<Arc<FakeBase>>,
    others: Vec<JoinHandle<()>>,
    has_ended: bool,
}

impl Play {
    fn new() -> Self {
        let stage = Arc::<Stage>::default();
        let lives = Lives::new(Actor(Arc::clone(&stage)));
        Self { stage, lives, asked: Vec::new(), held: Vec::new(), others: Vec::new(), has_ended: false }
    }

    async fn step(&mut self, step: Step) {
        let lives = Arc::clone(&self.lives);
        match step {
            Step::Ask(number) => {
                let ask = async move { lives.get(BaseNumber(number), Timestamp::from_micros(1)).await };
                self.asked.push(tokio::spawn(ask));
            }
            Step::Leave(which) if !self.asked.is_empty() => {
                self.asked.swap_remove(which % self.asked.len()).abort();
            }
            Step::LetGo(which) if !self.held.is_empty() => {
                self.held.swap_remove(which % self.held.len());
            }
            Step::Settle(which, is_good) => {
                let pending = &mut self.stage.scene().pending;
                if !pending.is_empty() {
                    let _ = pending.swap_remove(which % pending.len()).send(is_good);
                }
            }
            Step::CloseIdle => self.others.push(tokio::spawn(async move {
                lives.close_idle(Timestamp::from_micros(2)).await;
            })),
            Step::Purge(number) => {
                let (stage, number) = (Arc::clone(&self.stage), BaseNumber(number));
                let work = async move {
                    stage.act(number, "purging", 0).await;
                    stage.scene().purged.insert(number);
                };
                self.others
                    .push(tokio::spawn(async move { lives.while_closed(number, work).await.unwrap_or(()) }));
            }
            Step::Run(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            Step::End => {
                self.has_ended = true;
                self.others.push(tokio::spawn(async move { drop(lives.end().await) }));
                tokio::task::yield_now().await;
            }
            Step::Leave(_) | Step::LetGo(_) => {}
        }
        self.look().await;
    }

    /// Collects the bases that callers got, and checks the invariants.
    async fn look(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            if !asked.is_finished() {
                self.asked.push(asked);
            } else if let Ok(base) = asked.await.unwrap() {
                self.held.push(base);
            }
        }
        let is_closed = |base: &Arc<FakeBase>| base.is_closed.load(Ordering::Relaxed);
        assert!(self.has_ended || !self.held.iter().any(is_closed), "a caller holds a closed base");
        assert_eq!(self.stage.scene().faults, [""; 0]);
    }

    /// Lets everything end, and checks that all callers got a result and that nothing is open.
    async fn finish(mut self) {
        for _ in 0..2_000 {
            let pending = std::mem::take(&mut self.stage.scene().pending);
            for pending in pending {
                let _ = pending.send(true);
            }
            tokio::task::yield_now().await;
        }
        self.look().await;
        assert!(self.asked.is_empty(), "{} callers got no result", self.asked.len());
        assert!(self.others.iter().all(JoinHandle::is_finished), "some work did not end");
        self.held.clear();
        self.stage.scene().flows = true;
        self.lives.end().await.unwrap();
        self.look().await;
        assert!(self.stage.scene().lanes.values().all(|lanes| *lanes == 0));
        let late = self.lives.get(BaseNumber(0), Timestamp::from_micros(1)).await;
        assert!(matches!(late, Err(TableError::Closing)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_base_has_at_most_one_lane_and_every_caller_gets_a_result(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut play = Play::new();
            for step in steps {
                play.step(step).await;
            }
            play.finish().await;
        });
    }
}

#[tokio::test]
async fn a_base_whose_opener_left_is_open_for_the_next() {
    let mut play = Play::new();
    for step in [Step::Ask(1), Step::Run(3), Step::Leave(0), Step::Settle(0, true), Step::Run(5)] {
        play.step(step).await;
    }
    assert_eq!(play.stage.scene().lanes[&BaseNumber(1)], 1);
    let base = play.lives.get(BaseNumber(1), Timestamp::from_micros(1)).await.unwrap();
    assert!(!base.is_closed.load(Ordering::Relaxed));
    drop(base);
    play.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_several_threads_too() {
    let play = Play::new();
    play.stage.scene().flows = true;
    let worker = |seed: u64| {
        let (lives, stage) = (Arc::clone(&play.lives), Arc::clone(&play.stage));
        tokio::spawn(async move {
            let mut random = seed;
            for _ in 0..2_000 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let number = BaseNumber(u32::try_from(random >> 33).unwrap() % 3);
                match random >> 60 {
                    0..3 => drop(lives.close_idle(Timestamp::from_micros(2)).await),
                    3 => {
                        let stage = Arc::clone(&stage);
                        let work = async move { stage.act(number, "working", 0).await };
                        lives.while_closed(number, work).await;
                    }
                    _ => {
                        let base = lives.get(number, Timestamp::from_micros(1)).await.unwrap();
                        tokio::task::yield_now().await;
                        assert!(!base.is_closed.load(Ordering::Relaxed), "a caller holds a closed base");
                    }
                }
            }
        })
    };
    let workers: Vec<_> = (1..=8).map(worker).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    play.finish().await;
}
