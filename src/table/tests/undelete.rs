//! Members that come back after they were deleted.

use super::*;
use crate::model::limits::UNDELETE_PART_MIN_BYTES;
use crate::model::{MemberRecord, Reason, RecordKind, Sight};
use crate::table::audit::tests::assert_sound;

/// The outcome of a row, and its place.
pub type Told = (Outcome, Option<u64>);

/// Deleted members with their records, and whether another member has one of their external ids since.
pub type DeletedRows = BTreeMap<u64, (Member, Vec<MemberRecord>, bool)>;

impl Reference {
    pub fn keep_deleted(&mut self, row: u64, member: Member) {
        let records = self.records.get(&row).cloned().unwrap_or_default();
        self.deleted.insert(row, (member, records, false));
    }

    /// Notes the deleted members whose external ids these changes gave to others.
    pub fn note_taken_names(&mut self, changes: &[RecordChange], outcomes: &[RecordOutcome]) {
        for (change, outcome) in changes.iter().zip(outcomes) {
            let (RecordChange::Save { record, .. }, RecordOutcome::Created(_)) = (change, outcome) else {
                continue;
            };
            let is_it = |other: &MemberRecord| {
                other.kind() == RecordKind::Transaction
                    && record.kind() == RecordKind::Transaction
                    && other.name() == record.name()
            };
            for (_, records, is_taken) in self.deleted.values_mut() {
                *is_taken |= records.iter().any(is_it);
            }
        }
    }

    pub fn undelete(&mut self, rows: &[u8], now: Timestamp) -> Vec<Told> {
        let mut revision = self.revision;
        let mut outcomes = Vec::new();
        for row in rows.iter().map(|row| u64::from(*row)) {
            if self.rows.contains_key(&row) {
                outcomes.push((Outcome::Unchanged, Some(row)));
                continue;
            }
            let found = self.deleted.get(&row).filter(|(_, _, is_taken)| !is_taken).cloned();
            let back = found.filter(|(member, ..)| !self.has_keys_of(member, now));
            let Some((mut member, records, _)) = back else {
                outcomes.push((Outcome::Failed, Some(row)));
                continue;
            };
            revision = self.revision + 1;
            member.drop_aliases(now);
            (member.updated_at, member.revision) = (now, revision);
            self.rows.insert(row, member);
            self.records.insert(row, records);
            self.deleted.remove(&row);
            outcomes.push((Outcome::Created, Some(row)));
        }
        self.revision = revision;
        outcomes
    }

    /// Whether a member has one of the keys of a deleted one.
    fn has_keys_of(&self, deleted: &Member, now: Timestamp) -> bool {
        let profile = &deleted.profile;
        let former = deleted.aliases.iter().filter(|alias| alias.until > now).map(|alias| &alias.ref_);
        let refs: Vec<&Ref> = profile.ref_.iter().chain(former).collect();
        let folded = |member: &Member| {
            member.profile.email.as_ref().map(|email| email.folded(Fold::NEWEST).into_owned())
        };
        self.rows.values().any(|other| {
            refs.iter().any(|value| other.answers_to(value, now))
                || (profile.email.is_some() && folded(other) == folded(deleted))
                || (profile.worker_id.is_some() && other.profile.worker_id == profile.worker_id)
        })
    }
}

impl Subject {
    async fn undelete(&self, which: WhichDeleted) -> Result<UndeleteReply, TableError> {
        self.undelete_seeing(which, Sight::Whole).await
    }

    async fn undelete_seeing(&self, which: WhichDeleted, sight: Sight) -> Result<UndeleteReply, TableError> {
        let (claim, deadline, origin) = (None, None, Origin::default());
        self.base.undelete(UndeleteRequest { which, sight, claim, deadline, origin }).await
    }

    /// Brings members back for a sender who may not see everything.
    pub async fn undelete_unseen(&self, rows: std::ops::Range<u16>) -> Result<UndeleteReply, TableError> {
        let rows = rows.map(|row| Row(u64::from(row))).collect();
        self.undelete_seeing(WhichDeleted::Rows(rows), Sight::WithoutPii).await
    }

