//! The count of recently removed members in the head of a base.

use super::*;
use crate::model::{Edit, GuardCounts, GuardExpectation, Sight};
use crate::stored::header::Head;
use crate::stored::key;

const HOUR: i64 = 3_600_000_000;

impl Subject {
    async fn head(&self) -> Head {
        let head = self.engine.get_many(&[key::header(self.base.number())]).await.unwrap().pop().flatten();
        Head::decode(&head.unwrap()).unwrap()
    }

    async fn removed(&self) -> u64 {
        self.head().await.window.within(self.table.now()).removals
    }

    async fn change(&self, row: u64, edit: Edit) {
        let what = EditWhat::Change { key: MemberKey::Row(Row(row)), edit, if_revision: None };
        let request = EditRequest {
            what,
            sight: Sight::default(),
            expected: GuardExpectation::default(),
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        let edited = self.base.edit(request).await.unwrap().edited;
        assert!(matches!(edited, Edited::Done { .. }), "{edited:?}");
    }

    async fn delete_rows(&self, rows: std::ops::Range<u64>) {
        let rows = rows.map(Row).collect();
        self.base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap();
    }
}

#[test]
fn only_deleted_and_deactivated_members_count_as_removed_for_a_day_even_after_a_crash() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.clock.store(500_000 * HOUR, Ordering::Relaxed);
        let rows: Vec<MemberRow> = (0..40).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        let inactive = MemberRow { status: Some(Status::Inactive), ..plain_row(50) };
        subject.upsert(&[inactive], UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(subject.removed().await, 0);
        // Unknown rows do not count, and rows that are deleted twice count once.
        subject.delete_rows(0..3).await;
        subject.delete_rows(2..5).await;
        subject.change(10, Edit::Offboard).await;
        subject.change(10, Edit::Offboard).await;
        assert_eq!(subject.removed().await, 6);
        // Reactivating a member does not reduce the count.
        subject.change(10, Edit::Replace(Box::new(plain_row(10)))).await;
        subject.crash().await;
        assert_eq!(subject.removed().await, 6);
        subject.clock.fetch_add(20 * HOUR, Ordering::Relaxed);
        subject.delete_rows(20..22).await;
        assert_eq!(subject.removed().await, 8);
        subject.clock.fetch_add(5 * HOUR, Ordering::Relaxed);
        assert_eq!(subject.removed().await, 2);
        subject.delete_rows(22..23).await;
        let hours = [(500_020, GuardCounts::of_removals(2)), (500_025, GuardCounts::of_removals(1))];
        assert_eq!(subject.head().await.window.hours().copied().collect::<Vec<_>>(), hours);
        subject.clock.fetch_add(25 * HOUR, Ordering::Relaxed);
        assert_eq!(subject.removed().await, 0);
    });
}

#[test]
fn requests_that_change_nothing_leave_the_head_and_only_changed_settings_are_written() {
    block_on(async {
        let subject = Subject::new().await;
        let rows: Vec<MemberRow> = (0..4).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        let before = subject.head().await;
        let settings = key::settings(subject.base.number());
        let stored = subject.engine.get_many(&[settings]).await.unwrap();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject.delete_rows(90..99).await;
        assert_eq!(subject.head().await, before);
        subject.delete_rows(0..1).await;
        let after = subject.head().await;
        let settings = key::settings(subject.base.number());
        assert_eq!(
            subject.engine.get_many(&[settings]).await.unwrap(),
            stored,
            "settings are written only when they change"
        );
        assert_ne!(after.nonce, before.nonce);
        assert_eq!(after.settings_revision, before.settings_revision);
    });
}
