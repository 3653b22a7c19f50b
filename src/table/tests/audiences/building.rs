//! Filters that the lane evaluates between other requests.

use super::*;
use crate::engine::Batch;
use crate::stored::audience::{self, Kind, Record};
use crate::stored::index::{BuiltUpTo, IndexState, decode_chunk, encode_chunk};
use crate::table::index::damage::Damage;

/// Sixty members in as many places of four blocks.
async fn subject() -> Subject {
    let subject = Subject::building(BY_THE_LANE).await;
    let rows: Vec<MemberRow> = (0..60).map(plain_row).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    subject
}

fn in_tier(n: u16, tier: u8) -> MemberRow {
    let tier = Change::Set(Tier::parse(format!("tier {tier}")).unwrap());
    let row = plain_row(n);
    MemberRow { patch: MemberPatch { tier, ..row.patch.clone() }, ..row }
}

#[test]
fn a_new_audience_shows_nobody_until_it_is_built_and_then_everybody() {
    block_on(async {
        let subject = subject().await;
        let filter = subject.audience_filter(vec![begins("tier", "tier 1")]);
        let what = AudienceWhat::Create { name: name("A"), filter };
        let reply = subject.change_audience(what).await.unwrap();
        assert_eq!(reply.members, 0);
        assert!(matches!(reply.audience.state, AudienceState::Building { .. }));
        subject.all_built().await;
        assert_eq!(subject.rows_of(reply.audience.number).await.len(), 60);
        subject.check_all().await;
    });
}

#[test]
fn the_audience_before_serves_while_writes_go_on() {
    block_on(async {
        let subject = subject().await;
        let one = subject.create_audience("one", vec![begins("tier", "tier 1")]).await;
        let user = subject.create_audience("user", vec![subject.is_in(one)]).await;
        subject.all_built().await;
        subject.set_filter(one, vec![begins("tier", "tier 2")]).await;
        for n in 0..40 {
            let row = in_tier(n * 7 % 60, if n % 3 == 0 { 1 } else { 2 });
            subject.upsert(&[row], UpsertOptions::default(), WriteMode::Partial).await;
            if n % 5 == 0 {
                subject.add_rows(one, &[u64::from(n)]).await;
                subject.remove_rows(one, &[u64::from(n + 1)]).await;
            }
            subject.check_audiences().await;
        }
        subject.all_built().await;
        assert_eq!(subject.rows_of(one).await, subject.rows_of(user).await);
        subject.check_all().await;
    });
}

#[test]
fn a_member_added_while_it_is_built_is_in_afterwards_and_one_removed_is_out() {
    block_on(async {
        let subject = subject().await;
        let audience = subject.create_audience("A", vec![begins("tier", "tier 1")]).await;
        subject.all_built().await;
        // Nobody matches the new filter, and everybody the old one.
        subject.set_filter(audience, vec![begins("tier", "tier 2")]).await;
        subject.add_rows(audience, &[3]).await;
        subject.remove_rows(audience, &[4]).await;
        subject.all_built().await;
        assert_eq!(subject.rows_of(audience).await, [3]);
        subject.check_all().await;
    });
}

#[test]
fn a_filter_that_changes_back_needs_no_building() {
    block_on(async {
        let subject = subject().await;
        let filter = || vec![begins("tier", "tier 1")];
        let audience = subject.create_audience("A", filter()).await;
        subject.all_built().await;
        subject.set_filter(audience, vec![begins("tier", "tier 2")]).await;
        subject.set_filter(audience, filter()).await;
        let view = subject.base.view().await;
        let is_ready = view.audiences().get(audience).unwrap().state == AudienceState::Ready;
        drop(view);
        // The lane may have built the first change in between.
        subject.all_built().await;
        assert!(is_ready || subject.rows_of(audience).await.len() == 60);
        assert_eq!(subject.rows_of(audience).await.len(), 60);
        subject.check_all().await;
    });
}

/// Three thousand members, of whom the lane has evaluated some for the first audience when a checkpoint ends.
/// After that the process dies.
async fn half_built(then: impl AsyncFn(&Subject)) -> Subject {
    for _ in 0..100 {
        if let Some(subject) = try_half_built(&then).await {
            return subject;
        }
    }
    panic!("the lane was always through before the process died");
}

