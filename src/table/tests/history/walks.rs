//! Histories that end early, that are long, and of members that come and go while they are read.

use super::*;
use crate::engine::{Batch, Direction};
use crate::stored::key;

#[test]
fn a_history_says_that_the_log_no_longer_has_its_beginning() {
    block_on(async {
        let subject = Subject::new().await.keeping(10, 10).await;
        subject.write_row(plain_row(1)).await;
        let revisions = of_tiers(&subject, 20).await;
        subject.base.checkpoint().await.unwrap();
        subject.table.maintain().await.unwrap();
        let (told, end) = subject.kinds(1).await.unwrap();
        let kept: Vec<u64> = told.iter().map(|(revision, _)| *revision).collect();
        assert_eq!((kept.as_slice(), end), (&revisions[..11], HistoryEnd::Retention));
        // Somebody who has not changed for so long has no changes, and this is said too.
        assert_eq!(subject.kinds(0).await, Some((vec![], HistoryEnd::Retention)));
        for bytes in [0, 700] {
            assert_eq!(subject.history_by(0, bytes).await, subject.history(0).await);
            assert_eq!(subject.history_by(1, bytes).await, subject.history(1).await);
        }
        // A page that is read later ends where the log begins by then.
        let (first, place) = subject.history_page(1, None, 0).await.unwrap();
        assert!(matches!(first[..], [Told::Change(_), Told::Pause]));
        subject.pass(20);
        subject.write_row(plain_row(2)).await;
        subject.base.checkpoint().await.unwrap();
        subject.table.maintain().await.unwrap();
        let (rest, _) = subject.history_page(1, place, ALL).await.unwrap();
        assert_eq!(rest, [Told::End(HistoryEnd::Retention)]);
    });
}

#[test]
fn a_commit_that_is_half_removed_counts_as_gone() {
    block_on(async {
        let subject = Subject::new().await;
        let rows: Vec<MemberRow> = (0..900).map(|n| in_tier(n, "a")).collect();
        let first = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await.revision;
        let rows: Vec<MemberRow> = (0..900).map(|n| in_tier(n, "b")).collect();
        let second = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await.revision;
        let base = subject.base.number();
        let parts = subject.engine.scan(key::commit_of(base, second), Direction::Forward, 99).await.unwrap();
        assert!(parts.len() > 2);
        // In the last part, and found there.
        let expected = vec![(second, HistoryKind::Updated), (first, HistoryKind::Created)];
        assert_eq!(subject.kinds(899).await, Some((expected, HistoryEnd::Creation)));
        let deletes = vec![key::commit(base, second, 0)];
        subject.engine.commit(Batch { deletes, ..Batch::default() }).await.unwrap();
        for row in [0, 899] {
            assert_eq!(subject.kinds(row).await, Some((vec![], HistoryEnd::Retention)));
        }
    });
}

#[test]
fn a_commit_that_does_not_change_the_member_that_names_it_is_damage() {
    block_on(async {
        let subject = Subject::new().await;
        let [first, second] = [subject.write_row(plain_row(0)).await, subject.write_row(plain_row(1)).await]
            .map(|revision| key::commit(subject.base.number(), revision, 0));
        let other = subject.engine.get_many(&[second]).await.unwrap().remove(0).unwrap();
        let mut batch = Batch::default();
        batch.put(first, other);
        subject.engine.commit(batch).await.unwrap();
        assert!(matches!(subject.history_page(0, None, ALL).await, Err(TableError::Damaged(_))));
    });
}

