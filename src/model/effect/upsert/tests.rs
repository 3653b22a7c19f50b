use proptest::prelude::*;

use super::*;
use crate::model::attributes::attribute::AttributeValue;
use crate::model::samples;
use crate::model::value::text::{Ref, Tier};
use crate::model::value::time::Date;

const THEN: Timestamp = Timestamp::MIN;

fn now() -> Timestamp {
    Timestamp::from_micros(1_000_000)
}

fn row(fields: &[(ProfileField, &str)]) -> MemberRow {
    samples::raw_row(fields).parse(Date::new(2026, 1, 1).unwrap(), None).unwrap()
}

fn options(semantics: Semantics, reactivate: bool) -> UpsertOptions {
    UpsertOptions { semantics, reactivate, ..UpsertOptions::default() }
}

fn gold() -> Member {
    let row = row(&[(ProfileField::Ref, "a"), (ProfileField::Tier, "Gold"), (ProfileField::Role, "QA")]);
    let mut member = create(&row, &UpsertOptions::default(), Status::Active, THEN).unwrap();
    member.revision = 5;
    member
}

#[test]
fn a_new_member_needs_a_first_name_only_where_the_options_say_so() {
    let named = UpsertOptions { needs_name: true, ..UpsertOptions::default() };
    let (without, with) = (row(&[(ProfileField::Ref, "a")]), row(&[(ProfileField::FirstName, "Ana")]));
    let cleared = MemberRow {
        patch: MemberPatch { first_name: Change::Clear, ..MemberPatch::default() },
        ..MemberRow::default()
    };
    for (row, options, is_refused) in [
        (&without, &named, true),
        (&cleared, &named, true),
        (&with, &named, false),
        (&without, &UpsertOptions::default(), false),
    ] {
        let created = create(row, options, Status::Active, now());
        let refused = created.err().map(|refusal| (refusal.reason, refusal.violations[0].field.clone()));
        assert_eq!(refused, is_refused.then(|| (Reason::FieldRequired, "first_name".to_owned())));
    }
    let updated = update(&gold(), &without, &named, Status::Active, now()).unwrap();
    assert_eq!(updated, Update::Unchanged);
}

#[test]
fn a_new_member_starts_as_the_row_or_the_base_says() {
    let plain =
        create(&row(&[(ProfileField::Ref, "a")]), &UpsertOptions::default(), Status::Invited, now()).unwrap();
    assert_eq!(plain.status, Status::Invited);
    assert_eq!((plain.created_at, plain.updated_at, plain.revision), (now(), now(), 0));
    assert_eq!(plain.profile.ref_, Some(Ref::from_stored("a".to_owned())));
    for status in Status::ALL {
        let row = MemberRow { status: Some(status), ..MemberRow::default() };
        assert_eq!(create(&row, &UpsertOptions::default(), Status::Invited, now()).unwrap().status, status);
    }
}

#[test]
fn absent_fields_stay_under_merge_and_go_under_replace_but_never_the_ref() {
    let change = row(&[(ProfileField::Tier, "Silver")]);
    let merged = update(&gold(), &change, &options(Semantics::Merge, false), Status::Active, now()).unwrap();
    let Update::Updated(merged) = merged else { panic!("{merged:?}") };
    assert_eq!(merged.profile.tier.as_ref().map(Tier::as_str), Some("Silver"));
    assert!(merged.profile.role.is_some() && merged.profile.ref_.is_some());
    assert_eq!((merged.created_at, merged.updated_at), (THEN, now()));

    let replaced =
        update(&gold(), &change, &options(Semantics::Replace, false), Status::Active, now()).unwrap();
    let Update::Updated(replaced) = replaced else { panic!("{replaced:?}") };
    assert_eq!(replaced.profile.tier.as_ref().map(Tier::as_str), Some("Silver"));
    assert!(replaced.profile.role.is_none() && replaced.profile.ref_.is_some());
    assert_eq!(replaced.status, Status::Active);
}

#[test]
fn a_cleared_field_goes_under_both_semantics() {
    for semantics in [Semantics::Merge, Semantics::Replace] {
        let mut change = MemberRow::default();
        change.patch.clear(ProfileField::Ref);
        let result = update(&gold(), &change, &options(semantics, false), Status::Active, now()).unwrap();
        assert!(matches!(result, Update::Updated(member) if member.profile.ref_.is_none()));
    }
}

#[test]
fn a_status_changes_nothing_on_a_member_that_exists() {
    let row = MemberRow { status: Some(Status::Inactive), ..MemberRow::default() };
    let result = update(&gold(), &row, &options(Semantics::Merge, true), Status::Active, now());
    assert_eq!(result, Ok(Update::Unchanged));
}

