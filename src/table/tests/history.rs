//! Histories of members, compared with plain lists of their versions.

mod cases;
mod walks;

use super::*;
use crate::model::RevertOf;
use crate::model::origin::Call;
use crate::table::audit::tests::assert_sound;

/// The changes of a member, newest first, and where they end; `None` if there is no such member.
pub(super) type History = Option<(Vec<HistoryChange>, HistoryEnd)>;

/// Enough for everything.
pub(super) const ALL: u64 = u64::MAX;

impl Subject {
    /// What walks say that read so many bytes each.
    pub(super) async fn history_by(&self, row: u64, bytes: u64) -> History {
        let (mut changes, mut place) = (Vec::new(), None);
        loop {
            let (told, next) = self.history_page(row, place, bytes).await.unwrap();
            for told in told {
                match told {
                    Told::Change(change) => changes.push(*change),
                    Told::End(end) => return Some((changes, end)),
                    Told::Missing => {
                        assert_eq!(changes, []);
                        return None;
                    }
                    Told::Pause => assert!(next.is_some() && next != place, "the walk does not get on"),
                }
            }
            place = next;
        }
    }

    /// What one walk says, and where the next one goes on.
    pub(super) async fn history_page(
        &self,
        row: u64,
        place: Option<HistoryPlace>,
        bytes: u64,
    ) -> Result<(Vec<Told>, Option<HistoryPlace>), TableError> {
        let row = Row(row);
        let present = {
            let view = self.base.view().await;
            let found = view.find(&[MemberKey::Row(row)]).await?.pop().flatten();
            (found.map(|(_, member)| member), view.revision(), view.now())
        };
        let mut walk = self.base.history(row, present, place, bytes);
        let mut all = Vec::new();
        loop {
            let told = walk.next().await?;
            let is_last = !matches!(told, Told::Change(_));
            all.push(told);
            if is_last {
                return Ok((all, walk.place()));
            }
        }
    }

    pub(super) async fn history(&self, row: u64) -> History {
        self.history_by(row, ALL).await
    }

    /// Reads the history of every member, and returns how many changes they have together.
    pub(super) async fn check_histories(&self) -> usize {
        let mut count = 0;
        for (row, member) in self.all_members().await {
            let (changes, _) = self.history(row).await.unwrap();
            if let Some(newest) = changes.first() {
                assert_eq!(newest.after, Some(member));
            }
            count += changes.len();
        }
        count
    }
}

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl Subject {
    /// Opens the store again, with these times after which commits and deleted members go.
    async fn keeping(mut self, commit_retention_micros: i64, grace_micros: i64) -> Self {
        let time = Arc::clone(&self.clock);
        let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
        let config = TableConfig { commit_retention_micros, grace_micros, ..TableConfig::default() };
        self.table = Table::open(Arc::clone(&self.engine), clock, config).await.unwrap();
        self.base = self.table.base(self.base.number()).await.unwrap();
        self
    }

    /// Writes one row, and returns the revision.
    async fn write_row_as(&self, row: MemberRow, origin: Origin) -> u64 {
        let options = UpsertOptions { reactivate: true, apply_status: true, ..UpsertOptions::default() };
        let (rows, mode) = (vec![Ok(row)], WriteMode::Partial);
        let request = UpsertRequest { rows, options, mode, claim: None, deadline: None, origin };
        let reply = self.base.upsert(request).await.unwrap();
        assert!(!reply.outcomes[0].is_failed(), "{reply:?}");
        reply.revision
    }

    async fn write_row(&self, row: MemberRow) -> u64 {
        self.write_row_as(row, Origin::default()).await
    }

    async fn delete_row(&self, row: u64) -> u64 {
        let request = DeleteRequest { rows: vec![Row(row)], ..DeleteRequest::default() };
        self.base.delete(request).await.unwrap().revision
    }

    async fn bring_back(&self, row: u64) {
        let origin = Origin::system(Call::UNDELETE_MEMBERS);
        self.make(&Step::Undelete { rows: vec![u8::try_from(row).unwrap()] }, origin).await;
    }

    /// The revisions of the history of a row and what happened in them, and where it ends.
    async fn kinds(&self, row: u64) -> Option<(Vec<(u64, HistoryKind)>, HistoryEnd)> {
        let (changes, end) = self.history(row).await?;
        Some((changes.iter().map(|change| (change.revision, change.kind)).collect(), end))
    }

    fn pass(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }
}

