//! Limits of the guard for single tiers.

use super::*;
use crate::model::{
    Edit, GuardExpectation, GuardKind, GuardLimits, Held, LimitChange, Reason, Sight, Tier, TierLimitChange,
};
use crate::table::audit::tests::assert_sound;

const HOUR: i64 = 3_600_000_000;

fn row_of(n: u16, tier: u8) -> MemberRow {
    let mut row = plain_row(n);
    row.patch.tier = crate::model::Change::Set(Tier::parse(format!("tier {tier}")).unwrap());
    row
}

/// A base without other limits, with 100 members of tier 0, then 200 of tier 1.
async fn with_tiers() -> Subject {
    let subject = Subject::new().await;
    subject.clock.store(500_000 * HOUR, Ordering::Relaxed);
    subject.guard_limits(GuardLimits::OFF).await;
    let rows: Vec<MemberRow> = (0..300).map(|n| row_of(n, u8::from(n >= 100))).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    subject
}

impl Subject {
    /// Sets the limit of a tier: percent, and a number of members.
    async fn limit_tier(&self, tier: u8, percent: u64, count: u64) {
        let change = LimitChange::of_percent(percent).unwrap().and(LimitChange::of_count(count).unwrap());
        let tier = Tier::parse(format!("tier {tier}")).unwrap();
        let tier_limits = vec![TierLimitChange { tier, change }];
        let request = SettingsRequest { tier_limits, ..SettingsRequest::default() };
        self.base.change_settings(request).await.unwrap();
    }

    async fn delete_some(
        &self,
        rows: std::ops::Range<u64>,
        expect_removals: Option<u64>,
    ) -> Result<u64, Held> {
        let rows = rows.map(Row).collect();
        let request = DeleteRequest { rows, expect_removals, ..DeleteRequest::default() };
        held(self.base.delete(request).await).map(|reply| reply.deleted)
    }

    async fn leave(&self, row: u64, expect: Option<u64>) -> Result<(), Held> {
        let key = MemberKey::Row(Row(row));
        let what = EditWhat::Change { key, edit: Edit::Offboard, if_revision: None };
        let (sight, origin) = (Sight::default(), Origin::default());
        let expected = GuardExpectation::of_removals(expect);
        let request = EditRequest { what, sight, expected, claim: None, deadline: None, origin };
        held(self.base.edit(request).await).map(drop)
    }

    async fn there(&self) -> u64 {
        let counts = self.base.view().await.summary().counts;
        counts.active + counts.invited
    }
}

fn held<T>(result: Result<T, TableError>) -> Result<T, Held> {
    result.map_err(|error| match error {
        TableError::Guard(held) => held,
        other => panic!("{other}"),
    })
}

/// The tier of a refusal, how many would be removed, of how many, beside how many others.
fn numbers(held: Held) -> (String, u64, u64, u64) {
    assert_eq!(held.kind(), Some(GuardKind::Removals));
    let tier = held.tier.as_ref().map(|tier| tier.as_str().to_owned()).unwrap_or_default();
    (tier, held.would_change, held.of, held.window)
}

fn of_tier(tier: u8, would: u64, of: u64, window: u64) -> (String, u64, u64, u64) {
    (format!("tier {tier}"), would, of, window)
}

