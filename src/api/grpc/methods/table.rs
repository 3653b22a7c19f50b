//! The calls of this door: the access that each needs, and what its request becomes in memory.
//!
//! Both are known from the path alone, so they are checked before a message is read. Only this table says
//! which access a call needs; the services use the access that the call was admitted with.

use std::sync::LazyLock;

use foldhash::HashMap;
use prost::Message;
use prost_types::FileDescriptorSet;

use super::shape::{Shape, Shapes};
use crate::api::grpc::v1::{DESCRIPTORS, MESSAGE_MAX_BYTES};
use crate::model::limits::{
    ATTRIBUTE_ENTRIES_MAX, AUDIENCE_HAND_MAX_MEMBERS, BATCH_GET_MAX_KEYS, BULK_DELETE_MAX_MEMBERS,
    IMPORT_CHUNK_MAX_ROWS, INGEST_MAX_EVENTS, STREAM_ROW_MAX_BYTES, UNDELETE_MAX_MEMBERS,
};
use crate::model::token::AccessLevel;

/// A call.
pub struct Method {
    /// The access that it needs.
    pub needs: AccessLevel,
    /// Its request.
    pub request: Shape,
    /// Whether the client sends a stream of requests.
    pub is_stream: bool,
    /// The largest request, in bytes.
    pub most: usize,
}

/// Every call and the access that it needs.
const LEVELS: &[(&str, &[(&str, AccessLevel)])] = {
    use AccessLevel::{Admin, Read, Write};
    &[
        (
            "MemberBaseService",
            &[
                ("CreateMemberBase", Admin),
                ("GetMemberBase", Read),
                ("ListMemberBases", Read),
                ("UpdateMemberBase", Admin),
                ("ListTiers", Read),
                ("SetTiers", Admin),
                ("DeleteMemberBase", Admin),
                ("UndeleteMemberBase", Admin),
            ],
        ),
        (
            "MemberService",
            &[
                ("BulkUpsertMembers", Write),
                ("ImportMembers", Write),
                ("UpsertMembers", Write),
                ("ExportMembers", Read),
                ("GetMember", Read),
                ("BatchGetMembers", Read),
                ("ListMembers", Read),
                ("CountMembers", Read),
                ("ListMemberChanges", Read),
                ("BulkDeleteMembers", Write),
                ("UndeleteMembers", Write),
                ("CreateMember", Write),
                ("UpdateMember", Write),
                ("ReplaceMember", Write),
                ("RenameMember", Write),
                ("ActivateMember", Write),
                ("OffboardMember", Write),
            ],
        ),
        (
            "AttributeService",
            &[
                ("SetAttributeSchema", Write),
                ("GetAttributeSchema", Read),
                ("SetMemberAttributes", Write),
                ("DeleteMemberAttributes", Write),
                ("ListMemberAttributes", Read),
            ],
        ),
        (
            "AudienceService",
            &[
                ("CreateAudience", Write),
                ("GetAudience", Read),
                ("ListAudiences", Read),
                ("UpdateAudience", Write),
                ("ArchiveAudience", Write),
                ("UnarchiveAudience", Write),
                ("AddAudienceMembers", Write),
                ("RemoveAudienceMembers", Write),
                ("PreviewAudience", Read),
                ("ExplainMembership", Read),
            ],
        ),
        (
            "RecordService",
            &[
                ("SaveClip", Write),
                ("ListClips", Read),
                ("DeleteClip", Write),
                ("CreateStampCollection", Write),
                ("ListStampCollections", Read),
                ("AddStamps", Write),
                ("IngestTransactions", Write),
                ("ListTransactions", Read),
                ("ExportRecords", Read),
            ],
        ),
        (
            "ApiTokenService",
            &[("CreateApiToken", Admin), ("ListApiTokens", Admin), ("RevokeApiToken", Admin)],
        ),
        (
            "JobService",
            &[
                ("SyncMembers", Write),
                ("DeleteMembersByFilter", Write),
                ("StartRevert", Admin),
                ("GetJob", Read),
                ("ListJobs", Read),
                ("WatchJob", Read),
                ("ApproveJob", Write),
                ("RejectJob", Write),
                ("CancelJob", Write),
                ("ListJobResults", Read),
                ("DownloadJobInput", Read),
            ],
        ),
        ("BackupService", &[("StreamBackup", Admin)]),
    ]
};

/// The entries that a field of a request may have, where the call has a rule for that.
const MOST: &[(&str, &str, usize)] = &[
    ("ImportMembersRequest", "members", IMPORT_CHUNK_MAX_ROWS),
    ("BatchGetMembersRequest", "keys", BATCH_GET_MAX_KEYS),
    ("BulkDeleteMembersRequest", "member_ids", BULK_DELETE_MAX_MEMBERS),
    ("BulkDeleteMembersRequest", "refs", BULK_DELETE_MAX_MEMBERS),
    ("UndeleteMembersRequest", "member_ids", UNDELETE_MAX_MEMBERS),
    ("UndeleteMembersRequest", "refs", UNDELETE_MAX_MEMBERS),
    ("SetMemberAttributesRequest", "attributes", ATTRIBUTE_ENTRIES_MAX),
    ("IngestTransactionsRequest", "events", INGEST_MAX_EVENTS),
    ("AddAudienceMembersRequest", "member_ids", AUDIENCE_HAND_MAX_MEMBERS),
    ("RemoveAudienceMembersRequest", "member_ids", AUDIENCE_HAND_MAX_MEMBERS),
];

/// The largest request of a call, in bytes, where the call has a rule for that.
const LARGEST: &[(&str, usize)] = &[("UpsertMembers", STREAM_ROW_MAX_BYTES)];

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    // The build made them, so they decode.
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default();
    let shapes = Shapes::of(&files, MOST);
    let mut methods = HashMap::default();
    for file in &files.file {
        for service in &file.service {
            let levels = LEVELS.iter().find(|(name, _)| *name == service.name());
            for method in &service.method {
                let level = levels.and_then(|(_, all)| all.iter().find(|(name, _)| *name == method.name()));
                let Some((_, needs)) = level else { continue };
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let request = shapes.shape(method.input_type());
                let is_stream = method.client_streaming();
                let largest = LARGEST.iter().find(|(name, _)| *name == method.name());
                let most = largest.map_or(MESSAGE_MAX_BYTES, |(_, most)| *most);
                methods.insert(path, Method { needs: *needs, request, is_stream, most });
            }
        }
    }
    methods
});

/// The call of a path.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS.get(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_level_and_every_level_a_call() {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let services = files.file.iter().flat_map(|file| &file.service);
        let calls: usize = services.map(|service| service.method.len()).sum();
        assert_eq!(METHODS.len(), calls);
        assert_eq!(LEVELS.iter().map(|(_, all)| all.len()).sum::<usize>(), calls);
        assert!(METHODS.values().all(|method| method.request.is_known()));
        for (name, most) in LARGEST {
            let of_name = METHODS.iter().filter(|(path, _)| path.ends_with(&format!("/{name}")));
            assert_eq!(of_name.map(|(_, method)| method.most).collect::<Vec<_>>(), [*most], "{name}");
        }
    }

    #[test]
    fn every_rule_on_entries_is_of_a_field() {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        for (message, field, _) in MOST {
            let messages = files.file.iter().flat_map(|file| &file.message_type);
            let found = messages.into_iter().find(|found| found.name() == *message).unwrap();
            assert!(found.field.iter().any(|found| found.name() == *field), "{message}.{field}");
        }
    }
}
