//! What a row does to a member: pure rules, judged one member at a time.
//!
//! Not here, because they need more than the member: uniqueness of keys, the tiers of a base, the size of the stored
//! record, and the revision, which the commit gives.

use crate::model::error::{Reason, Refusal, RowError};
use crate::model::input::{Change, MemberPatch, MemberRow, Semantics, UpsertOptions};
use crate::model::lifecycle::{Action, transition};
use crate::model::limits::ATTRIBUTES_MAX_KEYS;
use crate::model::member::{Member, Profile, Status};
use crate::model::time::Timestamp;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It made a member.
    Created,
    /// It changed a member.
    Updated,
    /// The member was that way already; nothing was written.
    Unchanged,
    /// It brought an inactive member back.
    Reactivated,
    /// It was refused.
    Failed,
}

/// What a row does to a member that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Nothing.
    Unchanged,
    /// The member becomes this.
    Updated(Member),
    /// The member comes back as this.
    Reactivated(Member),
}

/// The member that `row` creates, at revision 0 until its commit has one. Without a status of its own it starts as
/// `new_members` says.
pub fn create(row: &MemberRow, new_members: Status, now: Timestamp) -> Result<Member, RowError> {
    if let Some(wanted) = row.if_revision.filter(|revision| *revision != 0) {
        return Err(mismatch(format!("is {wanted}, but there is no such member")));
    }
    let mut member = Member {
        status: row.status.unwrap_or(new_members),
        created_at: now,
        updated_at: now,
        ..Member::default()
    };
    apply(&mut member, &row.patch, Semantics::Merge)?;
    Ok(member)
}

/// What `row` does to `current`. The row's status counts only if the member comes back.
pub fn update(
    current: &Member,
    row: &MemberRow,
    options: &UpsertOptions,
    new_members: Status,
    now: Timestamp,
) -> Result<Update, RowError> {
    if let Some(wanted) = row.if_revision.filter(|revision| *revision != current.revision) {
        return Err(mismatch(format!("is {wanted}, but the member is at revision {}", current.revision)));
    }
    let wanted = row.status.unwrap_or(new_members);
    let comes_back = options.reactivate && current.status == Status::Inactive && wanted != Status::Inactive;
    if !comes_back && !changes(current, &row.patch, options.semantics) {
        return Ok(Update::Unchanged);
    }
    let mut member = current.clone();
    apply(&mut member, &row.patch, options.semantics)?;
    member.updated_at = now;
    if comes_back {
        member.status = transition(Action::Reactivate, current.status, wanted)?;
        return Ok(Update::Reactivated(member));
    }
    Ok(Update::Updated(member))
}

fn mismatch(description: String) -> RowError {
    Refusal::field(Reason::RevisionMismatch, "if_revision", description)
}

/// Whether `patch` leaves anything of `member` different; copies nothing.
fn changes(member: &Member, patch: &MemberPatch, semantics: Semantics) -> bool {
    fn differs<T: PartialEq>(value: &Option<T>, change: &Change<T>, semantics: Semantics) -> bool {
        match (change, semantics) {
            (Change::Keep, Semantics::Merge) => false,
            (Change::Keep, Semantics::Replace) | (Change::Clear, _) => value.is_some(),
            (Change::Set(new), _) => value.as_ref() != Some(new),
        }
    }
    let Profile {
        ref_,
        email,
        first_name,
        last_name,
        phone,
        worker_id,
        tier,
        dob,
        gender,
        role,
        company,
        enable_payroll,
        account_details,
    } = &member.profile;
    // No row takes a `ref` away by its silence.
    differs(ref_, &patch.ref_, Semantics::Merge)
        || differs(email, &patch.email, semantics)
        || differs(first_name, &patch.first_name, semantics)
        || differs(last_name, &patch.last_name, semantics)
        || differs(phone, &patch.phone, semantics)
        || differs(worker_id, &patch.worker_id, semantics)
        || differs(tier, &patch.tier, semantics)
        || differs(dob, &patch.dob, semantics)
        || differs(gender, &patch.gender, semantics)
        || differs(role, &patch.role, semantics)
        || differs(company, &patch.company, semantics)
        || differs(enable_payroll, &patch.enable_payroll, semantics)
        || differs(account_details, &patch.account_details, semantics)
        || attributes_change(member, patch, semantics)
}

fn attributes_change(member: &Member, patch: &MemberPatch, semantics: Semantics) -> bool {
    let patch = &patch.attributes;
    let named_change = patch.iter().any(|(key, value)| member.attributes.get(key) != value);
    let replaces_all = patch.replace_all || semantics == Semantics::Replace;
    let kept = patch.iter().filter(|(_, value)| value.is_some()).count();
    named_change || (replaces_all && kept != member.attributes.len())
}

fn apply(member: &mut Member, patch: &MemberPatch, semantics: Semantics) -> Result<(), RowError> {
    fn set<T: Clone>(value: &mut Option<T>, change: &Change<T>, semantics: Semantics) {
        match (change, semantics) {
            (Change::Keep, Semantics::Merge) => {}
            (Change::Keep, Semantics::Replace) | (Change::Clear, _) => *value = None,
            (Change::Set(new), _) => *value = Some(new.clone()),
        }
    }
    let Profile {
        ref_,
        email,
        first_name,
        last_name,
        phone,
        worker_id,
        tier,
        dob,
        gender,
        role,
        company,
        enable_payroll,
        account_details,
    } = &mut member.profile;
    // No row takes a `ref` away by its silence.
    set(ref_, &patch.ref_, Semantics::Merge);
    set(email, &patch.email, semantics);
    set(first_name, &patch.first_name, semantics);
    set(last_name, &patch.last_name, semantics);
    set(phone, &patch.phone, semantics);
    set(worker_id, &patch.worker_id, semantics);
    set(tier, &patch.tier, semantics);
    set(dob, &patch.dob, semantics);
    set(gender, &patch.gender, semantics);
    set(role, &patch.role, semantics);
    set(company, &patch.company, semantics);
    set(enable_payroll, &patch.enable_payroll, semantics);
    set(account_details, &patch.account_details, semantics);
    apply_attributes(member, patch, semantics)
}