#[test]
fn only_members_of_a_tier_with_a_limit_count_for_it_for_a_day_even_after_a_crash() {
    block_on(async {
        let mut subject = with_tiers().await;
        subject.limit_tier(0, 15, 0).await;
        assert_eq!(subject.delete_some(0..16, None).await.map_err(numbers), Err(of_tier(0, 16, 100, 0)));
        // Members of other tiers are not limited.
        assert_eq!(subject.delete_some(100..250, None).await, Ok(150));
        assert_eq!(subject.delete_some(0..12, None).await, Ok(12));
        for row in 12..15 {
            assert_eq!(subject.leave(row, None).await, Ok(()));
        }
        assert_eq!(subject.leave(15, None).await.map_err(numbers), Err(of_tier(0, 1, 100, 15)));
        subject.crash().await;
        assert_eq!(subject.leave(15, None).await.map_err(numbers), Err(of_tier(0, 1, 100, 15)));
        assert_eq!(subject.delete_some(15..18, Some(2)).await.map_err(numbers), Err(of_tier(0, 3, 100, 15)));
        assert_eq!(subject.delete_some(15..18, Some(3)).await, Ok(3));
        assert_eq!(subject.leave(18, Some(1)).await, Ok(()));
        subject.clock.fetch_add(25 * HOUR, Ordering::Relaxed);
        // 81 members of the tier are left: 15 percent of them are 12.
        assert_eq!(subject.delete_some(20..33, None).await.map_err(numbers), Err(of_tier(0, 13, 81, 0)));
        assert_eq!(subject.delete_some(20..32, None).await, Ok(12));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn rows_that_would_remove_too_many_of_a_tier_fail_and_the_others_are_applied() {
    block_on(async {
        let subject = with_tiers().await;
        subject.limit_tier(0, 100, 20).await;
        let leaver = |n: u16| {
            let mut row = MemberRow { status: Some(Status::Inactive), ..plain_row(n) };
            row.patch.tier = crate::model::Change::Keep;
            row
        };
        let rows: Vec<MemberRow> = (0..30).chain(100..130).map(leaver).collect();
        let options = |removals| UpsertOptions {
            apply_status: true,
            expected: GuardExpectation::of_removals(removals),
            ..UpsertOptions::default()
        };
        for mode in [WriteMode::ValidateOnly, WriteMode::Partial] {
            let reply = subject.upsert(&rows, options(None), mode).await;
            for (n, outcome) in reply.outcomes.iter().enumerate() {
                let reason = outcome.error.as_ref().map(|error| error.reason);
                assert_eq!(reason, (n < 30).then_some(Reason::RemovalGuard), "{n}: {mode:?}");
            }
        }
        assert_eq!(subject.there().await, 270);
        let reply = subject.upsert(&rows, options(None), WriteMode::Atomic).await;
        assert!(reply.outcomes[0].error.as_ref().unwrap().to_string().contains("tier 0"));
        assert_eq!(subject.there().await, 270);
        let reply = subject.upsert(&rows[..20], options(None), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|outcome| !outcome.is_failed()));
        let reply = subject.upsert(&rows[20..30], options(Some(10)), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|outcome| !outcome.is_failed()));
        assert_eq!(subject.there().await, 240);
    });
}

#[test]
fn a_member_counts_for_the_tier_that_it_has_when_it_is_removed() {
    block_on(async {
        let subject = with_tiers().await;
        subject.limit_tier(0, 100, 12).await;
        assert_eq!(subject.delete_some(0..11, None).await, Ok(11));
        // Five members move to the tier, and then there is room for one removal more.
        let moved: Vec<MemberRow> = (100..105).map(|n| row_of(n, 0)).collect();
        subject.upsert(&moved, UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(subject.delete_some(100..102, None).await.map_err(numbers), Err(of_tier(0, 2, 105, 11)));
        assert_eq!(subject.delete_some(100..101, None).await, Ok(1));
        // Another limit begins at nothing; so does one that is set again.
        subject.limit_tier(1, 100, 15).await;
        assert_eq!(subject.delete_some(200..216, None).await.map_err(numbers), Err(of_tier(1, 16, 195, 0)));
        subject.limit_tier(0, 100, 0).await;
        assert_eq!(subject.delete_some(11..60, None).await, Ok(49));
        subject.limit_tier(0, 100, 12).await;
        assert_eq!(subject.delete_some(60..73, None).await.map_err(|held| held.window), Err(0));
        assert_eq!(subject.delete_some(60..72, None).await, Ok(12));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn parallel_deletes_do_not_get_past_the_limit_of_a_tier() {
    block_on(async {
        let subject = Subject::new().await;
        subject.guard_limits(GuardLimits::OFF).await;
        let rows: Vec<MemberRow> = (0..1_000).map(|n| row_of(n, 0)).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject.limit_tier(0, 20, 0).await;
        let deletes = (0..100).map(|n| subject.delete_some(n * 10..n * 10 + 10, None));
        let deleted = futures_util::future::join_all(deletes).await;
        // The first 10 are free at any time, and 20 percent of 1,000 are 200.
        assert_eq!(deleted.iter().flatten().sum::<u64>(), 200);
        assert_eq!(subject.there().await, 800);
    });
}

#[test]
fn a_job_is_judged_by_the_limits_of_tiers_before_its_first_step() {
    block_on(async {
        let subject = with_tiers().await;
        subject.limit_tier(0, 100, 20).await;
        let since = subject.base.view().await.revision();
        let step = async |rows: std::ops::Range<u64>, judging| {
            let request = StepRequest {
                ops: StepOps::Removals(rows.map(Row).collect(), since.into()),
                judging,
                is_last: false,
                write: Box::new(|_, _| StepWrites::default()),
                origin: Origin::default(),
                sight: Sight::default(),
            };
            held(subject.base.step(request).await).map(|reply| reply.outcomes.len())
        };
        let tier = Tier::parse("tier 0").unwrap();
        let whole = |of_tier, expected| Judging::Whole {
            wanted: crate::model::GuardCounts::of_removals(60),
            of_tiers: vec![(tier.clone(), of_tier)],
            expected: GuardExpectation::of_removals(expected),
        };
        assert_eq!(step(80..110, whole(21, None)).await.map_err(numbers), Err(of_tier(0, 21, 100, 0)));
        assert_eq!(step(85..115, whole(15, None)).await, Ok(30));
        // Until the job is done, what it may still remove is reserved, at most as many of the tier as it
        // planned.
        assert_eq!(subject.delete_some(0..6, None).await.map_err(|held| held.tier.is_some()), Err(true));
        let done = Judging::Done {
            left: crate::model::GuardCounts::of_removals(30),
            of_tiers: vec![(tier.clone(), 15)],
        };
        assert_eq!(step(115..145, done).await, Ok(30));
        assert_eq!(subject.there().await, 240);
    });
}
