//! Calls about one member.

use std::time::Instant;

use tonic::Status;

use super::idempotency::{Made, with_request_id};
use crate::api::error;
use crate::api::grpc::convert::key::one_key;
use crate::api::grpc::convert::member::ToWire;
use crate::api::grpc::convert::outcome::to_wire;
use crate::api::grpc::convert::{guard, input};
use crate::api::grpc::v1;
use crate::directory::{Directory, EditedMember, Error, Expected, Selector};
use crate::model::limits::{REF_ALIAS_DAYS, REF_ALIAS_MAX_DAYS};
use crate::model::mask::Mask;
use crate::model::{BaseNumber, Edit, MemberRow, Reason, Ref, Refusal, Rename, Violations};

/// A day, in microseconds.
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// `CreateMember`.
pub async fn create(
    directory: Directory,
    mut request: v1::CreateMemberRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::CreateMemberResponse>, Status> {
    let directory = with_request_id(directory, &mut request).await?;
    let directory = expecting(directory, request.expect)?;
    let base = directory.base_number(&request.member_base_id, "member_base_id")?;
    let row = row(&directory, request.member)?;
    let made = directory.create_member(base, row, request.reactivate, deadline).await;
    let (member, outcome, revision) = edited(&directory, base, made, "member")?;
    Ok(Made::new(&directory, v1::CreateMemberResponse { member, outcome, revision }))
}

/// The service for a request that is meant to change so much.
fn expecting(directory: Directory, expect: Option<v1::GuardExpectation>) -> Result<Directory, Status> {
    let expected = guard::expected(expect, None).map_err(|refusal| error::refused(&refusal))?;
    Ok(directory.expecting(expected))
}

/// `UpdateMember`.
pub async fn update(
    directory: Directory,
    mut request: v1::UpdateMemberRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::UpdateMemberResponse>, Status> {
    let directory = with_request_id(directory, &mut request).await?;
    let directory = expecting(directory, request.expect)?;
    let paths = request.update_mask.unwrap_or_default().paths;
    let mask = Mask::parse(&paths).map_err(|refusal| error::refused(&refusal))?;
    let mut member = request.member.unwrap_or_default();
    if let Some(mask) = &mask {
        member = input::masked(member, mask);
    }
    let mut row = row(&directory, Some(member))?;
    if row.status.is_some() {
        let text = "cannot be set by this call; use ActivateMember, OffboardMember or ReplaceMember";
        return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "member.status", text)));
    }
    let if_revision = row.if_revision;
    let edit = match mask {
        None => Edit::Update(Box::new(row)),
        Some(mask) => {
            row.patch = mask.apply(row.patch).map_err(|refusal| error::refused(&refusal))?;
            Edit::UpdateMasked(Box::new(row), mask)
        }
    };
    let change = Change { edit, if_revision, deadline };
    let (member, outcome, revision) = apply(&directory, &request.member_base_id, request.key, change).await?;
    Ok(Made::new(&directory, v1::UpdateMemberResponse { member, outcome, revision }))
}

