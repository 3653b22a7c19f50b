//! Audiences: who is in them always equals a plain evaluation, and the commit log tells every move.

mod building;
mod cases;
mod deaths;
mod early;
mod model;

use std::collections::BTreeSet;

use super::*;
use crate::engine::Direction;
use crate::engine::faulty::{Fault, Faulty};
use crate::model::filter::{Effort, MemberView, Memberships, RawFilter, RawValue};
use crate::model::{AudienceFilter, AudienceName, AudienceNumber, AudienceState, Audiences, Hand};
use crate::stored::commit::CommitPart;
use crate::stored::key;
use crate::table::index::replay::audience_changes;
use crate::table::index::sets::RowSet;
use crate::table::open::AudienceBuild;

/// The rows of each audience.
type Rows = BTreeMap<AudienceNumber, BTreeSet<u64>>;

/// Everything is built by the lane, a block at a time.
pub(super) const BY_THE_LANE: AudienceBuild = AudienceBuild { at_once: 0, blocks: 1, stored_rows: 48 };
/// Everything is built at once.
const AT_ONCE: AudienceBuild = AudienceBuild { at_once: 1_000_000, ..BY_THE_LANE };

fn condition(key: &str, value: &str) -> RawFilter {
    let eq = Some(RawValue::Text(value.to_owned()));
    RawFilter { key: Some(key.to_owned()), eq, ..RawFilter::default() }
}

/// A condition that no set knows.
fn begins(key: &str, prefix: &str) -> RawFilter {
    RawFilter { key: Some(key.to_owned()), prefix: Some(prefix.to_owned()), ..RawFilter::default() }
}

fn name(text: &str) -> AudienceName {
    AudienceName::parse(text).unwrap()
}

/// Those who are in the audiences evaluated so far.
struct Plain(Rows);

impl Memberships for Plain {
    fn is_in(&self, audience: AudienceNumber, row: Row) -> bool {
        self.0.get(&audience).is_some_and(|rows| rows.contains(&row.0))
    }
}

fn plain(rows: &RowSet) -> BTreeSet<u64> {
    rows.chunks()
        .flat_map(|(chunk, rows)| rows.iter().map(move |low| chunk * 65_536 + u64::from(low)))
        .collect()
}

impl Subject {
    /// A table whose engine can be cut off from it.
    pub(super) async fn building(audience_build: AudienceBuild) -> Self {
        let mut subject = Self::new().await;
        subject.restart(audience_build).await;
        subject
    }

    /// Opens the table again, as after a crash of the process: what the table did so far goes on nowhere.
    pub(super) async fn restart(&mut self, audience_build: AudienceBuild) -> Arc<Faulty> {
        let cut = Arc::new(Faulty::new(Arc::clone(&self.engine)));
        self.restart_on(Arc::clone(&cut) as Arc<dyn Engine>, audience_build).await.unwrap();
        cut
    }

    /// Lets the process die. Nothing of it is left that could write beside the next one.
    pub(super) async fn die(&self, cut: &Faulty) {
        cut.fail_next(Fault::CrashBefore);
        // It cannot write its last checkpoint.
        drop(self.base.close().await);
    }

    async fn restart_on(
        &mut self,
        engine: Arc<dyn Engine>,
        audience_build: AudienceBuild,
    ) -> Result<(), TableError> {
        let time = Arc::clone(&self.clock);
        let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
        let config = TableConfig { audience_build, ..TableConfig::default() };
        let table = Table::open(engine, clock, config).await?;
        self.base = table.base(self.base.number()).await?;
        self.table = table;
        Ok(())
    }

    fn audience_filter(&self, raw: Vec<RawFilter>) -> AudienceFilter {
        let today = Timestamp::MAX.date();
        AudienceFilter::parse(raw, self.table.sealer(), self.base.number(), Fold::NEWEST, today).unwrap()
    }

    fn is_in(&self, number: AudienceNumber) -> RawFilter {
        condition("audience", &self.table.sealer().audience_id(self.base.number(), number))
    }

    async fn change_audience(&self, what: AudienceWhat) -> Result<AudienceReply, TableError> {
        let (claim, deadline, origin) = (None, None, Origin::default());
        self.base.change_audience(AudienceRequest { what, claim, deadline, origin }).await
    }

    async fn create_audience(&self, text: &str, filter: Vec<RawFilter>) -> AudienceNumber {
        let what = AudienceWhat::Create { name: name(text), filter: self.audience_filter(filter) };
        self.change_audience(what).await.unwrap().audience.number
    }

