//! The clock goes back: it is set back, or a server whose clock is behind takes the store over. What was
//! decided before stays decided.

use tokio::sync::Mutex;

use super::*;
use crate::engine::{Direction, KeyRange};
use crate::model::{
    Edit, GuardCounts, GuardExpectation, GuardLimit, GuardState, Reason, RecordKind, RequestId,
    RequestIdentity, Sight,
};
use crate::stored::member_record::Purge;
use crate::stored::{member, record_key};
use crate::table::audit::tests::assert_sound;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// How long deleted members can come back, and how long the log is kept.
fn kept(grace_days: i64, log_days: i64) -> TableConfig {
    TableConfig {
        grace_micros: grace_days * DAY,
        commit_retention_micros: log_days * DAY,
        ..TableConfig::default()
    }
}

impl Subject {
    /// Opens the store again, as another server does after the first one was killed.
    async fn opened_with(&mut self, config: TableConfig) {
        let time = Arc::clone(&self.clock);
        let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
        self.table = Table::open(Arc::clone(&self.engine), clock, config).await.unwrap();
        self.base = self.table.base(self.base.number()).await.unwrap();
    }

    fn pass_time(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }

    /// The reasons why members do not come back; `None` for those that do.
    async fn undelete_reasons(&self, rows: std::ops::Range<u64>) -> Vec<Option<Reason>> {
        let which = WhichDeleted::Rows(rows.map(Row).collect());
        let (sight, claim, deadline, origin) = (Sight::Whole, None, None, Origin::default());
        let request = UndeleteRequest { which, sight, claim, deadline, origin };
        let reply = self.base.undelete(request).await.unwrap();
        reply.outcomes.iter().map(|found| found.error.as_ref().map(|error| error.reason)).collect()
    }

    async fn clips_of(&self, row: u64) -> Option<usize> {
        let view = self.base.view().await;
        let found = view.member_records(Row(row), RecordKind::Clip, None, false, 9).await.unwrap();
        found.map(|clips| clips.len())
    }

    async fn delete_members(&self, rows: std::ops::Range<u64>) {
        let rows = rows.map(Row).collect();
        let request = DeleteRequest { rows, ..DeleteRequest::default() };
        assert!(self.base.delete(request).await.unwrap().deleted > 0);
    }

    async fn keys_of(&self, range: KeyRange) -> usize {
        self.engine.scan(range, Direction::Forward, usize::MAX).await.unwrap().len()
    }

    /// How many keys records take, and how many members have marks.
    async fn records_and_marks(&self) -> (usize, usize) {
        let number = self.base.number();
        let records = self.keys_of(record_key::records(number, None)).await;
        (records, self.keys_of(record_key::record_purges(number)).await)
    }
}

/// Three members, of which the first two have a clip; all of them are deleted.
async fn deleted(config: TableConfig) -> Subject {
    let mut subject = Subject::new().await;
    subject.opened_with(config).await;
    subject.clock.store(1_000 * DAY, Ordering::Relaxed);
    let rows: Vec<MemberRow> = (0..4).map(plain_row).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
    let clip = |row| record_change(&SmallChange::Clip { row, name: 0, deal: None }, 0);
    subject.change_records(vec![clip(0), clip(1)]).await.unwrap().0.unwrap();
    subject.pass_time(1);
    subject.delete_members(0..3).await;
    subject.pass_time(1);
    subject.upsert(&[plain_row(20)], UpsertOptions::default(), WriteMode::Atomic).await;
    subject
}

const GONE: Option<Reason> = Some(Reason::MemberNotFound);

