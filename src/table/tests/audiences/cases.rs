//! Single cases: every combination of filter and hand, names, archives, nested audiences, refusals.

use super::*;
use crate::model::schema::{AttributeType, WantedSchema};
use crate::model::{AttributePatch, Reason};

/// Members 0 to 9, who are in "tier 1".
async fn subject() -> Subject {
    let subject = Subject::building(AT_ONCE).await;
    let rows: Vec<MemberRow> = (0..10).map(plain_row).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    subject
}

fn tiers(subject: &Subject, rows: std::ops::Range<u16>, tier: u8) -> impl Future<Output = UpsertReply> {
    let rows: Vec<MemberRow> = rows
        .map(|n| {
            let tier = Change::Set(Tier::parse(format!("tier {tier}")).unwrap());
            let row = plain_row(n);
            MemberRow { patch: MemberPatch { tier, ..row.patch.clone() }, ..row }
        })
        .collect();
    async move { subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await }
}

fn reason<T: std::fmt::Debug>(result: Result<T, TableError>) -> Reason {
    match result {
        Err(TableError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_member_enters_and_leaves_with_the_write_that_changes_it() {
    block_on(async {
        let subject = subject().await;
        let gold = subject.create_audience("two", vec![condition("tier", "tier 2")]).await;
        assert!(subject.rows_of(gold).await.is_empty());
        tiers(&subject, 3..6, 2).await;
        assert_eq!(subject.rows_of(gold).await, [3, 4, 5]);
        tiers(&subject, 4..5, 1).await;
        subject.base.delete(DeleteRequest { rows: vec![Row(5)], ..DeleteRequest::default() }).await.unwrap();
        assert_eq!(subject.rows_of(gold).await, [3]);
        subject.undelete_rows(&[5]).await.unwrap();
        assert_eq!(subject.rows_of(gold).await, [3, 5]);
        subject.check_all().await;
    });
}

#[test]
fn a_history_has_the_moves_that_each_write_of_the_member_caused() {
    block_on(async {
        let subject = subject().await;
        let gold = subject.create_audience("two", vec![condition("tier", "tier 2")]).await;
        tiers(&subject, 3..6, 2).await;
        // Out and in again in one commit is no move.
        let there = [SmallRow { tier: Some(1), ..small(3) }, SmallRow { tier: Some(2), ..small(3) }];
        let rows: Vec<MemberRow> = there.iter().map(member_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
        assert_eq!(subject.remove_rows(gold, &[4]).await, [Outcome::Updated]);
        subject.base.delete(DeleteRequest { rows: vec![Row(5)], ..DeleteRequest::default() }).await.unwrap();
        let moves = async |row| {
            let (changes, _) = subject.history(row).await.unwrap();
            changes.into_iter().map(|change| change.audiences).collect::<Vec<_>>()
        };
        assert_eq!(moves(3).await, [vec![], vec![(gold, true)], vec![]]);
        assert_eq!(moves(4).await, [vec![(gold, true)], vec![]]);
        assert_eq!(moves(5).await, [vec![(gold, false)], vec![(gold, true)], vec![]]);
    });
}

fn small(n: u16) -> SmallRow {
    SmallRow {
        ref_: Some(n),
        email: Some(Some(n)),
        worker_id: None,
        tier: None,
        status: None,
        if_revision: None,
        found_by_id: None,
    }
}

#[test]
fn members_are_added_and_removed_by_hand() {
    use Outcome::{Failed, Unchanged, Updated};
    block_on(async {
        let mut subject = subject().await;
        let audience = subject.create_audience("a", vec![condition("tier", "tier 2")]).await;
        tiers(&subject, 0..4, 2).await;
        // Of those who match only one that was removed changes.
        assert_eq!(subject.add_rows(audience, &[0, 5, 99, 5]).await, [Unchanged, Updated, Failed, Unchanged]);
        assert_eq!(
            subject.remove_rows(audience, &[0, 6, 5, 1]).await,
            [Updated, Unchanged, Updated, Updated]
        );
        assert_eq!(subject.rows_of(audience).await, [2, 3]);
        assert_eq!(subject.add_rows(audience, &[0, 7, 8]).await, [Updated; 3]);
        assert_eq!(subject.rows_of(audience).await, [0, 2, 3, 7, 8]);
        // Whoever is picked stays when the filter no longer matches, and whoever is removed stays out when it
        // does.
        tiers(&subject, 0..10, 1).await;
        assert_eq!(subject.rows_of(audience).await, [7, 8]);
        tiers(&subject, 0..10, 2).await;
        assert_eq!(subject.rows_of(audience).await, [0, 2, 3, 4, 5, 6, 7, 8, 9]);
        subject.check_all().await;
        // A member that is deleted leaves, and comes back with what was kept by hand.
        let rows = vec![Row(1), Row(7)];
        subject.base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap();
        assert_eq!(subject.add_rows(audience, &[7]).await, [Failed]);
        subject.restart(AT_ONCE).await;
        subject.undelete_rows(&[1, 7]).await.unwrap();
        tiers(&subject, 0..10, 1).await;
        assert_eq!(subject.rows_of(audience).await, [7, 8]);
        let hands = [1, 7, 8, 9].map(Row);
        let view = subject.base.view().await;
        let hands = hands.map(|row| view.audience_hand(audience, row));
        assert_eq!(hands, [Hand::Removed, Hand::Picked, Hand::Picked, Hand::None]);
        drop(view);
        subject.check_all().await;
    });
}

#[test]
fn a_request_of_ten_thousand_rows_is_one_commit() {
    block_on(async {
        let subject = subject().await;
        let audience = subject.create_audience("a", Vec::new()).await;
        let before = subject.base.view().await.revision();
        let rows: Vec<u64> = (0..10_000).collect();
        let outcomes = subject.add_rows(audience, &rows).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Updated).count(), 10);
        assert_eq!(subject.base.view().await.revision(), before + 1);
        subject.add_rows(audience, &rows).await;
        assert_eq!(subject.base.view().await.revision(), before + 1);
        subject.check_all().await;
    });
}

#[test]
fn an_audience_follows_those_that_it_names() {
    block_on(async {
        let subject = subject().await;
        let two = subject.create_audience("two", vec![condition("tier", "tier 2")]).await;
        let not = RawFilter { eq: None, ne: subject.is_in(two).eq, ..subject.is_in(two) };
        let others = subject.create_audience("others", vec![not]).await;
        let both = subject.create_audience("both", vec![subject.is_in(others), condition("ref", "r3")]).await;
        tiers(&subject, 0..4, 2).await;
        assert_eq!(subject.rows_of(others).await, [4, 5, 6, 7, 8, 9]);
        assert!(subject.rows_of(both).await.is_empty());
        subject.remove_rows(two, &[3, 2]).await;
        assert_eq!(subject.rows_of(others).await, [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(subject.rows_of(both).await, [3]);
        subject.set_filter(two, vec![condition("tier", "tier 1")]).await;
        assert_eq!(subject.rows_of(others).await, [0, 1, 2, 3]);
        assert_eq!(subject.rows_of(both).await, [3]);
        subject.check_all().await;
        // A cycle, an archived audience and one that is used are refused.
        let filter = Some(subject.audience_filter(vec![subject.is_in(both)]));
        let update = AudienceWhat::Update { audience: two, name: None, filter };
        assert_eq!(reason(subject.change_audience(update).await), Reason::AudienceCycle);
        let archive = |audience| subject.change_audience(AudienceWhat::Archive { audience });
        assert_eq!(reason(archive(others).await), Reason::AudienceInUse);
        archive(both).await.unwrap();
        archive(others).await.unwrap();
        let filter = Some(subject.audience_filter(vec![subject.is_in(others)]));
        let update = AudienceWhat::Update { audience: two, name: None, filter };
        assert_eq!(reason(subject.change_audience(update).await), Reason::FilterInvalid);
        assert!(subject.rows_of(others).await.is_empty());
        subject.check_all().await;
    });
}

#[test]
fn archiving_frees_the_name_and_unarchiving_evaluates_again() {
    block_on(async {
        let mut subject = subject().await;
        let first = subject.create_audience("A", vec![condition("tier", "tier 2")]).await;
        subject.add_rows(first, &[8, 9]).await;
        tiers(&subject, 0..2, 2).await;
        let create = |subject: &Subject| AudienceWhat::Create {
            name: name("A"),
            filter: subject.audience_filter(Vec::new()),
        };
        assert_eq!(reason(subject.change_audience(create(&subject)).await), Reason::AudienceNameTaken);
        subject.change_audience(AudienceWhat::Archive { audience: first }).await.unwrap();
        assert!(subject.rows_of(first).await.is_empty());
        let second = subject.change_audience(create(&subject)).await.unwrap().audience.number;
        assert_eq!(second.0, first.0 + 1);
        tiers(&subject, 2..4, 2).await;
        subject.base.delete(DeleteRequest { rows: vec![Row(8)], ..DeleteRequest::default() }).await.unwrap();
        let unarchive = || subject.change_audience(AudienceWhat::Unarchive { audience: first });
        assert_eq!(reason(unarchive().await), Reason::AudienceNameTaken);
        let rename = AudienceWhat::Update { audience: second, name: Some(name("B")), filter: None };
        subject.change_audience(rename).await.unwrap();
        let reply = unarchive().await.unwrap();
        assert_eq!((reply.members, reply.audience.state.clone()), (5, AudienceState::Ready));
        assert_eq!(subject.rows_of(first).await, [0, 1, 2, 3, 9]);
        // A repeat changes nothing.
        assert_eq!(unarchive().await.unwrap().revision, reply.revision);
        subject.restart(AT_ONCE).await;
        assert_eq!(subject.rows_of(first).await, [0, 1, 2, 3, 9]);
        subject.check_all().await;
    });
}

#[test]
fn an_attribute_that_an_audience_names_stays_in_the_schema() {
    block_on(async {
        let subject = subject().await;
        let schema = |keys: &[(&str, AttributeType)]| SettingsRequest {
            schema: Some(WantedSchema {
                types: keys.iter().map(|(key, kind)| ((*key).to_owned(), *kind)).collect(),
                indexed: BTreeSet::new(),
            }),
            ..SettingsRequest::default()
        };
        let (text, number) = (AttributeType::String, AttributeType::Number);
        subject.base.change_settings(schema(&[("city", text), ("level", number)])).await.unwrap();
        let audience = subject.create_audience("Rome", vec![condition("attributes.city", "Rome")]).await;
        let mut patch = AttributePatch::default();
        patch.set("city", crate::model::AttributeValue::text("Rome").unwrap()).unwrap();
        let changes = vec![(Row(2), patch.clone()), (Row(4), patch)];
        let request = AttributesRequest { changes, is_strict: true, ..AttributesRequest::default() };
        subject.base.change_attributes(request).await.unwrap();
        assert_eq!(subject.rows_of(audience).await, [2, 4]);
        let mut clear = AttributePatch::default();
        clear.clear("city").unwrap();
        let changes = vec![(Row(2), clear)];
        subject.base.change_attributes(AttributesRequest { changes, ..Default::default() }).await.unwrap();
        assert_eq!(subject.rows_of(audience).await, [4]);
        let refused = subject.base.change_settings(schema(&[("level", number)])).await;
        assert!(matches!(refused, Err(TableError::SchemaInUse { .. })), "{refused:?}");
        let gone = DeleteRequest { rows: vec![Row(4)], ..DeleteRequest::default() };
        subject.base.delete(gone).await.unwrap();
        for other in [schema(&[("level", number)]), schema(&[("city", number)])] {
            assert_eq!(reason(subject.base.change_settings(other).await), Reason::AttributeInUse);
        }
        subject.base.change_settings(schema(&[("city", text)])).await.unwrap();
        subject.change_audience(AudienceWhat::Archive { audience }).await.unwrap();
        subject.base.change_settings(schema(&[])).await.unwrap();
        let unarchive = subject.change_audience(AudienceWhat::Unarchive { audience }).await;
        assert_eq!(reason(unarchive), Reason::FilterInvalid);
        subject.check_all().await;
    });
}

#[test]
fn a_purged_base_leaves_no_audience_and_a_restored_store_gives_no_number_again() {
    block_on(async {
        let mut subject = subject().await;
        let audience = subject.create_audience("A", vec![condition("tier", "tier 1")]).await;
        subject.remove_rows(audience, &[1]).await;
        subject.base.close().await.unwrap();
        crate::table::timeline::begin_timeline(&subject.engine, Timestamp::from_micros(9)).await.unwrap();
        subject.restart(AT_ONCE).await;
        let next = subject.create_audience("B", Vec::new()).await;
        assert!(next.0 > audience.0 + 1_000, "{next:?}");
        assert_eq!(subject.rows_of(audience).await.len(), 9);
        crate::table::audit::tests::assert_sound(&subject.engine).await;
        let delete =
            SettingsRequest { deleted: Some(true), expect_members: Some(10), ..SettingsRequest::default() };
        subject.base.change_settings(delete).await.unwrap();
        let number = subject.base.number();
        subject.base.close().await.unwrap();
        subject.clock.store(i64::MAX / 2, Ordering::Relaxed);
        open(Arc::clone(&subject.engine), &subject.clock).await.maintain().await.unwrap();
        for range in [crate::stored::audience::audiences(number), crate::stored::audience::rows_of(number)] {
            assert!(subject.engine.scan(range, Direction::Forward, 9).await.unwrap().is_empty());
        }
    });
}
