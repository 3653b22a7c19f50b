//! Changes of one member: the calls that invite, correct, replace, offboard or bring back a single member.
//!
//! Rows of bulk calls follow the system that owns the list, and may change every field. Calls about one
//! member are stricter: they do not change the e-mail address of a member who accepted the invitation sent to
//! it, and the status changes only as the table in [`crate::model::lifecycle`] allows. As for rows,
//! uniqueness and the size of the stored member are checked elsewhere.

use crate::model::attributes::schema::AttributeSchema;
use crate::model::contact::email::Fold;
use crate::model::effect::mask::Mask;
use crate::model::effect::rename::Rename;
use crate::model::effect::upsert::{self, Update};
use crate::model::membership::lifecycle::{Action, transition};
use crate::model::membership::member::{Member, Status};
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::row::change::Change;
use crate::model::row::input::MemberRow;
use crate::model::row::match_by::Semantics;
use crate::model::row::patch::MemberPatch;
use crate::model::value::time::Timestamp;

/// A change of a member that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Changes the fields that the row names; the others and the status stay.
    Update(Box<MemberRow>),
    /// The same, with a mask that says which fields the row is about.
    UpdateMasked(Box<MemberRow>, Mask),
    /// Replaces the whole member, except the `ref`, by the row; an inactive member comes back.
    Replace(Box<MemberRow>),
    /// Like a replacement, but fields that the row does not name stay: for callers that do not know every
    /// field.
    Rewrite(Box<MemberRow>),
    /// The member gets another `ref`.
    Rename(Box<Rename>),
    /// The member accepts the invitation. A repeat changes nothing.
    Activate,
    /// The member leaves. A repeat changes nothing.
    Offboard,
}

impl Edit {
    /// What the edit does to fields that it does not name.
    pub fn semantics(&self) -> Semantics {
        match self {
            Self::Replace(_) => Semantics::Replace,
            Self::Update(_)
            | Self::UpdateMasked(..)
            | Self::Rewrite(_)
            | Self::Rename(_)
            | Self::Activate
            | Self::Offboard => Semantics::Merge,
        }
    }

    /// The fields that the edit writes, with their new values.
    pub fn patch(&self) -> Option<&MemberPatch> {
        match self {
            Self::Update(row) | Self::UpdateMasked(row, _) | Self::Replace(row) | Self::Rewrite(row) => {
                Some(&row.patch)
            }
            Self::Rename(rename) => Some(rename.patch()),
            Self::Activate | Self::Offboard => None,
        }
    }
}

/// What `edit` does to `current`. `new_members` is the status of a member that comes back, unless the row
/// names one; `schema` is the memberbase's; `fold` decides which addresses are equal.
pub fn edit(
    current: &Member,
    edit: &Edit,
    if_revision: Option<u64>,
    new_members: Status,
    schema: Option<&AttributeSchema>,
    fold: Fold,
    now: Timestamp,
) -> Result<Update, Refusal> {
    upsert::check_revision(current, if_revision)?;
    if let Edit::UpdateMasked(row, mask) = edit {
        mask.check_removals(&row.patch, current, schema)?;
    }
    match edit {
        Edit::Update(row) | Edit::UpdateMasked(row, _) => {
            check_email(current, &row.patch, fold, &[Status::Invited])?;
            upsert::patch(current, &row.patch, Semantics::Merge, now)
        }
        Edit::Replace(row) | Edit::Rewrite(row) => {
            replace(current, row, edit.semantics(), new_members, fold, now)
        }
        Edit::Rename(rename) => rename.apply(current, now),
        Edit::Activate => step(current, Action::Activate, Status::Active, now),
        Edit::Offboard => step(current, Action::Offboard, Status::Inactive, now),
    }
}

/// Writes new values to a member, which comes back if it is inactive.
fn replace(
    current: &Member,
    row: &MemberRow,
    semantics: Semantics,
    new_members: Status,
    fold: Fold,
    now: Timestamp,
) -> Result<Update, Refusal> {
    check_email(current, &row.patch, fold, &[Status::Invited, Status::Inactive])?;
    if current.status == Status::Inactive {
        upsert::revive(current, row, semantics, row.first_status(new_members), now)
    } else {
        upsert::patch(current, &row.patch, semantics, now)
    }
}

/// Changes only the status.
fn step(current: &Member, action: Action, done: Status, now: Timestamp) -> Result<Update, Refusal> {
    if current.status == done {
        return Ok(Update::Unchanged);
    }
    transition(action, current.status, done)?;
    Ok(Update::Updated(Member { status: done, updated_at: now, ..current.clone() }))
}