    pub async fn undelete_rows(&self, rows: &[u8]) -> Result<(Vec<Told>, u64), TableError> {
        let rows = rows.iter().map(|row| Row(u64::from(*row))).collect();
        let reply = self.undelete(WhichDeleted::Rows(rows)).await?;
        let told = reply.outcomes.iter().map(|found| (found.outcome, found.row.map(|row| row.0)));
        Ok((told.collect(), reply.revision))
    }

    /// What happened with each member: its row, and the reason and the holder if it did not come back.
    async fn told(&self, which: WhichDeleted) -> Vec<Found> {
        let reply = self.undelete(which).await.unwrap();
        let error = |found: &RowOutcome| {
            found.error.as_ref().map(|error| (error.reason, error.taken_by.map(|row| row.0)))
        };
        reply.outcomes.iter().map(|found| (found.row.map(|row| row.0), found.outcome, error(found))).collect()
    }

    async fn members(&self) -> Vec<(Row, Member)> {
        let rows: Vec<Row> = (0..100).map(Row).collect();
        self.base.view().await.members(&rows).await.unwrap()
    }

    async fn delete(&self, rows: std::ops::Range<u64>) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed);
        let rows = rows.map(Row).collect();
        self.base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap().revision
    }

    async fn add(&self, rows: &[MemberRow]) {
        let reply = self.upsert(rows, UpsertOptions::default(), WriteMode::Atomic).await;
        assert!(reply.outcomes.iter().all(|found| !found.is_failed()), "{reply:?}");
    }
}

fn refs(numbers: &[u16]) -> WhichDeleted {
    WhichDeleted::Refs(numbers.iter().map(|n| ref_of(*n)).collect())
}

fn rows(numbers: &[u64]) -> WhichDeleted {
    WhichDeleted::Rows(numbers.iter().map(|n| Row(*n)).collect())
}

/// What happened, and why the member did not come back, with the holder of its key.
type Verdict = (Outcome, Option<(Reason, Option<u64>)>);
/// The row of a member, and what happened with it.
type Found = (Option<u64>, Outcome, Option<(Reason, Option<u64>)>);

const BACK: Verdict = (Outcome::Created, None);
const LIVES: Verdict = (Outcome::Unchanged, None);
const MISSING: Verdict = (Outcome::Failed, Some((Reason::MemberNotFound, None)));

fn of(row: u64, (outcome, error): Verdict) -> Found {
    (Some(row), outcome, error)
}

fn taken(reason: Reason, holder: u64) -> Verdict {
    (Outcome::Failed, Some((reason, Some(holder))))
}

