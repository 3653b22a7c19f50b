//! Histories of members that live, leave and return, and where their changes came from.

use super::*;
use crate::model::origin::{Actor, Cause, Door};
use crate::model::schema::{AttributeType, WantedSchema};
use crate::model::token::TokenId;
use crate::model::{AccountDetails, AttributeValue, Date, Edit};

#[test]
fn a_life_from_creation_to_return_is_told_with_everything_that_changed() {
    block_on(async {
        let mut subject = Subject::new().await;
        let types = [("shoe".to_owned(), AttributeType::Number)].into();
        let wanted = WantedSchema { types, indexed: Default::default() };
        let schema = SettingsRequest { schema: Some(wanted), ..SettingsRequest::default() };
        subject.base.change_settings(schema).await.unwrap();
        let created = subject.write_row(plain_row(0)).await;
        let mut bank = plain_row(0);
        bank.patch.account_details =
            Change::Set(AccountDetails::parse_uk("Ann Lee".to_owned(), "200000", "55779911").unwrap());
        bank.patch.dob = Change::Set(Date::new(1990, 2, 3).unwrap());
        bank.patch.attributes.set("shoe".to_owned(), AttributeValue::number(44.0).unwrap()).unwrap();
        let banked = subject.write_row(bank).await;
        let offboarded = subject.write_row(with_status(0, Status::Inactive)).await;
        let reactivated = subject.write_row(with_status(0, Status::Active)).await;
        // Records are no part of this history, and do not break it.
        let clip = records::SmallChange::Clip { row: 0, name: 0, deal: None };
        subject.change_records(vec![record_change(&clip, 0)]).await.unwrap().0.unwrap();
        subject.rename(0, Rename::new(ref_of(9), DAY)).await;
        let renamed = subject.base.view().await.revision();
        let deleted = subject.delete_row(0).await;
        subject.bring_back(0).await;
        let restored = subject.base.view().await.revision();
        for _ in 0..2 {
            let expected = vec![
                (restored, HistoryKind::Restored),
                (deleted, HistoryKind::Deleted),
                (renamed, HistoryKind::Updated),
                (reactivated, HistoryKind::Reactivated),
                (offboarded, HistoryKind::Updated),
                (banked, HistoryKind::Updated),
                (created, HistoryKind::Created),
            ];
            assert_eq!(subject.kinds(0).await, Some((expected, HistoryEnd::Creation)));
            subject.base.checkpoint().await.unwrap();
            subject.crash().await;
        }
        let changes = subject.history(0).await.unwrap().0;
        let member = changes[5].after.as_ref().unwrap();
        assert!(member.profile.account_details.is_some() && member.profile.dob.is_some());
        assert_eq!(member.attributes.iter().count(), 1);
        assert_eq!(changes[5].before.as_ref().unwrap().profile.account_details, None);
        assert_eq!(changes[2].after.as_ref().unwrap().profile.ref_, Some(ref_of(9)));
    });
}

#[test]
fn every_change_says_where_it_came_from() {
    block_on(async {
        let subject = Subject::new().await;
        let origin =
            |call, cause| Origin { actor: Actor::Token(TokenId(7)), door: Door::Publisher, call, cause };
        let origins = [
            origin(Call::CREATE_MEMBER, Cause::None),
            origin(Call::IMPORT_MEMBERS, Cause::Import(3)),
            origin(Call::SYNC_MEMBERS, Cause::Job(4)),
            Origin {
                actor: Actor::Owner,
                door: Door::CommandLine,
                ..origin(Call::UPDATE_MEMBER, Cause::Request(5))
            },
        ];
        for (n, origin) in origins.iter().enumerate() {
            subject.pass(1);
            subject.write_row_as(in_tier(0, &format!("tier {n}")), *origin).await;
        }
        let changes = subject.history(0).await.unwrap().0;
        let told: Vec<Origin> = changes.iter().rev().map(|change| change.origin.unwrap()).collect();
        assert_eq!(told, origins);
        assert!(changes.is_sorted_by(|newer, older| newer.at > older.at));
    });
}

#[test]
fn a_member_that_one_request_writes_several_times_has_one_change_for_all_of_them() {
    block_on(async {
        let subject = Subject::new().await;
        let rows = [in_tier(0, "a"), in_tier(1, "a"), in_tier(0, "b"), in_tier(0, "c")];
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
        let rows = [in_tier(0, "d"), with_status(0, Status::Inactive), in_tier(0, "e")];
        let options = UpsertOptions { apply_status: true, ..UpsertOptions::default() };
        subject.upsert(&rows, options, WriteMode::Atomic).await;
        let (changes, end) = subject.history(0).await.unwrap();
        let tier = |member: &Option<Member>| {
            let member = member.as_ref()?;
            Some((member.profile.tier.as_ref()?.as_str().to_owned(), member.status))
        };
        let told: Vec<_> =
            changes.iter().map(|change| (change.kind, tier(&change.before), tier(&change.after))).collect();
        let (c, e) = (Some(("c".to_owned(), Status::Active)), Some(("e".to_owned(), Status::Inactive)));
        assert_eq!(told, [(HistoryKind::Updated, c.clone(), e), (HistoryKind::Created, None, c)]);
        assert_eq!(end, HistoryEnd::Creation);
    });
}

#[test]
fn members_of_another_memberbase_have_histories_of_their_own() {
    block_on(async {
        let first = Subject::new().await;
        let settings = crate::model::samples::unguarded("second");
        let number = first.table.create_base(settings, None).await.unwrap().number;
        let base = first.table.base(number).await.unwrap();
        let (engine, clock) = (Arc::clone(&first.engine), Arc::clone(&first.clock));
        let second = Subject { engine, clock, table: Arc::clone(&first.table), base };
        let revisions = of_tiers(&first, 3).await;
        second.write_row(in_tier(5, "x")).await;
        let (told, _) = first.kinds(0).await.unwrap();
        assert_eq!(told.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), revisions);
        let changes = second.history(0).await.unwrap().0;
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].after.as_ref().unwrap().profile.ref_, Some(ref_of(5)));
    });
}

#[test]
fn a_step_of_a_job_and_a_call_about_one_member_are_changes_like_others() {
    block_on(async {
        let subject = Subject::with(3).await;
        let since = subject.base.view().await.revision();
        let origin = Origin { cause: Cause::Job(8), ..Origin::system(Call::SYNC_MEMBERS) };
        let judging = Judging::Done { left: crate::model::GuardCounts::of_removals(1), of_tiers: Vec::new() };
        let step = StepRequest {
            ops: StepOps::Removals(vec![Row(1)], since.into()),
            judging,
            is_last: true,
            write: Box::new(|_, _| StepWrites::default()),
            origin,
            sight: crate::model::Sight::default(),
        };
        let removed = subject.base.step(step).await.unwrap().revision;
        let (changes, _) = subject.history(1).await.unwrap();
        let newest = &changes[0];
        assert_eq!(
            (newest.revision, newest.kind, newest.origin),
            (removed, HistoryKind::Updated, Some(origin))
        );
        assert_eq!(newest.after.as_ref().unwrap().status, Status::Inactive);
        let key = MemberKey::Row(Row(2));
        let what = EditWhat::Change { key, edit: Edit::Offboard, if_revision: None };
        let (sight, expected) = Default::default();
        let request = EditRequest { what, sight, expected, claim: None, deadline: None, origin };
        subject.base.edit(request).await.unwrap();
        assert_eq!(subject.kinds(2).await.unwrap().0[0], (removed + 1, HistoryKind::Updated));
    });
}
