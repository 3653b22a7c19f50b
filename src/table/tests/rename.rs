//! Members get other refs, and can still be found by their former ones.

use super::*;
use crate::model::{Edit, GuardExpectation, Sight};

impl Subject {
    /// Renames the member at a row. Returns the outcome; `None` if there is no member or the call was
    /// refused.
    pub(super) async fn rename(&self, row: u64, rename: Rename) -> Option<Outcome> {
        let edit = Edit::Rename(Box::new(rename));
        let what = EditWhat::Change { key: MemberKey::Row(Row(row)), edit, if_revision: None };
        match self
            .base
            .edit(EditRequest {
                what,
                sight: Sight::default(),
                expected: GuardExpectation::default(),
                claim: None,
                deadline: None,
                origin: Origin::default(),
            })
            .await
            .unwrap()
            .edited
        {
            Edited::Done { outcome, .. } => Some(outcome),
            Edited::Missing | Edited::Refused(_) => None,
        }
    }
}

impl Reference {
    pub(super) fn rename(&mut self, row: u64, rename: &Rename, now: Timestamp) -> Option<Outcome> {
        let current = self.rows.get(&row)?;
        let new = match rename.apply(current, now).ok()? {
            Update::Updated(new) => new,
            Update::Unchanged | Update::Reactivated(_) => return Some(Outcome::Unchanged),
        };
        let ref_ = new.profile.ref_.clone()?;
        if self.rows.iter().any(|(other, member)| *other != row && member.answers_to(&ref_, now)) {
            return None;
        }
        self.revision += 1;
        self.rows.insert(row, Member { revision: self.revision, ..new });
        Some(Outcome::Updated)
    }
}

#[test]
fn a_former_ref_is_taken_until_it_expires_and_free_afterwards() {
    block_on(async {
        let subject = Subject::new().await;
        let upsert = |n| {
            let subject = &subject;
            async move {
                let row = MemberRow {
                    patch: MemberPatch { ref_: Change::Set(ref_of(n)), ..MemberPatch::default() },
                    ..MemberRow::default()
                };
                let reply = subject.upsert(&[row], UpsertOptions::default(), WriteMode::Partial).await;
                (reply.outcomes[0].outcome, reply.outcomes[0].row)
            }
        };
        assert_eq!(upsert(1).await, (Outcome::Created, Some(Row(0))));
        assert_eq!(upsert(2).await, (Outcome::Created, Some(Row(1))));
        assert_eq!(subject.rename(0, Rename::new(ref_of(3), 100)).await, Some(Outcome::Updated));
        // A row with the former ref finds the member, and changes nothing.
        assert_eq!(upsert(1).await, (Outcome::Unchanged, Some(Row(0))));
        assert_eq!(subject.rename(1, Rename::new(ref_of(1), 0)).await, None);
        subject.clock.fetch_add(100, Ordering::Relaxed);
        let found = subject.base.view().await.find(&[MemberKey::Ref(ref_of(1))]).await.unwrap();
        assert_eq!(found, [None]);
        assert_eq!(upsert(1).await, (Outcome::Created, Some(Row(2))));
        assert_eq!(upsert(3).await, (Outcome::Unchanged, Some(Row(0))));
        assert_eq!(subject.rename(2, Rename::new(ref_of(4), 100)).await, Some(Outcome::Updated));
        // The commit that deletes a member ends its aliases.
        let delete = DeleteRequest { refs: vec![ref_of(1)], ..DeleteRequest::default() };
        assert_eq!(subject.base.delete(delete).await.unwrap().deleted, 1);
        assert_eq!(upsert(1).await, (Outcome::Created, Some(Row(3))));
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}
