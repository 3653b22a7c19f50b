//! Bases that another process has on lease: its table on the same store does what the owner's would, and the
//! owner has them back, complete, before it does anything with them.

mod engine;
mod requests;
mod store;

use std::time::Duration;

use self::engine::Lending;
use super::random::run_between;
use super::*;
use crate::table::audit::tests::assert_sound;

const HOUR: i64 = 60 * 60 * 1_000_000;
/// The number of the base that is lent.
const LENT: BaseNumber = BaseNumber(1);
/// A base that stays.
const OTHER: BaseNumber = BaseNumber(2);

/// The owner of a store with two bases.
struct World {
    shared: Arc<Lending>,
    clock: Arc<AtomicI64>,
    owner: Arc<Table>,
}

/// A table that has one base on lease.
struct Tenant {
    table: Arc<Table>,
    lent: Lent,
}

impl World {
    async fn new() -> Self {
        Self::configured(TableConfig::default()).await
    }

    async fn configured(config: TableConfig) -> Self {
        let (shared, clock) = (Lending::new(), Arc::new(AtomicI64::new(1)));
        let owner = Table::open(shared.owner(), time(&clock), config).await.unwrap();
        for name in ["lent", "other"] {
            owner.create_base(crate::model::samples::unguarded(name), None).await.unwrap();
        }
        Self { shared, clock, owner }
    }

    /// Lends the base to a new tenant.
    async fn lend(&self) -> Tenant {
        let lent = self.owner.lend(LENT).await.unwrap().unwrap();
        let engine = self.shared.tenant(LENT.0, lent.grant).unwrap();
        let config = TableConfig { seed: 7, ..self.owner.config.clone() };
        let table = Table::open_leased(engine, time(&self.clock), config, LENT).await.unwrap();
        Tenant { table, lent }
    }

    async fn owners_base(&self) -> Arc<Base> {
        self.owner.base(LENT).await.unwrap()
    }

    fn is_lent(&self) -> bool {
        self.owner.parts.leases.is_lent(LENT)
    }
}

impl Tenant {
    /// Gives the base back as soon as it is wanted; resolves then.
    fn gives_back(self) -> tokio::task::JoinHandle<()> {
        let Self { table, mut lent } = self;
        tokio::spawn(async move {
            lent.until_wanted().await;
            table.close().await.unwrap();
        })
    }

    async fn base(&self) -> Arc<Base> {
        self.table.base(LENT).await.unwrap()
    }
}

fn time(clock: &Arc<AtomicI64>) -> Clock {
    let time = Arc::clone(clock);
    Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)))
}

fn rows_request(rows: impl Iterator<Item = u16>) -> UpsertRequest {
    UpsertRequest {
        rows: rows.map(|n| Ok(plain_row(n))).collect(),
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    }
}

async fn upsert(base: &Base, rows: impl Iterator<Item = u16>) -> UpsertReply {
    base.upsert(rows_request(rows)).await.unwrap()
}

/// The members with these refs, found and read like a get does it.
async fn get(base: &Base, n: u16) -> Option<Member> {
    let keys = [MemberKey::Ref(ref_of(n))];
    base.view().await.find(&keys).await.unwrap().pop().flatten().map(|(_, member)| member)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_base_replies_as_plain_rows_would_wherever_it_is(
        steps in proptest::collection::vec((step(), any::<bool>()), 1..18),
    ) {
        block_on(hand_over(steps));
    }
}

/// Takes the steps; the base changes hands before those that say so.
async fn hand_over(steps: Vec<(Step, bool)>) {
    let world = World::new().await;
    let subject = Subject {
        engine: world.shared.store(),
        clock: Arc::clone(&world.clock),
        table: Arc::clone(&world.owner),
        base: world.owners_base().await,
    };
    let (steps, changes): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    // Tables that crash are another matter.
    let calm = |step| if matches!(step, Step::Crash | Step::Reopen) { Step::Checkpoint } else { step };
    let mut changes = changes.into_iter();
    let mut tenant = None;
    let between = async |subject: &mut Subject| {
        if !changes.next().unwrap_or(true) {
            return;
        }
        // Nobody holds the base while it changes hands.
        subject.base = world.owner.base(OTHER).await.unwrap();
        match tenant.take() {
            None => {
                let new = world.lend().await;
                (subject.table, subject.base) = (Arc::clone(&new.table), new.base().await);
                tenant = Some(new);
            }
            Some(old) => {
                let gone = Tenant::gives_back(old);
                (subject.table, subject.base) = (Arc::clone(&world.owner), world.owners_base().await);
                gone.await.unwrap();
            }
        }
    };
    run_between(subject, steps.into_iter().map(calm).collect(), between).await;
    assert_eq!(world.shared.refused(), 0);
    let strange = world.shared.strange();
    let of_requests = |table: &u8| [0x05, 0x06].contains(table);
    assert!(strange.iter().all(of_requests), "tenants wrote keys of the tables {strange:?}");
}