    async fn set_filter(&self, audience: AudienceNumber, filter: Vec<RawFilter>) {
        let filter = Some(self.audience_filter(filter));
        self.change_audience(AudienceWhat::Update { audience, name: None, filter }).await.unwrap();
    }

    async fn add_rows(&self, audience: AudienceNumber, rows: &[u64]) -> Vec<Outcome> {
        let rows = rows.iter().copied().map(Row).collect();
        let reply = self.change_audience(AudienceWhat::AddRows { audience, rows }).await.unwrap();
        reply.rows.iter().map(|row| row.outcome).collect()
    }

    async fn remove_rows(&self, audience: AudienceNumber, rows: &[u64]) -> Vec<Outcome> {
        let rows = rows.iter().copied().map(Row).collect();
        let reply = self.change_audience(AudienceWhat::RemoveRows { audience, rows }).await.unwrap();
        reply.rows.iter().map(|row| row.outcome).collect()
    }

    async fn rows_of(&self, audience: AudienceNumber) -> Vec<u64> {
        plain(&self.base.view().await.audience_rows(audience)).into_iter().collect()
    }

    /// Waits until the lane has built everything.
    async fn all_built(&self) {
        let is_building =
            |audiences: &Audiences| audiences.in_use().any(|audience| audience.state != AudienceState::Ready);
        while is_building(self.base.view().await.audiences()) {
            tokio::task::yield_now().await;
        }
    }

    /// Compares every audience with a plain evaluation of every member, by the filters that serve.
    async fn check_audiences(&self) {
        let view = self.base.view().await;
        let all: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let members = view.members(&all).await.unwrap();
        let mut found = Plain(Rows::new());
        for audience in view.audiences().in_order() {
            let number = audience.number;
            let rows = members.iter().filter(|(row, member)| {
                let seen = MemberView { row: *row, member, fold: Fold::NEWEST, audiences: &found };
                let is_matched = audience.serving().matches(&seen, &mut Effort::default());
                !audience.is_archived() && view.audience_hand(number, *row).is_in(is_matched)
            });
            let rows: BTreeSet<u64> = rows.map(|(row, _)| row.0).collect();
            let stored = view.audience_rows(number);
            assert_eq!(plain(&stored), rows, "{:?}", audience.name);
            assert_eq!(stored.len(), u64::try_from(rows.len()).unwrap());
            found.0.insert(number, rows);
        }
    }

    /// Follows the commit log: nobody enters twice or leaves without having entered, and who is in is who is
    /// in.
    async fn check_log(&self) {
        // Nothing is published while it is there.
        let view = self.base.view().await;
        let mut rows = Rows::new();
        let range = key::commits(self.base.number());
        for (_, value) in self.engine.scan(range, Direction::Forward, usize::MAX).await.unwrap() {
            let mut part = CommitPart::open(&value).unwrap();
            while let Some(change) = part.next_change().unwrap() {
                for change in audience_changes(change.row, &change.audiences, change.rows) {
                    let mut now = RowSet::default();
                    let here = rows.entry(change.audience()).or_default();
                    here.iter().for_each(|row| assert!(now.shift(Row(*row), true)));
                    let before = now.len();
                    change.apply(&mut now);
                    let moved = match &change {
                        crate::table::index::audiences::AudienceChange::Row { enters: true, .. } => (1, 0),
                        crate::table::index::audiences::AudienceChange::Row { .. } => (0, 1),
                        crate::table::index::audiences::AudienceChange::Chunk { rows, .. } => {
                            assert!(rows.enter.is_disjoint(&rows.leave));
                            let after = plain(&now);
                            assert!(
                                after.difference(here).count() == usize::try_from(rows.enter.len()).unwrap()
                            );
                            (rows.enter.len(), rows.leave.len())
                        }
                    };
                    assert_eq!(before + moved.0 - moved.1, now.len(), "{change:?}");
                    *here = plain(&now);
                }
            }
        }
        rows.retain(|_, rows| !rows.is_empty());
        let stored = view.audiences().iter().map(|audience| audience.number);
        let mut stored: Rows = stored.map(|number| (number, plain(&view.audience_rows(number)))).collect();
        stored.retain(|_, rows| !rows.is_empty());
        assert_eq!(rows, stored);
    }

    /// Everything at once, also what is stored. The lane must not be building.
    async fn check_all(&self) {
        self.check_audiences().await;
        self.check_log().await;
        // An audit is for a store that nobody writes to.
        let _quiet = self.base.without_checkpoints().await;
        crate::table::audit::tests::assert_sound(&self.engine).await;
    }
}
