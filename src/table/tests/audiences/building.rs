//! Filters that the lane evaluates between other requests.

use super::*;

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
        let filter = subject.audience_filter(vec![condition("tier", "tier 1")]);
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
        let one = subject.create_audience("one", vec![condition("tier", "tier 1")]).await;
        let user = subject.create_audience("user", vec![subject.is_in(one)]).await;
        subject.all_built().await;
        subject.set_filter(one, vec![condition("tier", "tier 2")]).await;
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
        let audience = subject.create_audience("A", vec![condition("tier", "tier 1")]).await;
        subject.all_built().await;
        // Nobody matches the new filter, and everybody the old one.
        subject.set_filter(audience, vec![condition("tier", "tier 2")]).await;
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
        let filter = || vec![condition("tier", "tier 1")];
        let audience = subject.create_audience("A", filter()).await;
        subject.all_built().await;
        subject.set_filter(audience, vec![condition("tier", "tier 2")]).await;
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

#[test]
fn after_a_restart_the_lane_builds_again() {
    block_on(async {
        let mut subject = subject().await;
        let cut = subject.restart(AudienceBuild { at_once: 0, blocks: 1 }).await;
        let audience = subject.create_audience("A", vec![condition("tier", "tier 1")]).await;
        subject.die(&cut).await;
        subject.restart(BY_THE_LANE).await;
        subject.all_built().await;
        assert_eq!(subject.rows_of(audience).await.len(), 60);
        subject.check_all().await;
    });
}

#[test]
fn a_base_closes_while_it_builds() {
    block_on(async {
        let mut subject = subject().await;
        let audience = subject.create_audience("A", vec![condition("tier", "tier 1")]).await;
        subject.base.close().await.unwrap();
        subject.restart(BY_THE_LANE).await;
        subject.all_built().await;
        assert_eq!(subject.rows_of(audience).await.len(), 60);
        subject.check_all().await;
    });
}
