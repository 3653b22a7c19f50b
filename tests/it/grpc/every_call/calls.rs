//! The table of all calls.

use memberbase::api::grpc::v1;
use prost::Message;
use prost_types::Timestamp;

use crate::harness::row;

/// The members of the memberbases of `unseen`. Others have so few that their number is not asked for.
const MANY: u64 = 1_061;

/// The subject of a call, which decides the tokens that may make it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum About {
    /// A memberbase that the request contains.
    Base,
    /// A member that the request contains, without its memberbase.
    Member,
    /// The store.
    Store,
    /// Only what the caller may see.
    Own,
}

/// A call: its path, the access level that it needs, its subject, and its request.
pub struct Call(pub &'static str, pub &'static str, pub About, pub Vec<u8>);

/// The ids that a call uses; they may be unknown to the store.
pub struct Place {
    pub base: String,
    pub member: String,
    /// A job that has ended.
    pub job: String,
    /// An audience of the memberbase.
    pub audience: String,
}

impl Place {
    /// Well-formed ids that no store ever assigned.
    pub fn nowhere() -> Self {
        Self {
            base: format!("mb_{}", "0".repeat(26)),
            member: format!("m_{}", "0".repeat(26)),
            job: format!("job_{}", "0".repeat(26)),
            audience: format!("aud_{}", "0".repeat(26)),
        }
    }