#[test]
fn an_inactive_member_is_reactivated_only_on_request() {
    let inactive = Member { status: Status::Inactive, ..gold() };
    let back = |status, reactivate, new_members| {
        let row = MemberRow { status, ..MemberRow::default() };
        match update(&inactive, &row, &options(Semantics::Merge, reactivate), new_members, now()).unwrap() {
            Update::Reactivated(member) => Some((member.status, member.updated_at)),
            Update::Unchanged => None,
            Update::Updated(member) => panic!("{member:?}"),
        }
    };
    assert_eq!(back(None, false, Status::Active), None);
    assert_eq!(back(Some(Status::Active), false, Status::Active), None);
    assert_eq!(back(None, true, Status::Active), Some((Status::Active, now())));
    assert_eq!(back(None, true, Status::Invited), Some((Status::Invited, now())));
    assert_eq!(back(Some(Status::Active), true, Status::Invited), Some((Status::Active, now())));
    assert_eq!(back(Some(Status::Inactive), true, Status::Invited), None);
    let row = row(&[(ProfileField::Tier, "Silver")]);
    let result = update(&inactive, &row, &options(Semantics::Merge, false), Status::Active, now()).unwrap();
    assert!(matches!(result, Update::Updated(member) if member.status == Status::Inactive));
}

#[test]
fn another_revision_is_refused_and_named() {
    let row = |if_revision| MemberRow { if_revision: Some(if_revision), ..MemberRow::default() };
    let on_member = |if_revision| {
        update(&gold(), &row(if_revision), &options(Semantics::Merge, false), Status::Active, now())
    };
    assert_eq!(on_member(5), Ok(Update::Unchanged));
    for wanted in [0, 4, 6] {
        let refusal = on_member(wanted).unwrap_err();
        assert_eq!(refusal.reason, Reason::RevisionMismatch);
        let expected = format!("if_revision: is {wanted}, but the member is at revision 5");
        assert_eq!(refusal.message(), expected);
    }
    assert!(create(&row(0), &UpsertOptions::default(), Status::Active, now()).is_ok());
    let refusal = create(&row(1), &UpsertOptions::default(), Status::Active, now()).unwrap_err();
    assert_eq!(refusal.message(), "if_revision: is 1, but the member does not exist");
}

#[test]
fn attributes_that_a_row_leaves_out_go_when_it_replaces() {
    let mut first = row(&[(ProfileField::Ref, "a")]);
    first.patch.attributes.set("kept", AttributeValue::bool(true)).unwrap();
    let mut both = first.clone();
    both.patch.attributes.set("left_out", AttributeValue::bool(true)).unwrap();
    let member = create(&both, &UpsertOptions::default(), Status::Active, THEN).unwrap();
    let mut replaces_all = first.clone();
    replaces_all.patch.attributes.replace_all = true;
    for (row, semantics, keys) in
        [(&first, Semantics::Merge, 2), (&first, Semantics::Replace, 1), (&replaces_all, Semantics::Merge, 1)]
    {
        let result = update(&member, row, &options(semantics, false), Status::Active, now()).unwrap();
        assert_eq!(after(&member, &result).attributes.len(), keys);
        assert_eq!(result == Update::Unchanged, keys == 2);
    }
}

#[test]
fn a_member_has_at_most_100_attributes() {
    let named = |keys: std::ops::Range<u32>| {
        let mut row = MemberRow::default();
        for key in keys {
            row.patch.attributes.set(format!("k{key}"), AttributeValue::bool(true)).unwrap();
        }
        row
    };
    let full = create(&named(0..100), &UpsertOptions::default(), Status::Active, now()).unwrap();
    let refusal = create(&named(0..101), &UpsertOptions::default(), Status::Active, now()).unwrap_err();
    assert_eq!(refusal.message(), "attributes: must have at most 100 keys, not 101");
    let one_more = named(100..101);
    let refused = update(&full, &one_more, &options(Semantics::Merge, false), Status::Active, now());
    assert_eq!(refused.unwrap_err().reason, Reason::AttributeInvalid);
    let replaced =
        update(&full, &one_more, &options(Semantics::Replace, false), Status::Active, now()).unwrap();
    assert!(matches!(replaced, Update::Updated(member) if member.attributes.len() == 1));
}

/// The member after the update.
fn after(current: &Member, update: &Update) -> Member {
    match update {
        Update::Unchanged => current.clone(),
        Update::Updated(member) | Update::Reactivated(member) => member.clone(),
    }
}

/// The outcome of a row; `None` if its status cannot be applied, which is only so from `active` to `invited`.
fn done_or_no_transition(
    result: Result<Update, RowError>,
    member: &Member,
    row: &MemberRow,
    options: &UpsertOptions,
) -> Option<Update> {
    let to_invited = (member.status, row.status) == (Status::Active, Some(Status::Invited));
    match result {
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::StatusTransition);
            assert!(options.apply_status && to_invited);
            None
        }
        Ok(update) => {
            assert!(!(options.apply_status && to_invited));
            Some(update)
        }
    }
}