#[tokio::test]
async fn a_call_at_the_owner_takes_the_base_back_and_sees_everything() {
    let world = World::new().await;
    let base = world.owners_base().await;
    upsert(&base, 0..50).await;
    // The owner's cache has these members.
    assert!(get(&base, 3).await.is_some() && get(&base, 4).await.is_some());
    drop(base);
    let tenant = world.lend().await;
    assert!(world.is_lent());
    let base = tenant.base().await;
    let deleted = DeleteRequest { refs: vec![ref_of(3)], ..DeleteRequest::default() };
    assert_eq!(base.delete(deleted).await.unwrap().deleted, 1);
    let mut changed = plain_row(4);
    changed.patch.tier = Change::Set(Tier::parse("silver").unwrap());
    let request = UpsertRequest { rows: vec![Ok(changed)], ..rows_request(0..0) };
    let last = base.upsert(request).await.unwrap();
    let of_tenant = get(&base, 4).await;
    drop(base);
    let gone = tenant.gives_back();
    let base = world.owners_base().await;
    gone.await.unwrap();
    assert!(!world.is_lent());
    assert_eq!(base.view().await.revision(), last.revision);
    assert_eq!(get(&base, 3).await, None);
    assert_eq!(get(&base, 4).await, of_tenant);
    assert_eq!(upsert(&base, 60..61).await.revision, last.revision + 1);
    assert_sound(&world.shared.store()).await;
}

#[tokio::test]
async fn a_base_of_a_tenant_that_died_comes_back_and_the_tenant_does_nothing_more() {
    let world = World::new().await;
    let tenant = world.lend().await;
    let held = tenant.base().await;
    let revision = upsert(&held, 0..5).await.revision;
    world.shared.kill(LENT.0);
    let base = world.owners_base().await;
    assert_eq!(base.view().await.revision(), revision);
    held.upsert(rows_request(5..6)).await.unwrap_err();
    assert_eq!(upsert(&base, 6..7).await.revision, revision + 1);
    assert_eq!(get(&base, 5).await, None);
    assert_sound(&world.shared.store()).await;
}

#[tokio::test(start_paused = true)]
async fn a_base_is_not_lent_while_it_is_needed_here() {
    let world = World::new().await;
    let refused = async || world.owner.lend(LENT).await.unwrap().is_none() && !world.is_lent();
    let held = world.owners_base().await;
    assert!(refused().await, "a caller holds it");
    drop(held);
    let upload = world.owner.jobs().begin(LENT).unwrap();
    assert!(refused().await, "a job is being received");
    drop(upload);
    while world.owner.jobs().is_busy(LENT) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let all_here = world.owner.parts.leases.all_here().await.unwrap();
    assert!(refused().await, "something is changed for all bases");
    drop(all_here);
    let kept = world.owner.parts.leases.keep(LENT).unwrap();
    assert!(refused().await, "housekeeping is at work");
    drop(kept);
    let share = |on| SettingsRequest { share_accounts: Some(on), ..SettingsRequest::default() };
    let delete = |on| SettingsRequest { deleted: Some(on), ..SettingsRequest::default() };
    for (off, on) in [(share(true), share(false)), (delete(true), delete(false))] {
        world.owners_base().await.change_settings(off).await.unwrap();
        assert!(refused().await, "it shares accounts, or is deleted");
        world.owners_base().await.change_settings(on).await.unwrap();
    }
    assert!(world.owner.lend(BaseNumber(9)).await.unwrap().is_none(), "there is none");
    let _lent = world.owner.lend(LENT).await.unwrap().unwrap();
    assert!(world.owner.lend(LENT).await.unwrap().is_none(), "it is lent already");
}

#[tokio::test]
async fn a_lease_that_nobody_took_does_not_hold_up_the_owner() {
    let world = World::new().await;
    let lent = world.owner.lend(LENT).await.unwrap().unwrap();
    let base = world.owners_base().await;
    assert_eq!(upsert(&base, 0..1).await.revision, 1);
    assert!(world.shared.tenant(LENT.0, lent.grant).is_err());
}

#[tokio::test]
async fn a_lease_that_is_wanted_says_so_and_a_later_one_does_not() {
    let world = World::new().await;
    let mut first = world.owner.lend(LENT).await.unwrap().unwrap();
    drop(world.owners_base().await);
    first.until_wanted().await;
    let mut second = world.owner.lend(LENT).await.unwrap().unwrap();
    first.until_wanted().await;
    let waits = futures_util::FutureExt::now_or_never(second.until_wanted());
    assert!(waits.is_none() && world.is_lent());
}