/// Refuses to change or clear the e-mail address of a member whose status is not in `allowed`. An address
/// that is equal when folded counts as the same.
fn check_email(current: &Member, patch: &MemberPatch, fold: Fold, allowed: &[Status]) -> Result<(), Refusal> {
    let Some(email) = &current.profile.email else { return Ok(()) };
    let stays = match &patch.email {
        Change::Keep => true,
        Change::Clear => false,
        Change::Set(new) => new.folded(fold) == email.folded(fold),
    };
    if stays || allowed.contains(&current.status) {
        return Ok(());
    }
    let description = format!("cannot change while the member is {}", current.status);
    Err(Refusal::field(Reason::EmailFixed, "email", description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Email, Name, Ref};

    const LATER: Timestamp = Timestamp::MAX;

    fn member(status: Status) -> Member {
        let mut member = Member { status, revision: 7, ..Member::default() };
        member.profile.ref_ = Some(Ref::parse("a".to_owned()).unwrap());
        member.profile.email = Some(email("Ana@Example.com"));
        member.profile.company = Some(Name::parse("Old".to_owned()).unwrap());
        member
    }

    fn email(text: &str) -> Email {
        Email::parse(text.to_owned()).unwrap()
    }

    fn row(change: impl FnOnce(&mut MemberPatch)) -> Box<MemberRow> {
        let mut row = Box::<MemberRow>::default();
        row.patch.email = Change::Set(email("Ana@Example.com"));
        change(&mut row.patch);
        row
    }

    fn on(status: Status, what: &Edit) -> Result<Update, Reason> {
        edit(&member(status), what, None, Status::Invited, None, Fold::NEWEST, LATER)
            .map_err(|refusal| refusal.reason)
    }

    fn status_after(result: Result<Update, Reason>) -> Result<Option<Status>, Reason> {
        result.map(|update| match update {
            Update::Unchanged => None,
            Update::Updated(member) | Update::Reactivated(member) => Some(member.status),
        })
    }

    #[test]
    fn each_call_moves_the_status_as_the_table_says_and_repeats_change_nothing() {
        use Status::{Active, Inactive, Invited};
        let refused = Err(Reason::StatusTransition);
        let replace = Edit::Replace(row(|_| {}));
        let update = Edit::Update(row(|patch| patch.company = Change::Clear));
        for (what, expected) in [
            (Edit::Activate, [Ok(Some(Active)), Ok(None), refused]),
            (Edit::Offboard, [Ok(Some(Inactive)), Ok(Some(Inactive)), Ok(None)]),
            (replace, [Ok(Some(Invited)), Ok(Some(Active)), Ok(Some(Invited))]),
            (update, [Ok(Some(Invited)), Ok(Some(Active)), Ok(Some(Inactive))]),
        ] {
            let after = [Invited, Active, Inactive].map(|status| status_after(on(status, &what)));
            assert_eq!(after, expected, "{what:?}");
        }
    }

    #[test]
    fn another_address_is_accepted_only_before_the_invitation_is() {
        use Status::{Active, Inactive, Invited};
        for (change, is_other) in [
            (Change::Set(email("new@example.com")), true),
            (Change::Clear, true),
            (Change::Set(email("ANA@example.com")), false),
            (Change::Keep, false),
        ] {
            let fixed = |status, what: &Edit| on(status, what) == Err(Reason::EmailFixed);
            let update = Edit::Update(row(|patch| patch.email = change.clone()));
            let replaced =
                if change.is_keep() { Change::Set(email("ana@example.com")) } else { change.clone() };
            let replace = Edit::Replace(row(|patch| patch.email = replaced));
            assert_eq!(
                [Invited, Active, Inactive].map(|status| fixed(status, &update)),
                [false, is_other, is_other]
            );
            assert_eq!(
                [Invited, Active, Inactive].map(|status| fixed(status, &replace)),
                [false, is_other, false]
            );
        }
    }

    #[test]
    fn a_replacement_is_the_whole_member_except_the_ref() {
        let Ok(Update::Updated(after)) = on(Status::Active, &Edit::Replace(row(|_| {}))) else { panic!() };
        assert_eq!((after.profile.company, after.profile.ref_.is_some()), (None, true));
        let same =
            Edit::Replace(row(|patch| patch.company = Change::Set(Name::parse("Old".to_owned()).unwrap())));
        assert_eq!(on(Status::Active, &same), Ok(Update::Unchanged));
        assert!(matches!(on(Status::Inactive, &same), Ok(Update::Reactivated(_))));
    }

    #[test]
    fn a_rewrite_leaves_fields_that_it_does_not_name_and_brings_back_an_inactive_member() {
        let rewrite = Edit::Rewrite(row(|_| {}));
        assert_eq!(on(Status::Active, &rewrite), Ok(Update::Unchanged));
        let Ok(Update::Reactivated(back)) = on(Status::Inactive, &rewrite) else { panic!() };
        assert_eq!((back.profile.company.is_some(), back.status), (true, Status::Invited));
        let clear = Edit::Rewrite(row(|patch| patch.company = Change::Clear));
        let Ok(Update::Updated(after)) = on(Status::Active, &clear) else { panic!() };
        assert_eq!(after.profile.company, None);
        let other = Edit::Rewrite(row(|patch| patch.email = Change::Set(email("new@example.com"))));
        assert_eq!(on(Status::Active, &other), Err(Reason::EmailFixed));
    }

    #[test]
    fn an_edit_of_another_revision_is_refused_before_anything_else() {
        let refusal = edit(
            &member(Status::Active),
            &Edit::Activate,
            Some(6),
            Status::Active,
            None,
            Fold::NEWEST,
            LATER,
        )
        .unwrap_err();
        assert_eq!(refusal.reason, Reason::RevisionMismatch);
        assert!(
            edit(
                &member(Status::Active),
                &Edit::Activate,
                Some(7),
                Status::Active,
                None,
                Fold::NEWEST,
                LATER
            )
            .is_ok()
        );
    }
}