#[test]
fn a_member_whose_records_are_purged_does_not_come_back_when_the_clock_goes_back() {
    block_on(async {
        let mut subject = deleted(kept(30, 90)).await;
        subject.pass_time(31 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 2));
        // The clock of the same server is set back, and then another one takes over.
        subject.pass_time(-31 * DAY);
        assert_eq!(subject.undelete_reasons(0..2).await, [GONE, GONE]);
        subject.opened_with(kept(30, 90)).await;
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.undelete_reasons(0..2).await, [GONE, GONE]);
        // The third had no records, so it comes back whole.
        assert_eq!(subject.undelete_reasons(2..3).await, [None]);
        assert_eq!((subject.clips_of(0).await, subject.clips_of(2).await), (None, Some(0)));
        assert_sound(&subject.engine).await;
        // The marks stay as long as the log has these members.
        subject.base.checkpoint().await.unwrap();
        subject.pass_time(89 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 2));
        subject.pass_time(2 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 0));
        subject.pass_time(-91 * DAY);
        assert_eq!(subject.undelete_reasons(0..2).await, [GONE, GONE]);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_longer_time_for_deleted_members_brings_nobody_back_whose_records_are_purged() {
    block_on(async {
        let mut subject = deleted(kept(1, 30)).await;
        subject.pass_time(2 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.undelete_reasons(0..3).await, [GONE, GONE, GONE]);
        subject.opened_with(kept(30, 30)).await;
        assert_eq!(subject.undelete_reasons(0..3).await, [GONE, GONE, None]);
        assert_eq!((subject.clips_of(0).await, subject.clips_of(2).await), (None, Some(0)));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_revert_planned_before_a_purge_brings_nobody_back_without_records() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.clock.store(1_000 * DAY, Ordering::Relaxed);
        let rows: Vec<MemberRow> = (0..4).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
        let clip = record_change(&SmallChange::Clip { row: 0, name: 0, deal: None }, 0);
        subject.change_records(vec![clip]).await.unwrap().0.unwrap();
        let members = subject.base.view().await.members(&[Row(0), Row(1)]).await.unwrap();
        subject.pass_time(1);
        subject.delete_members(0..2).await;
        let deleted_at = Timestamp::from_micros(subject.clock.load(Ordering::Relaxed));
        subject.pass_time(1);
        subject.upsert(&[plain_row(20)], UpsertOptions::default(), WriteMode::Atomic).await;
        let (revision, next_row) = {
            let view = subject.base.view().await;
            (view.revision(), view.next_row())
        };
        // Records, log and marks go, and then a server takes over whose clock is behind.
        subject.base.checkpoint().await.unwrap();
        subject.pass_time(31 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 0));
        subject.pass_time(-31 * DAY);
        subject.crash().await;
        subject.upsert(&[plain_row(21)], UpsertOptions::default(), WriteMode::Atomic).await;
        let returns = members.iter().map(|(row, member)| {
            let record = member::encode(member).into();
            let does = Undo::Returns { deleted_at, record };
            Reversal { row: Some(*row), seen: 0, with_next: false, does }
        });
        let returned = Arc::new(Mutex::new(Returned::after(revision, next_row)));
        let reply = subject.base.step(StepRequest {
            ops: StepOps::Reversals(returns.collect(), returned),
            judging: Judging::Done { left: GuardCounts::default(), of_tiers: Vec::new() },
            is_last: false,
            write: Box::new(|_, _| StepWrites::default()),
            origin: Origin::default(),
            sight: Sight::default(),
        });
        let outcomes = reply.await.unwrap().outcomes;
        assert_eq!(outcomes.len(), 2);
        for outcome in &outcomes {
            let StepOutcome::Row(row) = outcome else { panic!("{outcome:?}") };
            assert_eq!(row.error.as_ref().map(|error| error.reason), GONE);
        }
        assert_eq!(subject.clips_of(0).await, None);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_mark_of_the_last_commit_stays_until_there_is_a_later_one() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.clock.store(1_000 * DAY, Ordering::Relaxed);
        subject.upsert(&[plain_row(0)], UpsertOptions::default(), WriteMode::Atomic).await;
        let clip = record_change(&SmallChange::Clip { row: 0, name: 0, deal: None }, 0);
        subject.change_records(vec![clip]).await.unwrap().0.unwrap();
        subject.delete_members(0..1).await;
        subject.base.checkpoint().await.unwrap();
        subject.pass_time(31 * DAY);
        subject.table.maintain().await.unwrap();
        // By a clock that is behind, the next commit is of the time of the last one, and so is the log.
        subject.pass_time(-31 * DAY);
        subject.crash().await;
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Atomic).await;
        assert_eq!(subject.records_and_marks().await, (0, 1));
        subject.pass_time(1);
        subject.upsert(&[plain_row(2)], UpsertOptions::default(), WriteMode::Atomic).await;
        subject.base.checkpoint().await.unwrap();
        subject.pass_time(31 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 0));
    });
}