fn in_tier(n: u16, tier: &str) -> MemberRow {
    let mut row = plain_row(n);
    row.patch.tier = Change::Set(Tier::parse(tier.to_owned()).unwrap());
    row
}

fn with_status(n: u16, status: Status) -> MemberRow {
    MemberRow { status: Some(status), ..plain_row(n) }
}

/// The history of a member that was changed once for each tier, newest first.
async fn of_tiers(subject: &Subject, tiers: u16) -> Vec<u64> {
    let mut revisions = Vec::new();
    for n in 0..tiers {
        subject.pass(1);
        revisions.push(subject.write_row(in_tier(0, &format!("tier {n}"))).await);
    }
    revisions.reverse();
    revisions
}

/// A version of a member: the state after a change, and the revisions of which one made it.
type Version = (Option<Member>, std::ops::RangeInclusive<u64>);

/// What happened, from the versions before and after.
fn kind(is_first: bool, before: Option<&Member>, after: Option<&Member>) -> HistoryKind {
    match (before, after) {
        (_, None) => HistoryKind::Deleted,
        (None, _) if is_first => HistoryKind::Created,
        (None, _) => HistoryKind::Restored,
        (Some(before), Some(after)) => match (before.status, after.status) {
            (Status::Inactive, Status::Active | Status::Invited) => HistoryKind::Reactivated,
            _ => HistoryKind::Updated,
        },
    }
}

fn check_row(versions: &[Version], history: &History) {
    let (changes, end) = history.as_ref().expect("the member had versions");
    assert_eq!(*end, HistoryEnd::Creation);
    assert_eq!(changes.len(), versions.len(), "{changes:?} {versions:?}");
    let newest_first = changes.iter().rev().zip(versions).enumerate();
    for (n, (change, (after, revisions))) in newest_first {
        let before = n.checked_sub(1).and_then(|n| versions[n].0.as_ref());
        assert_eq!((&change.before, &change.after), (&before.cloned(), after));
        assert_eq!(change.kind, kind(n == 0, before, after.as_ref()), "{change:?}");
        assert!(revisions.contains(&change.revision), "{change:?} {revisions:?}");
        if let Some(after) = after {
            assert_eq!((change.revision, change.at), (after.revision, after.updated_at));
        }
    }
}

async fn check(steps: Vec<(Step, bool)>) {
    let mut subject = Subject::new().await;
    let mut versions: BTreeMap<u64, Vec<Version>> = BTreeMap::new();
    let mut before = BTreeMap::new();
    let mut revision = subject.base.view().await.revision();
    for (n, (step, ticks)) in (1..).zip(&steps) {
        // A member that is deleted and comes back at the same microsecond was there before all the same.
        subject.clock.fetch_add(i64::from(*ticks), Ordering::Relaxed);
        let call = if matches!(step, Step::Undelete { .. }) { Call::UNDELETE_MEMBERS } else { Call::NONE };
        match step {
            Step::Crash => subject.crash().await,
            Step::Reopen if revision > 2 => {
                // A revert tells its members apart by time.
                subject.clock.fetch_add(1, Ordering::Relaxed);
                drop(subject.revert(RevertOf::Revisions(2, revision), n, 7).await);
            }
            step => subject.make(step, Origin::system(call)).await,
        }
        let after = subject.all_members().await;
        let reached = subject.base.view().await.revision();
        let mut rows: Vec<u64> = before.keys().chain(after.keys()).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        for row in rows {
            if before.get(&row) != after.get(&row) {
                let version = (after.get(&row).cloned(), revision + 1..=reached);
                versions.entry(row).or_default().push(version);
            }
        }
        (before, revision) = (after, reached);
    }
    subject.crash().await;
    for (row, versions) in &versions {
        let history = subject.history(*row).await;
        check_row(versions, &history);
        // However little a walk may read, all walks together say the same.
        for bytes in [0, 700] {
            assert_eq!(subject.history_by(*row, bytes).await, history);
        }
    }
    let next_row = subject.base.view().await.next_row().0;
    assert_eq!(usize::try_from(next_row).unwrap(), versions.len());
    assert_sound(&subject.engine).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_history_has_every_version_of_a_member(
        steps in proptest::collection::vec((step(), any::<bool>()), 1..16),
    ) {
        block_on(check(steps));
    }
}