/// `ReplaceMember`.
pub async fn replace(
    directory: Directory,
    mut request: v1::ReplaceMemberRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::ReplaceMemberResponse>, Status> {
    let directory = with_request_id(directory, &mut request).await?;
    let directory = expecting(directory, request.expect)?;
    let row = row(&directory, request.member)?;
    let if_revision = row.if_revision;
    let change = Change { edit: Edit::Replace(Box::new(row)), if_revision, deadline };
    let (member, outcome, revision) = apply(&directory, &request.member_base_id, request.key, change).await?;
    Ok(Made::new(&directory, v1::ReplaceMemberResponse { member, outcome, revision }))
}

/// `RenameMember`.
pub async fn rename(
    directory: Directory,
    mut request: v1::RenameMemberRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::RenameMemberResponse>, Status> {
    let directory = with_request_id(directory, &mut request).await?;
    let edit = parse_rename(request.r#ref, request.alias_for);
    let edit = edit.map_err(|refusal| error::refused(&refusal))?;
    let change = Change { edit, if_revision: request.if_revision, deadline };
    let (member, outcome, revision) = apply(&directory, &request.member_base_id, request.key, change).await?;
    Ok(Made::new(&directory, v1::RenameMemberResponse { member, outcome, revision }))
}

fn parse_rename(text: String, alias_for: Option<prost_types::Duration>) -> Result<Edit, Refusal> {
    let mut faults = Violations::default();
    let new = if text.is_empty() {
        faults.add(Reason::FieldRequired, "ref", "is required");
        None
    } else {
        faults.check("ref", Ref::parse(text))
    };
    let micros = match alias_for {
        None => Ok(REF_ALIAS_DAYS * DAY_MICROS),
        Some(given) => alias_micros(given),
    };
    let micros = micros.map_err(|text| faults.add(Reason::FieldInvalid, "alias_for", text)).ok();
    let edit = new.zip(micros).map(|(new, micros)| Edit::Rename(Box::new(Rename::new(new, micros))));
    // Without an edit, a fault was noted.
    faults.finish(edit.unwrap_or(Edit::Activate))
}

/// How long a former ref leads to its member; otherwise what is wrong with that.
fn alias_micros(given: prost_types::Duration) -> Result<i64, String> {
    if !(0..1_000_000_000).contains(&given.nanos) {
        return Err("must be a duration whose nanos are from 0 to 999999999".to_owned());
    }
    let micros = given.seconds.checked_mul(1_000_000);
    let micros = micros.and_then(|micros| micros.checked_add(i64::from(given.nanos / 1_000)));
    let micros = micros.filter(|micros| (0..=REF_ALIAS_MAX_DAYS * DAY_MICROS).contains(micros));
    micros.ok_or_else(|| format!("must be from 0 to {REF_ALIAS_MAX_DAYS} days"))
}

/// `ActivateMember`.
pub async fn activate(
    directory: Directory,
    mut request: v1::ActivateMemberRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::ActivateMemberResponse>, Status> {
    let directory = with_request_id(directory, &mut request).await?;
    let change = Change { edit: Edit::Activate, if_revision: request.if_revision, deadline };
    let (member, outcome, revision) = apply(&directory, &request.member_base_id, request.key, change).await?;
    Ok(Made::new(&directory, v1::ActivateMemberResponse { member, outcome, revision }))
}

/// `OffboardMember`.
pub async fn offboard(
    directory: Directory,
    mut request: v1::OffboardMemberRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::OffboardMemberResponse>, Status> {
    let directory = with_request_id(directory, &mut request).await?;
    let directory = directory.expecting(Expected::removals(request.expect_removals));
    let change = Change { edit: Edit::Offboard, if_revision: request.if_revision, deadline };
    let (member, outcome, revision) = apply(&directory, &request.member_base_id, request.key, change).await?;
    Ok(Made::new(&directory, v1::OffboardMemberResponse { member, outcome, revision }))
}

/// The content of every reply: the member, the number of the outcome, and the revision.
type Edited = (Option<v1::Member>, i32, u64);

/// A change of a member that exists.
struct Change {
    edit: Edit,
    if_revision: Option<u64>,
    deadline: Option<Instant>,
}

async fn apply(
    directory: &Directory,
    member_base_id: &str,
    key: Option<v1::MemberKey>,
    change: Change,
) -> Result<Edited, Status> {
    let base = directory.base_number(member_base_id, "member_base_id")?;
    let key = one_key(key.unwrap_or_default(), "key").map_err(|refusal| error::refused(&refusal))?;
    let Change { edit, if_revision, deadline } = change;
    let place = place(&edit);
    let selector = Selector::Within(base, key);
    let changed = directory.change_member(selector, edit, if_revision, deadline).await;
    edited(directory, base, changed, place)
}

/// The path of the edited fields in the request.
fn place(edit: &Edit) -> &'static str {
    match edit {
        Edit::Update(_) | Edit::UpdateMasked(..) | Edit::Replace(_) | Edit::Rewrite(_) => "member",
        Edit::Rename(_) | Edit::Activate | Edit::Offboard => "",
    }
}

fn row(directory: &Directory, member: Option<v1::MemberInput>) -> Result<MemberRow, Status> {
    let parsed = input::row(member.unwrap_or_default(), None, directory.now().date());
    parsed.map_err(|refusal| error::refused(&refusal.under("member")))
}

fn edited(
    directory: &Directory,
    base: BaseNumber,
    changed: Result<EditedMember, Error>,
    place: &str,
) -> Result<Edited, Status> {
    match changed {
        Ok(EditedMember { row, member, outcome, revision }) => {
            let member = ToWire::new(directory.sealer(), base).member(row, *member);
            Ok((Some(member), to_wire(outcome).into(), revision))
        }
        Err(Error::Refused(refusal)) => {
            let holder = refusal.taken_by.map(|row| directory.sealer().member_id(base, row));
            // The mask is a field beside the member, so its faults keep their paths.
            let of_mask = refusal.violations.iter().all(|fault| fault.field.starts_with("update_mask"));
            Err(error::taken(&refusal.under(if of_mask { "" } else { place }), holder))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_a_duration_says_which_part_of_it_is_wrong() {
        let read = |seconds, nanos| alias_micros(prost_types::Duration { seconds, nanos });
        assert_eq!((read(1, 1_999), read(0, 0)), (Ok(1_000_001), Ok(0)));
        for nanos in [-1, 1_000_000_000, i32::MIN, i32::MAX] {
            assert!(read(1, nanos).unwrap_err().contains("nanos"), "{nanos}");
        }
        for seconds in [-1, 366 * 86_400 + 1, i64::MAX, i64::MIN] {
            assert_eq!(read(seconds, 0), Err("must be from 0 to 366 days".to_owned()));
        }
    }
}