#[test]
fn marks_stay_while_the_log_waits_for_a_checkpoint() {
    block_on(async {
        let subject = deleted(kept(30, 30)).await;
        subject.pass_time(60 * DAY);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 2));
        let marks = record_key::record_purges(subject.base.number());
        for (_, mark) in subject.engine.scan(marks, Direction::Forward, 9).await.unwrap() {
            assert!(Purge::decode(&mark).unwrap().is_done());
        }
        subject.base.checkpoint().await.unwrap();
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.records_and_marks().await, (0, 0));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn what_the_guard_says_of_the_last_24_hours_follows_the_last_write() {
    block_on(async {
        let subject = Subject::new().await;
        subject.clock.store(500_000 * HOUR, Ordering::Relaxed);
        let rows: Vec<MemberRow> = (0..10).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        let removals = GuardLimit::parse(50, 0).unwrap();
        subject.guard_limits(GuardLimits { removals, ..GuardLimits::OFF }).await;
        subject.delete_members(0..3).await;
        subject.pass_time(30 * HOUR);
        subject.upsert(&[plain_row(90)], UpsertOptions::default(), WriteMode::Partial).await;
        subject.pass_time(-30 * HOUR);
        // The lane judges at the time of the last write, so this says the same.
        let GuardState { of, window, .. } = subject.base.guard_state().await;
        assert_eq!((of, window.removals), (8, 0));
        subject.delete_members(3..5).await;
        assert_eq!(subject.base.guard_state().await.window.removals, 2);
    });
}

#[test]
fn a_former_ref_that_is_over_stays_over_and_a_new_one_begins_after_it() {
    block_on(async {
        let subject = Subject::new().await;
        subject.clock.store(1_000 * DAY, Ordering::Relaxed);
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Partial).await;
        let edit = Edit::Rename(Box::new(Rename::new(ref_of(7), DAY)));
        let what = EditWhat::Change { key: MemberKey::Row(Row(0)), edit, if_revision: None };
        let (claim, deadline, origin) = (None, None, Origin::default());
        let (sight, expected) = (Sight::default(), GuardExpectation::default());
        subject.base.edit(EditRequest { what, sight, expected, claim, deadline, origin }).await.unwrap();
        subject.pass_time(2 * DAY);
        subject.upsert(&[plain_row(2)], UpsertOptions::default(), WriteMode::Partial).await;
        subject.pass_time(-2 * DAY);
        // By the clock the first member still had its former ref.
        let found = subject.base.view().await.find(&[MemberKey::Ref(ref_of(1))]).await.unwrap();
        assert!(found[0].is_none());
        let mut taker = plain_row(5);
        taker.patch.ref_ = Change::Set(ref_of(1));
        let reply = subject.upsert(&[taker], UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(reply.outcomes[0].outcome, Outcome::Created);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn results_stored_by_a_server_whose_clock_was_ahead_count_towards_their_limit() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.clock.store(1_000 * DAY, Ordering::Relaxed);
        for n in 0..20 {
            let id = RequestId::parse(format!("request-{n}")).unwrap();
            let identity = RequestIdentity::new(id, "test", b"body");
            let idempotency = Arc::clone(subject.table.idempotency());
            let begun = idempotency.begin(&identity, None, subject.table.now(), IfRunning::Wait).await;
            let Begun::New(claim) = begun.unwrap() else { panic!("{n} is new") };
            let result = RequestResult::Changed(n);
            idempotency.store_alone(claim, subject.table.now(), None, result).await.unwrap();
        }
        let (before, _) = subject.table.idempotency().status();
        assert!(before > 0);
        subject.pass_time(-DAY);
        subject.crash().await;
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.table.idempotency().status().0, before);
    });
}