/// `None` if the lane was through before the process died.
async fn try_half_built(then: impl AsyncFn(&Subject)) -> Option<Subject> {
    let mut subject = Subject::new().await;
    // The only checkpoint is that of the test.
    let cut = subject.restart(AudienceBuild { stored_rows: u64::MAX, ..BY_THE_LANE }).await;
    let rows: Vec<MemberRow> = (0..3_000).map(plain_row).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    subject.create_audience("A", vec![begins("tier", "tier 1")]).await;
    if !subject.is_begun().await {
        return None;
    }
    subject.base.checkpoint().await.unwrap();
    then(&subject).await;
    subject.die(&cut).await;
    let record = audience::audience(subject.base.number(), AudienceNumber(1));
    let record = Record::decode(&subject.value_at(record).await.unwrap()).unwrap();
    record.serving.as_ref()?;
    let built = subject.stored_index().await.built?.below;
    // What is published may be a few pieces behind the lane.
    assert!(built > Row(16) && built <= Row(3_008), "{built:?}");
    Some(subject)
}

impl Subject {
    /// Waits until the lane has evaluated a hundred rows; `false` if it was through before that was seen.
    async fn is_begun(&self) -> bool {
        loop {
            let view = self.base.view().await;
            if view.audience_progress(AudienceNumber(1)) >= Row(100) {
                return true;
            }
            if view.audiences().iter().all(|audience| audience.state == AudienceState::Ready) {
                return false;
            }
            drop(view);
            tokio::task::yield_now().await;
        }
    }

    async fn value_at(&self, key: crate::engine::Key) -> Option<crate::engine::Value> {
        self.engine.get_many(&[key]).await.unwrap().pop().unwrap()
    }

    async fn stored_index(&self) -> IndexState {
        IndexState::decode(&self.value_at(key::index(self.base.number())).await.unwrap()).unwrap()
    }

    /// The key of the stored rows that will be in the first audience.
    fn next_rows(&self) -> crate::engine::Key {
        audience::rows(self.base.number(), AudienceNumber(1), Kind::Next, 0)
    }

    /// Takes the row 7 out of what is stored. Only an evaluation brings it back.
    async fn take_out_row_7(&self) {
        let mut rows = decode_chunk(&self.value_at(self.next_rows()).await.unwrap()).unwrap();
        assert!(rows.remove(7));
        let mut batch = Batch::default();
        batch.put(self.next_rows(), encode_chunk(&rows));
        self.engine.commit(batch).await.unwrap();
    }

    /// Lets the lane build to the end, and checks that it begins nowhere in the middle the next time.
    async fn builds_to_the_end(&mut self, all_but: Option<u64>) {
        self.restart(BY_THE_LANE).await;
        self.all_built().await;
        let expected: Vec<u64> = (0..3_000).filter(|row| Some(*row) != all_but).collect();
        assert_eq!(self.rows_of(AudienceNumber(1)).await, expected);
        self.base.close().await.unwrap();
        assert_eq!(self.stored_index().await.built, None);
        assert_eq!(self.value_at(self.next_rows()).await, None);
    }
}

#[test]
fn after_a_restart_the_lane_goes_on_from_the_checkpoint() {
    block_on(async {
        let mut subject = half_built(async |_| ()).await;
        subject.take_out_row_7().await;
        crate::table::audit::tests::assert_finds(&subject.engine, |damage| {
            matches!(damage, Damage::Audience { row: 7, is_in: false, .. })
        })
        .await;
        subject.builds_to_the_end(Some(7)).await;
    });
}

#[test]
fn a_row_that_changed_after_the_checkpoint_is_evaluated_again() {
    block_on(async {
        let write = async |subject: &Subject| {
            subject.upsert(&[in_tier(7, 2)], UpsertOptions::default(), WriteMode::Partial).await;
            subject.upsert(&[in_tier(7, 1)], UpsertOptions::default(), WriteMode::Partial).await;
        };
        let mut subject = half_built(write).await;
        subject.take_out_row_7().await;
        crate::table::audit::tests::assert_sound(&subject.engine).await;
        subject.builds_to_the_end(None).await;
        subject.restart(BY_THE_LANE).await;
        subject.check_all().await;
    });
}

#[test]
fn after_a_change_by_hand_or_of_an_audience_it_begins_again() {
    block_on(async {
        let adds = async |subject: &Subject| {
            subject.add_rows(AudienceNumber(1), &[3]).await;
        };
        let mut subject = half_built(adds).await;
        subject.take_out_row_7().await;
        subject.builds_to_the_end(None).await;
        let creates = async |subject: &Subject| {
            subject.create_audience("B", Vec::new()).await;
        };
        let mut subject = half_built(creates).await;
        subject.take_out_row_7().await;
        subject.builds_to_the_end(None).await;
    });
}

#[test]
fn what_was_built_under_another_fold_does_not_count() {
    block_on(async {
        let mut subject = half_built(async |_| ()).await;
        subject.take_out_row_7().await;
        let mut state = subject.stored_index().await;
        state.built = state.built.map(|built| BuiltUpTo { fold: 1, ..built });
        let mut batch = Batch::default();
        batch.put(key::index(subject.base.number()), state.encode());
        subject.engine.commit(batch).await.unwrap();
        subject.builds_to_the_end(None).await;
    });
}

