//! The two levels of the lookups: small changes of a large base go into the recent level, and this is merged
//! into the main one now and then. Whatever is in which level, and wherever a checkpoint crashes, the base
//! replies as plain rows would.

use super::random::{Step, run, step};
use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::{Batch, Direction, Key, KeyRange, Value};
use crate::stored::index::{IndexState, RecentState};
use crate::stored::key::{self, Level};
use crate::table::audit::tests::assert_sound;

/// The members of a base that is large compared with the changes.
const MEMBERS: u16 = 240;

fn small(ref_: u16, tier: u8) -> SmallRow {
    SmallRow {
        ref_: Some(ref_),
        email: Some((ref_ < EMAILS).then_some(ref_)),
        worker_id: None,
        tier: Some(tier),
        status: None,
        if_revision: None,
        found_by_id: None,
    }
}

fn upsert(rows: Vec<SmallRow>) -> Step {
    Step::Upsert { rows, options: UpsertOptions::default(), mode: WriteMode::Partial }
}

/// Steps that change few members each, with many checkpoints in between.
fn few() -> impl Strategy<Value = Step> {
    let cut = step().prop_map(|step| match step {
        Step::Upsert { mut rows, options, mode } => {
            rows.truncate(8);
            Step::Upsert { rows, options, mode }
        }
        Step::Undelete { mut rows } => {
            rows.truncate(5);
            Step::Undelete { rows }
        }
        other => other,
    });
    let rename = (any::<u8>(), 0..REFS).prop_map(|(row, to)| Step::Rename { row, to, alias_micros: 4 });
    prop_oneof![3 => cut, 1 => rename, 2 => Just(Step::Checkpoint), 1 => Just(Step::Crash)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_base_with_changes_in_both_levels_replies_as_plain_rows_would(
        steps in proptest::collection::vec(few(), 1..40),
    ) {
        let load = upsert((0..MEMBERS).map(|n| small(n, 0)).collect());
        block_on(async {
            run(Subject::new().await, [load, Step::Checkpoint].into_iter().chain(steps).collect()).await;
        });
    }
}

impl Subject {
    async fn put_all(&self, rows: impl IntoIterator<Item = MemberRow>) {
        let rows: Vec<MemberRow> = rows.into_iter().collect();
        let reply = self.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|outcome| !outcome.is_failed()));
    }

    async fn move_to(&self, row: u64, to: u16) {
        self.rename(row, Rename::new(ref_of(to), 0)).await.unwrap();
    }

    async fn row_of(&self, n: u16) -> Option<u64> {
        let found = self.base.view().await.find(&[MemberKey::Ref(ref_of(n))]).await.unwrap();
        found.into_iter().flatten().next().map(|(row, _)| row.0)
    }

    async fn levels(&self) -> IndexState {
        let stored = self.engine.get_many(&[key::index(self.base.number())]).await.unwrap().remove(0);
        IndexState::decode(&stored.unwrap()).unwrap()
    }

    /// The stored buckets of the recent levels.
    async fn recent_buckets(&self) -> usize {
        let range = key::lookups_from(self.base.number(), Level::Recent, 0);
        self.engine.scan(range, Direction::Forward, usize::MAX).await.unwrap().len()
    }

    /// A base with some changes in its recent levels, and some more that no checkpoint has written.
    async fn with_recent_changes() -> Self {
        Self::new().await.and_recent_changes(1).await
    }

    /// The same with so many buckets in the recent level of refs.
    async fn and_recent_changes(self, buckets: u32) -> Self {
        let subject = self;
        subject.put_all((0..MEMBERS).map(plain_row)).await;
        subject.base.checkpoint().await.unwrap();
        assert_eq!(subject.levels().await.recent, [RecentState::default(); 3]);
        subject.put_all((MEMBERS..MEMBERS + 4).map(plain_row)).await;
        subject.move_to(7, 900).await;
        // Another member takes the ref that row 7 had.
        subject.move_to(8, 7).await;
        let rows = vec![Row(30), Row(31)];
        subject.base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap();
        subject.base.checkpoint().await.unwrap();
        let [of_ref, of_email, _] = subject.levels().await.recent;
        assert_eq!((of_ref.buckets, of_ref.changes, of_email.changes), (buckets, 10, 6));
        subject.put_all((MEMBERS + 4..MEMBERS + 8).map(plain_row)).await;
        subject.move_to(9, 8).await;
        subject.move_to(7, 901).await;
        subject.put_all([plain_row(30)]).await;
        subject
    }

    /// Checks what every reader of such a base finds.
    async fn check_members(&self) {
        assert_sound(&self.engine).await;
        let found = [
            (7, Some(8)),
            (8, Some(9)),
            (9, None),
            (900, None),
            (901, Some(7)),
            (30, Some(u64::from(MEMBERS) + 8)),
            (31, None),
            (32, Some(32)),
            (MEMBERS + 2, Some(u64::from(MEMBERS) + 2)),
            (MEMBERS + 6, Some(u64::from(MEMBERS) + 6)),
        ];
        for (n, row) in found {
            assert_eq!(self.row_of(n).await, row, "r{n}");
        }
    }

    async fn everything(&self) -> Vec<(Key, Value)> {
        self.engine.scan(KeyRange::prefix(&[]), Direction::Forward, usize::MAX).await.unwrap()
    }
}