proptest! {
    #[test]
    fn a_repeat_changes_nothing(
        member in samples::member(),
        row in samples::row(),
        options in samples::options(),
        new_members in prop_oneof![Just(Status::Active), Just(Status::Invited)],
    ) {
        let first = update(&member, &row, &options, new_members, now());
        let Some(first) = done_or_no_transition(first, &member, &row, &options) else { return Ok(()) };
        let member = after(&member, &first);
        prop_assert_eq!(update(&member, &row, &options, new_members, now()), Ok(Update::Unchanged));
    }

    #[test]
    fn unchanged_means_that_nothing_would_change(
        member in samples::member(),
        row in samples::row(),
        options in samples::options(),
    ) {
        let mut applied = member.clone();
        apply(&mut applied, &row.patch, options.semantics).unwrap();
        let result = update(&member, &row, &options, Status::Active, now());
        let Some(result) = done_or_no_transition(result, &member, &row, &options) else { return Ok(()) };
        let applies = row.status.filter(|_| options.apply_status);
        match &result {
            Update::Unchanged => {
                prop_assert_eq!(&applied, &member);
                prop_assert_eq!(applies.unwrap_or(member.status), member.status);
            }
            Update::Updated(updated) => {
                prop_assert_eq!(updated.status, applies.unwrap_or(member.status));
                prop_assert!(applied != member || updated.status != member.status);
            }
            Update::Reactivated(back) => {
                prop_assert!(options.reactivate || applies.is_some());
                prop_assert_eq!(member.status, Status::Inactive);
                prop_assert_eq!(back.status, row.status.unwrap_or(Status::Active));
            }
        }
        let result = after(&member, &result);
        prop_assert_eq!((&result.profile, &result.attributes), (&applied.profile, &applied.attributes));
        prop_assert_eq!((result.created_at, result.revision), (member.created_at, member.revision));
    }

    #[test]
    fn creating_is_updating_nothing(row in samples::row()) {
        let created = create(&row, &UpsertOptions::default(), Status::Active, now()).unwrap();
        let nothing = Member { created_at: now(), updated_at: now(), ..Member::default() };
        let updated = update(&nothing, &row, &UpsertOptions::default(), Status::Active, now()).unwrap();
        let updated = after(&nothing, &updated);
        prop_assert_eq!((created.profile, created.attributes), (updated.profile, updated.attributes));
    }

    #[test]
    fn replacing_forgets_all_but_the_ref(member in samples::member(), row in samples::row()) {
        let options = options(Semantics::Replace, false);
        let replaced = after(&member, &update(&member, &row, &options, Status::Active, now()).unwrap());
        let mut blank = Member { status: member.status, ..Member::default() };
        blank.profile.ref_ = member.profile.ref_;
        let onto_blank = after(&blank, &update(&blank, &row, &options, Status::Active, now()).unwrap());
        prop_assert_eq!((replaced.profile, replaced.attributes), (onto_blank.profile, onto_blank.attributes));
    }
}

#[test]
fn a_status_that_is_applied_moves_along_the_table_and_takes_the_fields_along() {
    for reactivate in [false, true] {
        let options = UpsertOptions { apply_status: true, ..options(Semantics::Merge, reactivate) };
        for (from, to) in Status::ALL.iter().flat_map(|from| Status::ALL.map(|to| (*from, to))) {
            let current = Member { status: from, ..gold() };
            let row = MemberRow { status: Some(to), ..row(&[(ProfileField::Tier, "Silver")]) };
            let update = update(&current, &row, &options, Status::Active, now());
            match (from, to) {
                (Status::Active, Status::Invited) => {
                    assert_eq!(update.unwrap_err().reason, Reason::StatusTransition);
                    continue;
                }
                (Status::Inactive, Status::Active | Status::Invited) => {
                    assert!(matches!(update, Ok(Update::Reactivated(_))));
                }
                _ => assert!(matches!(update, Ok(Update::Updated(_)))),
            }
            let (Update::Updated(member) | Update::Reactivated(member)) = update.unwrap() else { panic!() };
            assert_eq!((member.status, member.updated_at), (to, now()));
            assert_eq!(member.profile.tier.as_ref().map(Tier::as_str), Some("Silver"));
            assert!(!keeps_status(&member, &row));
        }
    }
}

#[test]
fn a_status_that_is_not_applied_is_left_and_reported() {
    let silent = MemberRow::default();
    let loud = MemberRow { status: Some(Status::Inactive), ..MemberRow::default() };
    let options = options(Semantics::Merge, false);
    assert_eq!(update(&gold(), &loud, &options, Status::Active, now()), Ok(Update::Unchanged));
    assert!(keeps_status(&gold(), &loud) && !keeps_status(&gold(), &silent));
    let applied = UpsertOptions { apply_status: true, ..options };
    assert_eq!(update(&gold(), &silent, &applied, Status::Active, now()), Ok(Update::Unchanged));
}