#[test]
fn filters_that_sets_know_are_evaluated_at_once() {
    block_on(async {
        let subject = subject().await;
        let reply = subject.upsert(&[in_tier(7, 2)], UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(reply.outcomes[0].outcome, Outcome::Updated);
        let exists =
            |exists| RawFilter { key: Some("tier".to_owned()), exists: Some(exists), ..RawFilter::default() };
        let one = subject.create_audience("one", vec![condition("tier", "tier 1")]).await;
        let other = subject.create_audience("other", vec![subject.is_in(one), exists(true)]).await;
        let nobody = subject.create_audience("nobody", vec![exists(false)]).await;
        subject.add_rows(nobody, &[7]).await;
        for (audience, count) in [(one, 59), (other, 59), (nobody, 1)] {
            let view = subject.base.view().await;
            assert_eq!(view.audiences().get(audience).unwrap().state, AudienceState::Ready);
            assert_eq!(view.audience_rows(audience).len(), count);
        }
        // Both follow a filter that no set knows, and then one that sets know again.
        let filter = Some(subject.audience_filter(vec![begins("ref", "r1")]));
        let what = AudienceWhat::Update { audience: one, name: None, filter };
        let changed = subject.change_audience(what).await.unwrap();
        assert!(matches!(changed.audience.state, AudienceState::Building { .. }));
        subject.set_filter(one, vec![condition("tier", "tier 2")]).await;
        assert_eq!(subject.rows_of(other).await, [7]);
        subject.check_all().await;
    });
}

#[test]
fn what_is_built_goes_on_while_sets_answer_for_another_audience() {
    block_on(async {
        let subject = Subject::building(BY_THE_LANE).await;
        let rows: Vec<MemberRow> = (0..3_000).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        let slow = subject.create_audience("slow", vec![begins("tier", "tier 1")]).await;
        subject.is_begun().await;
        let fast = subject.create_audience("fast", vec![condition("tier", "tier 1")]).await;
        let view = subject.base.view().await;
        let state = |number| view.audiences().get(number).unwrap().state.clone();
        // On a busy machine the lane may be through already.
        assert!(state(slow) == AudienceState::Ready || view.audience_progress(slow) >= Row(16));
        assert_eq!((state(fast), view.audience_rows(fast).len()), (AudienceState::Ready, 3_000));
        drop(view);
        let user = subject.create_audience("user", vec![subject.is_in(slow), subject.is_in(fast)]).await;
        subject.all_built().await;
        assert_eq!(subject.rows_of(user).await.len(), 3_000);
        subject.check_all().await;
    });
}

#[test]
fn what_is_built_goes_on_while_another_audience_waits_also_after_a_restart() {
    block_on(async {
        let adds = async |subject: &Subject| {
            // The second waits, and a checkpoint stores that.
            subject.create_audience("second", vec![begins("ref", "r1")]).await;
            subject.base.checkpoint().await.unwrap();
        };
        let mut subject = half_built(adds).await;
        let built = subject.stored_index().await.built.unwrap();
        assert_eq!(built.audiences, [AudienceNumber(1)]);
        subject.take_out_row_7().await;
        subject.builds_to_the_end(Some(7)).await;
        subject.restart(BY_THE_LANE).await;
        let expected: Vec<u64> = (0..3_000).filter(|row| row.to_string().starts_with('1')).collect();
        assert_eq!(subject.rows_of(AudienceNumber(2)).await, expected);
    });
}

#[test]
fn what_is_done_by_hand_holds_for_a_filter_that_waits() {
    block_on(async {
        let subject = Subject::building(BY_THE_LANE).await;
        let rows: Vec<MemberRow> = (0..3_000).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject.create_audience("slow", vec![begins("tier", "tier 1")]).await;
        let audience = subject.create_audience("A", vec![begins("tier", "tier 2")]).await;
        subject.add_rows(audience, &[3]).await;
        subject.remove_rows(audience, &[4]).await;
        subject.set_filter(audience, vec![begins("tier", "tier 1")]).await;
        subject.add_rows(audience, &[5]).await;
        subject.remove_rows(audience, &[6]).await;
        subject.all_built().await;
        let rows = subject.rows_of(audience).await;
        assert!(rows.starts_with(&[0, 1, 2, 3, 4, 5, 7]), "{:?}", rows.get(..9));
        subject.check_all().await;
    });
}

#[test]
fn a_base_closes_while_it_builds() {
    block_on(async {
        let mut subject = subject().await;
        let audience = subject.create_audience("A", vec![begins("tier", "tier 1")]).await;
        subject.base.close().await.unwrap();
        subject.restart(BY_THE_LANE).await;
        subject.all_built().await;
        assert_eq!(subject.rows_of(audience).await.len(), 60);
        subject.check_all().await;
    });
}