#[test]
fn all_that_one_commit_deleted_comes_back_as_it_was_even_after_a_crash_and_checkpoints() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.add(&(0..60).map(plain_row).collect::<Vec<_>>()).await;
        let before = subject.members().await;
        let first = subject.delete(0..20).await;
        subject.base.checkpoint().await.unwrap();
        let second = subject.delete(15..40).await;
        subject.crash().await;
        let told = subject.told(WhichDeleted::Revision(second)).await;
        assert_eq!(told, (20..40).map(|row| of(row, BACK)).collect::<Vec<_>>());
        let told = subject.told(WhichDeleted::Revision(second)).await;
        assert_eq!(told, (20..40).map(|row| of(row, LIVES)).collect::<Vec<_>>());
        assert_sound(&subject.engine).await;
        subject.crash().await;
        assert_eq!(subject.told(WhichDeleted::Revision(first)).await.len(), 20);
        assert_eq!(subject.told(WhichDeleted::Revision(1)).await, []);
        let mut after = subject.members().await;
        for ((_, after), (row, before)) in after.iter_mut().zip(&before).take(40) {
            assert!(after.revision > before.revision && after.updated_at > before.updated_at, "{row:?}");
            (after.revision, after.updated_at) = (before.revision, before.updated_at);
        }
        assert_eq!(after, before);
        subject.base.checkpoint().await.unwrap();
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_ref_finds_the_member_that_had_it_last_and_a_later_delete_counts() {
    block_on(async {
        let subject = Subject::new().await;
        subject.add(&[plain_row(1)]).await;
        let first = subject.delete(0..1).await;
        subject.add(&[plain_row(1), plain_row(2)]).await;
        subject.delete(1..2).await;
        assert_eq!(
            subject.told(refs(&[2, 1, 3])).await,
            [of(2, LIVES), of(1, BACK), (None, MISSING.0, MISSING.1)]
        );
        // The first member with this ref cannot come back while the second has it.
        let told = subject.told(rows(&[0, 0, 1, 99])).await;
        let refused = taken(Reason::RefTaken, 1);
        assert_eq!(told, [of(0, refused), of(0, refused), of(1, LIVES), of(99, MISSING)]);
        subject.delete(1..2).await;
        assert_eq!(subject.told(rows(&[0, 0])).await, [of(0, BACK), of(0, LIVES)]);
        // It was changed and deleted again: the first commit is not its last change.
        subject.rename(0, Rename::new(ref_of(7), 0)).await;
        subject.delete(0..1).await;
        assert_eq!(subject.told(WhichDeleted::Revision(first)).await, [of(0, MISSING)]);
        assert_eq!(subject.told(refs(&[7, 1])).await, [of(0, BACK), of(1, taken(Reason::EmailTaken, 0))]);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn members_that_share_a_key_do_not_both_come_back_and_swapped_keys_are_no_conflict() {
    block_on(async {
        let subject = Subject::new().await;
        let with = |ref_: u16, email: u16| MemberRow {
            patch: MemberPatch { ref_: Change::Set(ref_of(ref_)), ..plain_row(email).patch },
            ..MemberRow::default()
        };
        subject.add(&[with(1, 1), with(2, 2)]).await;
        // The two swap their e-mail addresses.
        subject.add(&[with(1, 2), with(2, 1)]).await;
        let swapped = subject.members().await;
        subject.delete(0..2).await;
        subject.add(&[with(3, 1)]).await;
        let told = subject.told(rows(&[0, 1])).await;
        assert_eq!(told, [of(0, BACK), of(1, taken(Reason::EmailTaken, 2))]);
        subject.delete(2..3).await;
        // Rows 1 and 2 have the same e-mail address: the first one comes back.
        let told = subject.told(rows(&[1, 2])).await;
        assert_eq!(told, [of(1, BACK), of(2, taken(Reason::EmailTaken, 1))]);
        let found = subject.members().await;
        let profiles = |members: &[(Row, Member)]| {
            members.iter().map(|(_, member)| member.profile.clone()).collect::<Vec<_>>()
        };
        assert_eq!(profiles(&found), profiles(&swapped));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn after_the_grace_period_nobody_comes_back_and_the_records_go() {
    block_on(async {
        let subject = Subject::new().await;
        subject.add(&(0..4).map(plain_row).collect::<Vec<_>>()).await;
        let clip = |row| record_change(&SmallChange::Clip { row, name: 0, deal: None }, 0);
        subject.change_records(vec![clip(0), clip(1)]).await.unwrap().0.unwrap();
        let revision = subject.delete(0..3).await;
        subject.table.maintain().await.unwrap();
        let count = |row| {
            let base = Arc::clone(&subject.base);
            async move {
                let found =
                    base.view().await.member_records(Row(row), RecordKind::Clip, None, false, 9).await;
                found.unwrap().map(|records| records.len())
            }
        };
        assert_eq!(count(0).await, None);
        let grace = TableConfig::default().grace_micros;
        subject.clock.fetch_add(grace - 1, Ordering::Relaxed);
        assert_eq!(subject.told(refs(&[0])).await, [of(0, BACK)]);
        assert_eq!(count(0).await, Some(1));
        subject.clock.fetch_add(1, Ordering::Relaxed);
        assert_eq!(subject.told(rows(&[1, 0])).await, [of(1, MISSING), of(0, LIVES)]);
        assert_eq!(subject.told(refs(&[2])).await, [(None, MISSING.0, MISSING.1)]);
        let told = subject.told(WhichDeleted::Revision(revision)).await;
        assert_eq!(told, [of(0, LIVES), of(1, MISSING), of(2, MISSING)]);
        subject.table.maintain().await.unwrap();
        assert_eq!(subject.told(rows(&[1])).await, [of(1, MISSING)]);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_member_whose_external_id_or_tier_is_gone_stays_deleted() {
    block_on(async {
        let subject = Subject::new().await;
        subject.add(&(0..4).map(plain_row).collect::<Vec<_>>()).await;
        let buy = |row, name| record_change(&SmallChange::Buy { row, name, amount: None }, 0);
        subject.change_records(vec![buy(0, 5), buy(1, 6)]).await.unwrap().0.unwrap();
        subject.delete(0..3).await;
        subject.change_records(vec![buy(3, 5)]).await.unwrap().0.unwrap();
        let told = subject.told(rows(&[0, 1])).await;
        assert_eq!(told, [of(0, taken(Reason::TransactionTaken, 3)), of(1, BACK)]);
        assert_sound(&subject.engine).await;
        let tiers = vec![Tier::parse("tier 1").unwrap()];
        let settings = SettingsRequest { tiers: Some(tiers), ..SettingsRequest::default() };
        subject.base.change_settings(settings).await.unwrap();
        let mut gold = plain_row(9);
        gold.patch.tier = Change::Set(Tier::parse("tier 1").unwrap());
        subject.add(&[gold]).await;
        subject.delete(1..5).await;
        let tiers = vec![Tier::parse("gold").unwrap()];
        let settings = SettingsRequest { tiers: Some(tiers), ..SettingsRequest::default() };
        subject.base.change_settings(settings).await.unwrap();
        let refused = (Outcome::Failed, Some((Reason::TierInvalid, None)));
        assert_eq!(subject.told(rows(&[4])).await, [of(4, refused)]);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn undeletes_at_the_same_time_bring_each_member_back_once() {
    block_on(async {
        let subject = Subject::new().await;
        subject.add(&(0..50).map(plain_row).collect::<Vec<_>>()).await;
        for _ in 0..5 {
            subject.delete(0..50).await;
            let all: Vec<u64> = (0..50).collect();
            let (one, other, refs) =
                tokio::join!(subject.told(rows(&all)), subject.told(rows(&all)), subject.told(refs(&[7, 8])));
            let back = one.iter().chain(&other).chain(&refs).filter(|found| found.1 == Outcome::Created);
            assert_eq!(back.count(), 50);
        }
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_search_reads_only_so_much_of_the_log_and_what_was_deleted_before_stays_deleted() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.add(&(0..4).map(plain_row).collect::<Vec<_>>()).await;
        let first = subject.delete(0..1).await;
        let second = subject.delete(1..3).await;
        for n in 0..16 {
            subject.rename(3, Rename::new(ref_of(100 + n), 0)).await;
        }
        let time = Arc::clone(&subject.clock);
        let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
        let config = |parts| TableConfig {
            undelete_log_bytes: parts * UNDELETE_PART_MIN_BYTES,
            ..TableConfig::default()
        };
        // Sixteen parts are read at once, and none of them is a deletion.
        let engine = Arc::clone(&subject.engine);
        subject.table = Table::open(engine, Arc::clone(&clock), config(1)).await.unwrap();
        subject.base = subject.table.base(subject.base.number()).await.unwrap();
        assert_eq!(subject.told(rows(&[1, 3])).await, [of(1, MISSING), of(3, LIVES)]);
        assert_eq!(subject.told(refs(&[1])).await, [(None, MISSING.0, MISSING.1)]);
        assert_eq!(subject.told(WhichDeleted::Revision(first)).await, [of(0, MISSING)]);
        let engine = Arc::clone(&subject.engine);
        subject.table = Table::open(engine, clock, config(1_000)).await.unwrap();
        subject.base = subject.table.base(subject.base.number()).await.unwrap();
        assert_eq!(subject.told(rows(&[1])).await, [of(1, BACK)]);
        assert_eq!(subject.told(WhichDeleted::Revision(second)).await, [of(1, LIVES), of(2, BACK)]);
        assert_eq!(subject.told(WhichDeleted::Revision(first)).await, [of(0, BACK)]);
        assert_sound(&subject.engine).await;
    });
}