/// With small buckets, of which a small base has many; a merge holds so many changes.
fn small_buckets(merged_at_once: u64) -> TableConfig {
    TableConfig { bucket_entries: 2, merged_at_once, ..TableConfig::default() }
}

/// The same base on an engine of its own.
async fn copy(
    pairs: &[(Key, Value)],
    config: TableConfig,
    faulty: impl FnOnce(Faulty) -> Faulty,
) -> (Subject, Arc<Faulty>) {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    engine.commit(Batch { puts: pairs.to_vec(), ..Batch::default() }).await.unwrap();
    let clock = Arc::new(AtomicI64::new(1_000));
    let outer = Arc::new(faulty(Faulty::new(Arc::clone(&engine))));
    let table = open_with(Arc::clone(&outer) as Arc<dyn Engine>, &clock, config).await;
    let base = table.base(BaseNumber(1)).await.unwrap();
    (Subject { engine, clock, table, base }, outer)
}

/// Runs a checkpoint of a base with a failure at each of its operations in turn. Returns how many there were.
async fn fail_at_each(
    pairs: &[(Key, Value)],
    config: TableConfig,
    before: impl AsyncFn(&Subject),
    after: impl AsyncFn(&Subject),
) -> u64 {
    let (subject, counter) = copy(pairs, config.clone(), |faulty| faulty).await;
    before(&subject).await;
    let first = counter.operations() + 1;
    subject.base.checkpoint().await.unwrap();
    let mut failed = 0;
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for operation in first..=counter.operations() {
            let fails = |faulty: Faulty| faulty.fail_at(operation, fault.clone());
            let (mut subject, faulty) = copy(pairs, config.clone(), fails).await;
            before(&subject).await;
            assert!(!faulty.has_failed());
            assert_eq!(subject.base.checkpoint().await.is_err(), faulty.has_failed());
            failed += u64::from(faulty.has_failed());
            subject.crash().await;
            subject.check_members().await;
            subject.base.checkpoint().await.unwrap();
            after(&subject).await;
            subject.check_members().await;
            subject.crash().await;
            subject.check_members().await;
        }
    }
    failed
}

#[test]
fn a_crash_while_changes_go_into_the_recent_level_loses_none() {
    block_on(async {
        let mut subject = Subject::with_recent_changes().await;
        subject.check_members().await;
        subject.crash().await;
        subject.check_members().await;
        let pairs = subject.everything().await;
        let failed = fail_at_each(
            &pairs,
            TableConfig::default(),
            async |_| (),
            async |subject| {
                let [of_ref, ..] = subject.levels().await.recent;
                // Row 7 has a third ref, and row 9 a second; five members are new.
                assert_eq!((of_ref.buckets, of_ref.changes), (1, 10 + 2 + 2 + 5 - 1));
            },
        )
        .await;
        assert!(failed > 4, "{failed}");
    });
}

