//! What a row does to a member: pure rules about one member at a time.
//!
//! Other code checks what needs more than the member: the uniqueness of keys, the tiers of a memberbase, and
//! the size of the stored member. The commit sets the revision.

use crate::model::limits::ATTRIBUTES_MAX_KEYS;
use crate::model::membership::lifecycle::{Action, transition};
use crate::model::membership::member::{Member, Profile, Status};
use crate::model::refusal::error::{Reason, Refusal, RowError};
use crate::model::row::change::Change;
use crate::model::row::field::ProfileField;
use crate::model::row::input::{MemberRow, UpsertOptions};
use crate::model::row::match_by::Semantics;
use crate::model::row::patch::MemberPatch;
use crate::model::value::time::Timestamp;

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The row created a member.
    Created,
    /// The row changed a member.
    Updated,
    /// The member already had these values; nothing was written.
    Unchanged,
    /// The row brought an inactive member back.
    Reactivated,
    /// The row was refused.
    Failed,
}

/// What a row does to a member that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Nothing.
    Unchanged,
    /// The member becomes this.
    Updated(Member),
    /// The inactive member is reactivated and becomes this.
    Reactivated(Member),
}

/// The member that `row` creates, at revision 0 until the commit sets one. If the row names no status, the
/// member starts with the status of its account elsewhere or with `new_members`.
pub fn create(
    row: &MemberRow,
    options: &UpsertOptions,
    new_members: Status,
    now: Timestamp,
) -> Result<Member, RowError> {
    if options.needs_name && row.patch.first_name.as_set().is_none() {
        let (reason, field) = (Reason::FieldRequired, ProfileField::FirstName.as_str());
        return Err(Refusal::field(reason, field, "is required for a new member"));
    }
    if let Some(wanted) = row.if_revision.filter(|revision| *revision != 0) {
        return Err(mismatch(format!("is {wanted}, but the member does not exist")));
    }
    let mut member = Member {
        status: row.first_status(new_members),
        created_at: now,
        updated_at: now,
        ..Member::default()
    };
    apply(&mut member, &row.patch, Semantics::Merge)?;
    Ok(member)
}

/// What `row` does to `current`. The status of the row has an effect only if the member comes back, or if the
/// options apply it.
pub fn update(
    current: &Member,
    row: &MemberRow,
    options: &UpsertOptions,
    new_members: Status,
    now: Timestamp,
) -> Result<Update, RowError> {
    check_revision(current, row.if_revision)?;
    if let Some(wanted) = row.status.filter(|wanted| options.apply_status && *wanted != current.status) {
        return change_status(current, row, options.semantics, wanted, now);
    }
    let wanted = row.first_status(new_members);
    let comes_back = options.reactivate && current.status == Status::Inactive && wanted != Status::Inactive;
    if comes_back {
        revive(current, row, options.semantics, wanted, now)
    } else {
        patch(current, &row.patch, options.semantics, now)
    }
}

/// Whether `row` names a status that `member` does not have after the row was applied.
pub fn keeps_status(member: &Member, row: &MemberRow) -> bool {
    row.status.is_some_and(|wanted| wanted != member.status)
}

/// Gives `current` the fields of a row and the status `wanted`, which differs from the present one.
fn change_status(
    current: &Member,
    row: &MemberRow,
    semantics: Semantics,
    wanted: Status,
    now: Timestamp,
) -> Result<Update, RowError> {
    let action = Action::towards(current.status, wanted);
    transition(action, current.status, wanted)?;
    let mut member = Member { status: wanted, updated_at: now, ..current.clone() };
    apply(&mut member, &row.patch, semantics)?;
    Ok(if action == Action::Reactivate { Update::Reactivated(member) } else { Update::Updated(member) })
}

/// What `patch` does to `current`, whose status stays.
pub fn patch(
    current: &Member,
    patch: &MemberPatch,
    semantics: Semantics,
    now: Timestamp,
) -> Result<Update, RowError> {
    if !changes(current, patch, semantics) {
        return Ok(Update::Unchanged);
    }
    let mut member = Member { updated_at: now, ..current.clone() };
    apply(&mut member, patch, semantics)?;
    Ok(Update::Updated(member))
}

/// Brings the inactive member `current` back, with the fields of a row and the status `wanted`.
pub fn revive(
    current: &Member,
    row: &MemberRow,
    semantics: Semantics,
    wanted: Status,
    now: Timestamp,
) -> Result<Update, RowError> {
    check_revision(current, row.if_revision)?;
    transition(Action::Reactivate, current.status, wanted)?;
    let mut member = Member { status: wanted, updated_at: now, ..current.clone() };
    apply(&mut member, &row.patch, semantics)?;
    Ok(Update::Reactivated(member))
}

/// Refuses a write that requires another revision of the member.
pub fn check_revision(current: &Member, if_revision: Option<u64>) -> Result<(), Refusal> {
    match if_revision.filter(|revision| *revision != current.revision) {
        Some(wanted) => {
            Err(mismatch(format!("is {wanted}, but the member is at revision {}", current.revision)))
        }
        None => Ok(()),
    }
}

fn mismatch(description: String) -> RowError {
    Refusal::field(Reason::RevisionMismatch, "if_revision", description)
}

/// Calls `$step` with each field of a profile, its change and the semantics, and joins the calls by `$join`.
/// The pattern names every field, so the compiler finds one that is missing here.
macro_rules! each_field {
    ($step:ident $join:tt $profile:expr, $patch:expr, $semantics:expr) => {{
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
        } = $profile;
        let (patch, semantics): (&MemberPatch, Semantics) = ($patch, $semantics);
        // A row never removes a `ref` by not naming it.
        $step(ref_, &patch.ref_, Semantics::Merge)
            $join $step(email, &patch.email, semantics)
            $join $step(first_name, &patch.first_name, semantics)
            $join $step(last_name, &patch.last_name, semantics)
            $join $step(phone, &patch.phone, semantics)
            $join $step(worker_id, &patch.worker_id, semantics)
            $join $step(tier, &patch.tier, semantics)
            $join $step(dob, &patch.dob, semantics)
            $join $step(gender, &patch.gender, semantics)
            $join $step(role, &patch.role, semantics)
            $join $step(company, &patch.company, semantics)
            $join $step(enable_payroll, &patch.enable_payroll, semantics)
            $join $step(account_details, &patch.account_details, semantics)
    }};
}

/// Whether `patch` changes anything in `member`; copies nothing.
fn changes(member: &Member, patch: &MemberPatch, semantics: Semantics) -> bool {
    fn differs<T: PartialEq>(value: &Option<T>, change: &Change<T>, semantics: Semantics) -> bool {
        match (change, semantics) {
            (Change::Keep, Semantics::Merge) => false,
            (Change::Keep, Semantics::Replace) | (Change::Clear, _) => value.is_some(),
            (Change::Set(new), _) => value.as_ref() != Some(new),
        }
    }
    each_field!(differs || &member.profile, patch, semantics) || attributes_change(member, patch, semantics)
}

fn attributes_change(member: &Member, patch: &MemberPatch, semantics: Semantics) -> bool {
    let patch = &patch.attributes;
    let named_change = patch.iter().any(|(key, value)| match (member.attributes.get(key), value) {
        (Some(stored), Some(sent)) => !stored.is_sent_as(sent),
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    });
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
    each_field!(set ; &mut member.profile, patch, semantics);
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
mod tests;