#[test]
fn a_deleted_member_has_a_history_for_as_long_as_it_can_come_back() {
    block_on(async {
        // The log has everything for a year.
        let subject = Subject::new().await.keeping(365 * DAY, 30 * DAY).await;
        let created = subject.write_row(plain_row(0)).await;
        subject.pass(20 * DAY);
        let changed = subject.write_row(in_tier(0, "a")).await;
        let deleted = subject.delete_row(0).await;
        let all = vec![
            (deleted, HistoryKind::Deleted),
            (changed, HistoryKind::Updated),
            (created, HistoryKind::Created),
        ];
        assert_eq!(subject.kinds(0).await, Some((all.clone(), HistoryEnd::Creation)));
        let (_, place) = subject.history_page(0, None, 0).await.unwrap();
        // What is older than the time in which it can come back is not shown of a deleted member.
        subject.pass(20 * DAY);
        assert_eq!(subject.kinds(0).await, Some((all[..2].to_vec(), HistoryEnd::Retention)));
        subject.bring_back(0).await;
        let told = subject.kinds(0).await.unwrap();
        assert_eq!((&told.0[1..], told.1), (all.as_slice(), HistoryEnd::Creation));
        subject.delete_row(0).await;
        assert!(subject.kinds(0).await.is_some());
        subject.pass(30 * DAY - 1);
        assert!(subject.kinds(0).await.is_some());
        subject.pass(1);
        for _ in 0..2 {
            assert_eq!(subject.history(0).await, None);
            assert_eq!(subject.history_by(0, 0).await, None);
            // Nor does a place help that was returned before.
            let (told, _) = subject.history_page(0, place, ALL).await.unwrap();
            assert_eq!(told, [Told::End(HistoryEnd::Retention)]);
            subject.base.checkpoint().await.unwrap();
            subject.table.maintain().await.unwrap();
        }
        // Its commits are still there.
        let log = subject.engine.scan(key::commits(subject.base.number()), Direction::Forward, 99).await;
        assert_eq!(log.unwrap().len(), 5);
        assert_eq!(subject.history(1).await, None);
    });
}

#[test]
fn a_history_that_is_read_while_its_member_goes_and_returns_fits_together() {
    block_on(async {
        let subject = Subject::new().await;
        let mut expected = of_tiers(&subject, 5).await;
        let (told, place) = subject.history_page(0, None, 0).await.unwrap();
        let [Told::Change(newest), Told::Pause] = &told[..] else { panic!("{told:?}") };
        assert_eq!(newest.revision, expected.remove(0));
        let rest = async |place| {
            let (told, _) = subject.history_page(0, place, ALL).await.unwrap();
            let revision = |told: &Told| match told {
                Told::Change(change) => Some(change.revision),
                Told::Pause | Told::End(_) | Told::Missing => None,
            };
            told.iter().filter_map(revision).collect::<Vec<_>>()
        };
        subject.write_row(in_tier(0, "other")).await;
        assert_eq!(rest(place).await, expected);
        let deleted = subject.delete_row(0).await;
        assert_eq!(rest(place).await, expected);
        // The search for the deletion stops, and the member comes back before it goes on.
        for n in 1..60 {
            subject.write_row(plain_row(n)).await;
        }
        let (told, searched) = subject.history_page(0, None, 0).await.unwrap();
        assert_eq!(told, [Told::Pause]);
        assert!(matches!(searched, Some(HistoryPlace::FirstBelow(_))));
        subject.bring_back(0).await;
        assert_eq!(rest(searched).await[0], deleted);
        subject.delete_row(0).await;
        assert_eq!(rest(searched).await[0], deleted);
    });
}

#[test]
fn a_member_of_ten_thousand_changes_is_read_in_pages_of_bounded_work() {
    const CHANGES: u16 = 10_000;
    /// About as much as the commits of ten changes.
    const BYTES: u64 = 10 * 256;
    block_on(async {
        let subject = Subject::new().await;
        let expected = of_tiers(&subject, CHANGES).await;
        let (mut found, mut place, mut pages) = (Vec::new(), None, 0);
        loop {
            let (told, next) = subject.history_page(0, place, BYTES).await.unwrap();
            let changes = told.len() - 1;
            assert!((1..=10).contains(&changes), "{changes} changes in one page");
            for told in &told {
                if let Told::Change(change) = told {
                    found.push(change.revision);
                }
            }
            pages += 1;
            place = next;
            if place.is_none() {
                assert_eq!(told.last(), Some(&Told::End(HistoryEnd::Creation)));
                break;
            }
        }
        assert_eq!(found, expected);
        assert!(pages >= CHANGES / 10);
    });
}

#[test]
fn a_search_goes_on_behind_a_commit_that_is_larger_than_a_page_may_read() {
    block_on(async {
        let subject = Subject::new().await;
        subject.write_row(plain_row(0)).await;
        let deleted = subject.delete_row(0).await;
        for tier in ["a", "b"] {
            let rows: Vec<MemberRow> = (1..900).map(|n| in_tier(n, tier)).collect();
            subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
        }
        let history = subject.history(0).await;
        assert_eq!(history.as_ref().unwrap().0[0].revision, deleted);
        assert_eq!(subject.history_by(0, 0).await, history);
    });
}