#[test]
fn a_crash_while_the_recent_level_is_merged_loses_nothing_and_leaves_nothing() {
    block_on(async {
        let subject = Subject::with_recent_changes().await;
        let pairs = subject.everything().await;
        let more = async |subject: &Subject| subject.put_all((100..150).map(of_another_tier)).await;
        let failed = fail_at_each(&pairs, TableConfig::default(), more, async |_| ()).await;
        assert!(failed > 8, "{failed}");
        let (subject, _) = copy(&pairs, TableConfig::default(), |faulty| faulty).await;
        more(&subject).await;
        subject.base.checkpoint().await.unwrap();
        let [of_ref, ..] = subject.levels().await.recent;
        assert_eq!(of_ref, RecentState::default());
        let only_email = subject.levels().await.recent.iter().filter(|level| level.buckets > 0).count();
        assert_eq!(subject.recent_buckets().await, only_email);
        subject.check_members().await;
    });
}

/// Of a member whose keys stay only the fingerprint changes.
fn of_another_tier(n: u16) -> MemberRow {
    let mut row = plain_row(n);
    row.patch.tier = Change::Set(Tier::parse("other").unwrap());
    row
}

#[test]
fn a_merge_in_portions_writes_what_a_merge_at_once_writes() {
    block_on(async {
        let engine = Arc::new(MemoryEngine::new());
        let subject = Subject::on_with(engine, small_buckets(u64::MAX)).await.and_recent_changes(20).await;
        let pairs = subject.everything().await;
        let mut merged = Vec::new();
        for at_once in [u64::MAX, 32, 1] {
            let (subject, counter) = copy(&pairs, small_buckets(at_once), |faulty| faulty).await;
            // The main level grows, too.
            subject.put_all((100..150).map(of_another_tier)).await;
            subject.put_all((MEMBERS + 8..MEMBERS + 60).map(plain_row)).await;
            let before = (counter.operations(), subject.levels().await.lookup(0).buckets);
            subject.base.checkpoint().await.unwrap();
            let levels = subject.levels().await;
            assert!(levels.recent(0).buckets == 0 && levels.lookup(0).buckets > before.1);
            subject.check_members().await;
            merged.push((counter.operations() - before.0, subject.everything().await));
        }
        let [(at_once, same), (in_some, some), (in_many, many)] = &merged[..] else { panic!("three merges") };
        assert!(at_once < in_some && in_some < in_many, "{at_once} {in_some} {in_many}");
        assert!(same == some && same == many);
    });
}

#[test]
fn a_crash_during_a_merge_in_portions_loses_nothing() {
    block_on(async {
        let engine = Arc::new(MemoryEngine::new());
        let subject = Subject::on_with(engine, small_buckets(32)).await.and_recent_changes(20).await;
        let pairs = subject.everything().await;
        let more = async |subject: &Subject| subject.put_all((100..150).map(of_another_tier)).await;
        let failed = fail_at_each(&pairs, small_buckets(32), more, async |_| ()).await;
        assert!(failed > 16, "{failed}");
    });
}

#[test]
fn what_a_merge_left_of_a_recent_level_counts_as_nothing_and_is_deleted_in_time() {
    block_on(async {
        let mut subject = Subject::with_recent_changes().await;
        subject.base.checkpoint().await.unwrap();
        let number = subject.base.number();
        let of_ref = || key::bucket(number, Level::Recent, 0, 0);
        let left = subject.engine.get_many(&[of_ref()]).await.unwrap().remove(0).unwrap();
        subject
            .put_all((0..60).map(|n| if (7..=9).contains(&n) { plain_row(50) } else { plain_row(n + 20) }))
            .await;
        subject
            .put_all((100..160).map(|n| {
                let mut row = plain_row(n);
                row.patch.tier = Change::Set(Tier::parse("other").unwrap());
                row
            }))
            .await;
        subject.base.checkpoint().await.unwrap();
        assert_eq!(subject.levels().await.recent(0), &RecentState::default());
        // As if the process had died before it deleted the bucket.
        let mut batch = Batch::default();
        batch.put(of_ref(), left.to_vec());
        subject.engine.commit(batch).await.unwrap();
        subject.crash().await;
        subject.move_to(7, 902).await;
        assert_eq!((subject.row_of(901).await, subject.row_of(902).await), (None, Some(7)));
        assert_sound(&subject.engine).await;
        subject.base.checkpoint().await.unwrap();
        // The level is made anew, without what was left.
        assert_eq!(subject.levels().await.recent(0).changes, 2);
        assert_eq!((subject.row_of(901).await, subject.row_of(902).await), (None, Some(7)));
        assert_sound(&subject.engine).await;
    });
}
