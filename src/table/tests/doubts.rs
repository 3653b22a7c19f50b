//! Values that today's rules refuse: a member that has one may be sent it again, and no other member may get
//! it.

use super::*;
use crate::model::{Doubts, Name, Phone, Reason, Semantics};
use crate::table::audit::tests::assert_sound;

const OLD: &str = "ada@-example.com";

/// A row with an address that is refused today.
fn doubtful(n: u16, change: impl FnOnce(&mut MemberRow)) -> MemberRow {
    let mut doubts = Doubts::default();
    let mut row = plain_row(n);
    row.patch.email = doubts.email(OLD.to_owned()).unwrap();
    row.doubts = doubts.some();
    change(&mut row);
    row
}

#[test]
fn a_row_with_the_address_that_its_member_has_changes_nothing_even_if_it_is_refused_today() {
    block_on(async {
        let subject = Subject::new().await;
        let upsert = async |row: MemberRow, options: UpsertOptions, mode: WriteMode| {
            let reply = subject.upsert(&[row], options, mode).await;
            let outcome = &reply.outcomes[0];
            (outcome.outcome, outcome.row, outcome.error.as_ref().map(|error| error.reason))
        };
        let merge = UpsertOptions::default();
        let replace = UpsertOptions { semantics: Semantics::Replace, ..merge };
        let mut before = plain_row(1);
        before.patch.email = Change::Set(Email::from_stored(OLD.to_owned()));
        assert_eq!(upsert(before, merge, WriteMode::Partial).await, (Outcome::Created, Some(Row(0)), None));
        let other = plain_row(2);
        assert_eq!(upsert(other, merge, WriteMode::Partial).await, (Outcome::Created, Some(Row(1)), None));

        let same = || doubtful(1, |_| {});
        for mode in [WriteMode::Partial, WriteMode::Partial, WriteMode::Atomic, WriteMode::ValidateOnly] {
            let unchanged = (Outcome::Unchanged, Some(Row(0)), None);
            assert_eq!(upsert(same(), merge, mode).await, unchanged);
            let by_id = doubtful(1, |row| {
                row.patch.ref_ = Change::Keep;
                row.found_by_id = Some(Row(0));
            });
            assert_eq!(upsert(by_id, merge, mode).await, unchanged);
        }
        // The row's other fields are applied and the address stays, even where missing fields are cleared.
        let company = |row: &mut MemberRow| row.patch.company = Change::Set(Name::parse("Acme").unwrap());
        let updated = (Outcome::Updated, Some(Row(0)), None);
        assert_eq!(upsert(doubtful(1, company), replace, WriteMode::Partial).await, updated);
        let view = subject.base.view().await;
        let member = view.members(&[Row(0)]).await.unwrap().remove(0).1;
        assert_eq!(member.profile.email.as_ref().map(Email::as_str), Some(OLD));
        assert_eq!(member.profile.company.as_ref().map(Name::as_str), Some("Acme"));
        drop(view);

        let refused = |row| (Outcome::Failed, row, Some(Reason::EmailInvalid));
        assert_eq!(upsert(doubtful(2, |_| {}), merge, WriteMode::Partial).await, refused(Some(Row(1))));
        assert_eq!(upsert(doubtful(3, |_| {}), merge, WriteMode::Partial).await, refused(None));
        let cleared = doubtful(1, |row| row.patch.email = Change::Clear);
        assert_eq!(upsert(cleared, merge, WriteMode::Partial).await, refused(Some(Row(0))));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn an_old_phone_number_is_accepted_for_its_member_and_for_no_other() {
    block_on(async {
        const OLD: &str = "+0123456789";
        let subject = Subject::new().await;
        let with_phone = |n: u16| {
            let mut doubts = Doubts::default();
            let mut row = plain_row(n);
            row.patch.phone = doubts.phone(OLD.to_owned()).unwrap();
            row.doubts = doubts.some();
            row
        };
        let upsert = async |row: MemberRow, semantics: Semantics| {
            let options = UpsertOptions { semantics, ..UpsertOptions::default() };
            let reply = subject.upsert(&[row], options, WriteMode::Partial).await;
            let outcome = &reply.outcomes[0];
            (outcome.outcome, outcome.error.as_ref().map(|error| error.reason))
        };
        let mut before = plain_row(1);
        before.patch.phone = Change::Set(Phone::from_stored(OLD.to_owned()));
        assert_eq!(upsert(before, Semantics::Merge).await, (Outcome::Created, None));
        assert_eq!(upsert(plain_row(2), Semantics::Merge).await, (Outcome::Created, None));
        for semantics in [Semantics::Merge, Semantics::Replace] {
            assert_eq!(upsert(with_phone(1), semantics).await, (Outcome::Unchanged, None));
            let mut company = with_phone(1);
            company.patch.company = Change::Set(Name::parse(format!("Acme {semantics:?}")).unwrap());
            assert_eq!(upsert(company.clone(), semantics).await, (Outcome::Updated, None));
            assert_eq!(upsert(company, semantics).await, (Outcome::Unchanged, None));
            let refused = (Outcome::Failed, Some(Reason::PhoneInvalid));
            assert_eq!(upsert(with_phone(2), semantics).await, refused);
            assert_eq!(upsert(with_phone(3), semantics).await, refused);
            // Undo the change for the next round.
            assert_eq!(upsert(with_phone(1), Semantics::Replace).await.1, None);
        }
        let view = subject.base.view().await;
        let member = view.members(&[Row(0)]).await.unwrap().remove(0).1;
        assert_eq!(member.profile.phone.as_ref().map(Phone::as_str), Some(OLD));
        drop(view);
        assert_sound(&subject.engine).await;
    });
}