fn apply_attributes(member: &mut Member, patch: &MemberPatch, semantics: Semantics) -> Result<(), RowError> {
    let replaces_all = patch.attributes.replace_all || semantics == Semantics::Replace;
    if patch.attributes.is_empty() && !replaces_all {
        return Ok(());
    }
    let attributes = member.attributes.patched(&patch.attributes, replaces_all);
    if attributes.len() > ATTRIBUTES_MAX_KEYS {
        let description = format!("must have at most {ATTRIBUTES_MAX_KEYS} keys, not {}", attributes.len());
        return Err(Refusal::field(Reason::AttributeInvalid, "attributes", description));
    }
    member.attributes = attributes;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::attribute::AttributeValue;
    use crate::model::field::ProfileField;
    use crate::model::input::MatchBy;
    use crate::model::samples;
    use crate::model::text::{Ref, Tier};
    use crate::model::time::Date;

    const THEN: Timestamp = Timestamp::MIN;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_000_000)
    }

    fn row(fields: &[(ProfileField, &str)]) -> MemberRow {
        let mut row = MemberRow::default();
        for (field, text) in fields {
            row.patch.set_text(*field, (*text).to_owned(), Date::new(2026, 1, 1).unwrap()).unwrap();
        }
        row
    }

    fn options(semantics: Semantics, reactivate: bool) -> UpsertOptions {
        UpsertOptions { match_by: MatchBy::Ref, semantics, reactivate }
    }

    fn gold() -> Member {
        let row = row(&[(ProfileField::Ref, "a"), (ProfileField::Tier, "Gold"), (ProfileField::Role, "QA")]);
        let mut member = create(&row, Status::Active, THEN).unwrap();
        member.revision = 5;
        member
    }

    #[test]
    fn a_new_member_starts_as_the_row_or_the_base_says() {
        let plain = create(&row(&[(ProfileField::Ref, "a")]), Status::Invited, now()).unwrap();
        assert_eq!(plain.status, Status::Invited);
        assert_eq!((plain.created_at, plain.updated_at, plain.revision), (now(), now(), 0));
        assert_eq!(plain.profile.ref_, Some(Ref::from_stored("a".to_owned())));
        for status in Status::ALL {
            let row = MemberRow { status: Some(status), ..MemberRow::default() };
            assert_eq!(create(&row, Status::Invited, now()).unwrap().status, status);
        }
    }

    #[test]
    fn absent_fields_stay_under_merge_and_go_under_replace_but_never_the_ref() {
        let change = row(&[(ProfileField::Tier, "Silver")]);
        let merged =
            update(&gold(), &change, &options(Semantics::Merge, false), Status::Active, now()).unwrap();
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
    fn an_inactive_member_comes_back_only_when_asked_for() {
        let inactive = Member { status: Status::Inactive, ..gold() };
        let back = |status, reactivate, new_members| {
            let row = MemberRow { status, ..MemberRow::default() };
            match update(&inactive, &row, &options(Semantics::Merge, reactivate), new_members, now()).unwrap()
            {
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
        let result =
            update(&inactive, &row, &options(Semantics::Merge, false), Status::Active, now()).unwrap();
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
        assert!(create(&row(0), Status::Active, now()).is_ok());
        let refusal = create(&row(1), Status::Active, now()).unwrap_err();
        assert_eq!(refusal.message(), "if_revision: is 1, but there is no such member");
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
        let full = create(&named(0..100), Status::Active, now()).unwrap();
        let refusal = create(&named(0..101), Status::Active, now()).unwrap_err();
        assert_eq!(refusal.message(), "attributes: must have at most 100 keys, not 101");
        let one_more = named(100..101);
        let refused = update(&full, &one_more, &options(Semantics::Merge, false), Status::Active, now());
        assert_eq!(refused.unwrap_err().reason, Reason::AttributeInvalid);
        let replaced =
            update(&full, &one_more, &options(Semantics::Replace, false), Status::Active, now()).unwrap();
        assert!(matches!(replaced, Update::Updated(member) if member.attributes.len() == 1));
    }

    /// What the update leaves of the member.
    fn after(current: &Member, update: &Update) -> Member {
        match update {
            Update::Unchanged => current.clone(),
            Update::Updated(member) | Update::Reactivated(member) => member.clone(),
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
            let first = update(&member, &row, &options, new_members, now()).unwrap();
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
            let result = update(&member, &row, &options, Status::Active, now()).unwrap();
            match &result {
                Update::Unchanged => prop_assert_eq!(&applied, &member),
                Update::Updated(updated) => {
                    prop_assert_ne!(&applied, &member);
                    prop_assert_eq!(updated.status, member.status);
                }
                Update::Reactivated(back) => {
                    prop_assert!(options.reactivate && member.status == Status::Inactive);
                    prop_assert_eq!(back.status, row.status.unwrap_or(Status::Active));
                }
            }
            let result = after(&member, &result);
            prop_assert_eq!((&result.profile, &result.attributes), (&applied.profile, &applied.attributes));
            prop_assert_eq!((result.created_at, result.revision), (member.created_at, member.revision));
        }

        #[test]
        fn creating_is_updating_nothing(row in samples::row()) {
            let created = create(&row, Status::Active, now()).unwrap();
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
}
