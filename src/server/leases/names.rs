//! Which memberbase a call is about, read from the beginning of its first message.
//!
//! - Only calls that a tenant serves name one here: those that read and change nothing but the members, the
//!   attributes and the records of one memberbase.
//! - Whatever is not read with certainty names none: bytes that are not a message, a compressed message, a
//!   name that comes twice. Such a call is passed on, as if there were no leases.
//! - A message may be longer than its beginning, and name another memberbase at its end. Then the tenant,
//!   which has only one, refuses the call.

use crate::api::grpc::fields::{Sent, next};
use crate::api::grpc::v1::{attribute_service_server, member_service_server, record_service_server};

/// The bytes before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// What a call names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// A memberbase, by its id.
    Base(&'a str),
    /// A member, by its id, and no memberbase.
    Member(&'a str),
}

/// Where the first message of a call names its memberbase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this field.
    Base(u64),
    /// In the second of these fields, or else by the member in the first.
    MemberOrBase(u64, u64),
    /// By the member in this field.
    Member(u64),
    /// In the first field of the message in its first field.
    Options,
}

/// Where a call names its memberbase; `None` if it is passed on in any case.
#[must_use]
pub fn place(path: &str) -> Option<Place> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    match service {
        member_service_server::SERVICE_NAME => of_members(method),
        attribute_service_server::SERVICE_NAME => match method {
            "SetMemberAttributes" | "DeleteMemberAttributes" | "GetAttributeSchema" => Some(Place::Base(1)),
            "ListMemberAttributes" => Some(Place::Member(1)),
            _ => None,
        },
        record_service_server::SERVICE_NAME => match method {
            "SaveClip"
            | "ListClips"
            | "DeleteClip"
            | "CreateStampCollection"
            | "ListStampCollections"
            | "AddStamps"
            | "ListTransactions" => Some(Place::Member(1)),
            "ExportRecords" => Some(Place::Base(1)),
            _ => None,
        },
        _ => None,
    }
}

fn of_members(method: &str) -> Option<Place> {
    match method {
        "GetMember" | "ListMemberChanges" => Some(Place::MemberOrBase(1, 2)),
        "ImportMembers" | "UpsertMembers" => Some(Place::Options),
        "BulkUpsertMembers" | "ExportMembers" | "BatchGetMembers" | "ListMembers" | "CountMembers"
        | "CreateMember" | "UpdateMember" | "ReplaceMember" | "RenameMember" | "ActivateMember"
        | "OffboardMember" | "BulkDeleteMembers" | "UndeleteMembers" => Some(Place::Base(1)),
        _ => None,
    }
}

/// What the first message names in this place. `body` is the beginning of the body of the request.
#[must_use]
pub fn named(place: Place, body: &[u8]) -> Option<Named<'_>> {
    let (message, is_whole) = beginning(body)?;
    match place {
        Place::Base(field) => text(message, field, is_whole)?.map(Named::Base),
        Place::Member(field) => text(message, field, is_whole)?.map(Named::Member),
        Place::MemberOrBase(member, base) => {
            let base = text(message, base, is_whole)?.map(Named::Base);
            // Without all of it, a memberbase may follow.
            base.or(text(message, member, is_whole)?.filter(|_| is_whole).map(Named::Member))
        }
        Place::Options => {
            let options = bytes(message, 1, is_whole)??;
            text(options, 1, true)?.map(Named::Base)
        }
    }
}

/// The part of the first message that is there, and whether that is all of it. `None` if it is compressed.
fn beginning(body: &[u8]) -> Option<(&[u8], bool)> {
    let (prefix, rest) = body.split_at_checked(PREFIX_BYTES)?;
    let (flag, length) = prefix.split_first()?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    let message = rest.get(..length).unwrap_or(rest);
    (*flag == 0).then_some((message, message.len() == length))
}

/// The text in a field; `Some(None)` if the message has none, `None` if that is not certain.
fn text(message: &[u8], field: u64, is_whole: bool) -> Option<Option<&str>> {
    match bytes(message, field, is_whole)? {
        Some(text) => std::str::from_utf8(text).ok().map(Some),
        None => Some(None),
    }
}

fn bytes(message: &[u8], field: u64, is_whole: bool) -> Option<Option<&[u8]>> {
    let (mut rest, mut found) = (message, None);
    while !rest.is_empty() {
        let Some(read) = next(&mut rest) else {
            // The field that is cut off is another one, or it is not certain what follows.
            return (!is_whole && found.is_some()).then_some(found);
        };
        if read.number == field {
            let Sent::Bytes(content) = read.sent else { return None };
            if found.replace(content).is_some() {
                return None;
            }
        }
    }
    (is_whole || found.is_some()).then_some(found)
}

#[cfg(test)]
mod tests;