    /// Every call, about this memberbase and this member.
    pub fn calls(&self) -> Vec<Call> {
        let (id, member_base_id, member_id) = (self.base.clone(), self.base.clone(), self.member.clone());
        let key = Some(v1::MemberKey { r#ref: Some("a".into()), ..Default::default() });
        let (member, members) = (Some(row("b")), vec![row("b")]);
        let event = v1::TransactionEvent {
            member_id: member_id.clone(),
            external_id: "t1".into(),
            auth_code: "A1".into(),
            network: "visa".into(),
            bin: "411111".into(),
            merchant_id: "m".into(),
            authed_at: Some(Timestamp::default()),
            ..Default::default()
        };
        let mut calls = Vec::new();
        macro_rules! call {
            ($path:literal, $needs:literal, $about:ident, $request:ident { $($field:ident $(: $value:expr)?),* }) => {
                #[allow(clippy::needless_update, reason = "some requests have no other field")]
                let request = v1::$request { $($field: call!(@ $field $($value)?),)* ..Default::default() };
                calls.push(Call($path, $needs, About::$about, request.encode_to_vec()));
            };
            (@ $field:ident $value:expr) => { $value };
            (@ $field:ident) => { $field.clone() };
        }
        call!("MemberBaseService/GetMemberBase", "read", Base, GetMemberBaseRequest { id });
        call!(
            "MemberBaseService/UpdateMemberBase",
            "admin",
            Base,
            UpdateMemberBaseRequest { id, name: Some("X".into()) }
        );
        call!("MemberBaseService/ListTiers", "read", Base, ListTiersRequest { member_base_id });
        call!("MemberBaseService/SetTiers", "admin", Base, SetTiersRequest { member_base_id });
        call!(
            "MemberBaseService/DeleteMemberBase",
            "admin",
            Base,
            DeleteMemberBaseRequest { id, expect_members: Some(MANY) }
        );
        call!("MemberBaseService/UndeleteMemberBase", "admin", Base, UndeleteMemberBaseRequest { id });
        call!(
            "MemberService/BulkUpsertMembers",
            "write",
            Base,
            BulkUpsertMembersRequest { member_base_id, members }
        );
        let options =
            Some(v1::ImportOptions { member_base_id: member_base_id.clone(), ..Default::default() });
        call!(
            "MemberService/ImportMembers",
            "write",
            Base,
            ImportMembersRequest { options, members, chunk: 1, named_members: 0 }
        );
        let options =
            Some(v1::UpsertMembersOptions { member_base_id: member_base_id.clone(), ..Default::default() });
        call!(
            "MemberService/UpsertMembers",
            "write",
            Base,
            UpsertMembersRequest { options, member, sequence: 1 }
        );
        call!("MemberService/ExportMembers", "read", Base, ExportMembersRequest { member_base_id });
        let (by_ref, in_base) = (Some("a".to_owned()), Some(member_base_id.clone()));
        call!(
            "MemberService/GetMember",
            "read",
            Base,
            GetMemberRequest { member_base_id: in_base, r#ref: by_ref }
        );
        call!("MemberService/GetMember", "read", Member, GetMemberRequest { id: Some(member_id.clone()) });
        call!("MemberService/BatchGetMembers", "read", Base, BatchGetMembersRequest { member_base_id });
        call!("MemberService/ListMembers", "read", Base, ListMembersRequest { member_base_id });
        call!("MemberService/CountMembers", "read", Base, CountMembersRequest { member_base_id });
        let (r#ref, in_base) = (Some("a".to_owned()), Some(member_base_id.clone()));
        call!(
            "MemberService/ListMemberChanges",
            "read",
            Base,
            ListMemberChangesRequest { member_base_id: in_base, r#ref }
        );
        call!(
            "MemberService/ListMemberChanges",
            "read",
            Member,
            ListMemberChangesRequest { id: Some(member_id.clone()) }
        );
        call!("MemberService/CreateMember", "write", Base, CreateMemberRequest { member_base_id, member });
        call!(
            "MemberService/UpdateMember",
            "write",
            Base,
            UpdateMemberRequest { member_base_id, key, member }
        );
        call!(
            "MemberService/ReplaceMember",
            "write",
            Base,
            ReplaceMemberRequest { member_base_id, key, member }
        );
        call!("MemberService/ActivateMember", "write", Base, ActivateMemberRequest { member_base_id, key });
        call!(
            "MemberService/RenameMember",
            "write",
            Base,
            RenameMemberRequest { member_base_id, key, r#ref: "z".into() }
        );
        call!("MemberService/OffboardMember", "write", Base, OffboardMemberRequest { member_base_id, key });
        call!("MemberService/BulkDeleteMembers", "write", Base, BulkDeleteMembersRequest { member_base_id });
        let member_ids = vec![member_id.clone()];
        call!(
            "MemberService/UndeleteMembers",
            "write",
            Base,
            UndeleteMembersRequest { member_base_id, member_ids }
        );
        call!(
            "AttributeService/SetAttributeSchema",
            "write",
            Base,
            SetAttributeSchemaRequest { member_base_id }
        );
        call!(
            "AttributeService/GetAttributeSchema",
            "read",
            Base,
            GetAttributeSchemaRequest { member_base_id }
        );
        call!(
            "AttributeService/SetMemberAttributes",
            "write",
            Base,
            SetMemberAttributesRequest { member_base_id }
        );
        call!(
            "AttributeService/DeleteMemberAttributes",
            "write",
            Base,
            DeleteMemberAttributesRequest { member_base_id, delete_all: true }
        );
        call!(
            "AttributeService/ListMemberAttributes",
            "read",
            Member,
            ListMemberAttributesRequest { member_id }
        );
        let name = "Own".to_owned();
        call!(
            "AudienceService/CreateAudience",
            "write",
            Base,
            CreateAudienceRequest { member_base_id, name }
        );
        let audience_id = self.audience.clone();
        call!("AudienceService/GetAudience", "read", Base, GetAudienceRequest { audience_id });
        call!("AudienceService/ListAudiences", "read", Base, ListAudiencesRequest { member_base_id });
        let name = Some("Other".to_owned());
        call!("AudienceService/UpdateAudience", "write", Base, UpdateAudienceRequest { audience_id, name });
        let member_ids = vec![member_id.clone()];
        call!(
            "AudienceService/AddAudienceMembers",
            "write",
            Base,
            AddAudienceMembersRequest { audience_id, member_ids }
        );
        call!(
            "AudienceService/RemoveAudienceMembers",
            "write",
            Base,
            RemoveAudienceMembersRequest { audience_id, member_ids }
        );
        call!("AudienceService/PreviewAudience", "read", Base, PreviewAudienceRequest { member_base_id });
        call!(
            "AudienceService/ExplainMembership",
            "read",
            Base,
            ExplainMembershipRequest { audience_id, key }
        );
        call!("AudienceService/ArchiveAudience", "write", Base, ArchiveAudienceRequest { audience_id });
        call!("AudienceService/UnarchiveAudience", "write", Base, UnarchiveAudienceRequest { audience_id });
        // Before a job is made, whose state changes by itself.
        call!("JobService/ListJobs", "read", Base, ListJobsRequest { member_base_id });
        let exists = v1::Filter { key: "ref".into(), exists: Some(true), ..Default::default() };
        let filters = vec![exists];
        call!(
            "JobService/DeleteMembersByFilter",
            "write",
            Base,
            DeleteMembersByFilterRequest { member_base_id, filters, dry_run: true }
        );
        call!(
            "JobService/StartRevert",
            "admin",
            Base,
            StartRevertRequest { job_id: self.job.clone(), dry_run: true }
        );
        let options = Some(v1::SyncOptions { member_base_id: member_base_id.clone(), ..Default::default() });
        call!("JobService/SyncMembers", "write", Base, SyncMembersRequest { options });
        let id = self.job.clone();
        call!("JobService/GetJob", "read", Base, GetJobRequest { id });
        call!("JobService/WatchJob", "read", Base, WatchJobRequest { id });
        let plan_hash = "0".repeat(32);
        call!("JobService/ApproveJob", "write", Base, ApproveJobRequest { id, plan_hash });
        call!("JobService/RejectJob", "write", Base, RejectJobRequest { id });
        call!("JobService/CancelJob", "write", Base, CancelJobRequest { id });
        call!("JobService/ListJobResults", "read", Base, ListJobResultsRequest { id });
        call!("JobService/DownloadJobInput", "read", Base, DownloadJobInputRequest { id });
        let own = Some("own".to_owned());
        call!(
            "RecordService/SaveClip",
            "write",
            Member,
            SaveClipRequest { member_id, creative_id: "own".into() }
        );
        call!("RecordService/ListClips", "read", Member, ListClipsRequest { member_id });
        call!(
            "RecordService/DeleteClip",
            "write",
            Member,
            DeleteClipRequest { member_id, creative_id: own.clone() }
        );
        call!(
            "RecordService/CreateStampCollection",
            "write",
            Member,
            CreateStampCollectionRequest {
                member_id,
                loyalty_program_id: "lp".into(),
                external_id: "own".into()
            }
        );
        call!(
            "RecordService/ListStampCollections",
            "read",
            Member,
            ListStampCollectionsRequest { member_id }
        );
        call!(
            "RecordService/AddStamps",
            "write",
            Member,
            AddStampsRequest { member_id, external_id: own.clone(), stamps: 1 }
        );
        call!(
            "RecordService/IngestTransactions",
            "write",
            Member,
            IngestTransactionsRequest { events: vec![event] }
        );
        call!("RecordService/ListTransactions", "read", Member, ListTransactionsRequest { member_id });
        call!("RecordService/ExportRecords", "read", Base, ExportRecordsRequest { member_base_id });
        call!(
            "MemberBaseService/CreateMemberBase",
            "admin",
            Store,
            CreateMemberBaseRequest { name: "X".into() }
        );
        call!("MemberBaseService/ListMemberBases", "read", Own, ListMemberBasesRequest {});
        call!(
            "ApiTokenService/CreateApiToken",
            "admin",
            Store,
            CreateApiTokenRequest { access: "read".into() }
        );
        call!("ApiTokenService/ListApiTokens", "admin", Store, ListApiTokensRequest {});
        call!(
            "ApiTokenService/RevokeApiToken",
            "admin",
            Store,
            RevokeApiTokenRequest { id: "atok_00000000000000000000000000".into() }
        );
        call!("BackupService/StreamBackup", "admin", Store, StreamBackupRequest {});
        calls
    }
}
