use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::api::grpc::methods::method;
use crate::api::grpc::v1;

/// A body with this message, perhaps compressed.
fn body(flag: u8, message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], &message].concat()
}

fn of(path: &str, message: &impl Message) -> Option<String> {
    let body = body(0, message);
    named(place(path).unwrap(), &body).map(|named| format!("{named:?}"))
}

const MEMBERS: &str = "/publisher.v1.MemberService/";
const ATTRIBUTES: &str = "/publisher.v1.AttributeService/";
const RECORDS: &str = "/publisher.v1.RecordService/";

/// Every call that a tenant serves, with the first message of one that names memberbase or member `a`.
macro_rules! served {
    ($($service:ident $method:literal $request:ident { $($field:ident: $value:expr),* } => $named:literal;)*) => {
        [$((
            format!("{}{}", $service, $method),
            of(&format!("{}{}", $service, $method), &v1::$request { $($field: $value,)* ..Default::default() }),
            $named,
        )),*]
    };
}

fn a() -> String {
    "a".to_owned()
}

#[test]
#[expect(clippy::needless_update, reason = "one of the requests has no other field")]
fn every_served_call_names_its_memberbase_or_its_member() {
    let options = v1::ImportOptions { member_base_id: a(), ..Default::default() };
    let stream = v1::UpsertMembersOptions { member_base_id: a(), ..Default::default() };
    let served = served! {
        MEMBERS "BulkUpsertMembers" BulkUpsertMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "ExportMembers" ExportMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "BatchGetMembers" BatchGetMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "ListMembers" ListMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "CountMembers" CountMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "CreateMember" CreateMemberRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "UpdateMember" UpdateMemberRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "ReplaceMember" ReplaceMemberRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "RenameMember" RenameMemberRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "ActivateMember" ActivateMemberRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "OffboardMember" OffboardMemberRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "BulkDeleteMembers" BulkDeleteMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "UndeleteMembers" UndeleteMembersRequest { member_base_id: a() } => "Base(\"a\")";
        MEMBERS "GetMember" GetMemberRequest { member_base_id: Some(a()), id: Some("m".to_owned()) } => "Base(\"a\")";
        MEMBERS "GetMember" GetMemberRequest { id: Some(a()) } => "Member(\"a\")";
        MEMBERS "ListMemberChanges" ListMemberChangesRequest { member_base_id: Some(a()) } => "Base(\"a\")";
        MEMBERS "ListMemberChanges" ListMemberChangesRequest { id: Some(a()) } => "Member(\"a\")";
        MEMBERS "ImportMembers" ImportMembersRequest { options: Some(options) } => "Base(\"a\")";
        MEMBERS "UpsertMembers" UpsertMembersRequest { options: Some(stream) } => "Base(\"a\")";
        ATTRIBUTES "SetMemberAttributes" SetMemberAttributesRequest { member_base_id: a() } => "Base(\"a\")";
        ATTRIBUTES "DeleteMemberAttributes" DeleteMemberAttributesRequest { member_base_id: a() } => "Base(\"a\")";
        ATTRIBUTES "GetAttributeSchema" GetAttributeSchemaRequest { member_base_id: a() } => "Base(\"a\")";
        ATTRIBUTES "ListMemberAttributes" ListMemberAttributesRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "SaveClip" SaveClipRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "ListClips" ListClipsRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "DeleteClip" DeleteClipRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "CreateStampCollection" CreateStampCollectionRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "ListStampCollections" ListStampCollectionsRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "AddStamps" AddStampsRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "ListTransactions" ListTransactionsRequest { member_id: a() } => "Member(\"a\")";
        RECORDS "ExportRecords" ExportRecordsRequest { member_base_id: a() } => "Base(\"a\")";
    };
    for (path, named, expected) in served {
        assert!(method(&path).is_some(), "{path} is no call");
        assert_eq!(named.as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn what_concerns_jobs_settings_or_several_memberbases_is_passed_on() {
    for path in [
        "/publisher.v1.MemberService/SyncMembers",
        "/publisher.v1.MemberService/DeleteMembersByFilter",
        "/publisher.v1.MemberBaseService/GetMemberBase",
        "/publisher.v1.AttributeService/SetAttributeSchema",
        "/publisher.v1.RecordService/IngestTransactions",
        "/publisher.v1.JobService/GetJob",
        "/publisher.v1.MemberService",
        "publisher.v1.MemberService/GetMember",
        "/",
        "",
    ] {
        assert_eq!(place(path), None, "{path}");
    }
}

#[test]
fn what_is_not_certain_names_nothing() {
    let base = |text: &str| v1::ListMembersRequest { member_base_id: text.to_owned(), ..Default::default() };
    let one = Place::Base(1);
    assert_eq!(named(one, &body(1, &base("a"))), None, "compressed");
    assert_eq!(named(one, &body(0, &base(""))), None, "none");
    let twice = [base("a").encode_to_vec(), base("b").encode_to_vec()].concat();
    let framed = |message: &[u8], length: usize| {
        [&[0], &u32::try_from(length).unwrap().to_be_bytes()[..], message].concat()
    };
    assert_eq!(named(one, &framed(&twice, twice.len())), None, "twice");
    // A long message whose beginning names it.
    let first = base("a").encode_to_vec();
    assert_eq!(named(one, &framed(&first, 1_000_000)), Some(Named::Base("a")));
    assert_eq!(named(one, &framed(&first[..2], 1_000_000)), None, "the name is cut off");
    assert_eq!(named(one, &framed(&[0x12, 1, b'x'], 1_000)), None, "it may follow");
    assert_eq!(named(one, &framed(&[0x0a, 1, 0xff], 3)), None, "no UTF-8");
    assert_eq!(named(one, &framed(&[0x08, 1], 2)), None, "no text");
    let member = v1::GetMemberRequest { id: Some(a()), ..Default::default() }.encode_to_vec();
    let get = Place::MemberOrBase(1, 2);
    assert_eq!(named(get, &framed(&member, member.len())), Some(Named::Member("a")));
    assert_eq!(named(get, &framed(&member, member.len() + 1)), None, "a memberbase may follow");
    for body in [&[][..], &[0], &[0, 0, 0, 0]] {
        assert_eq!(named(one, body), None);
    }
}

proptest! {
    /// Of a whole message the same memberbase is read as by prost, or none.
    #[test]
    fn a_whole_message_is_read_as_prost_reads_it(bytes in prop::collection::vec(any::<u8>(), 0..40), tail in any::<bool>()) {
        let request = v1::ListMembersRequest { member_base_id: "mb_1".to_owned(), ..Default::default() };
        let message = if tail { [request.encode_to_vec(), bytes].concat() } else { bytes };
        let framed = [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
        let read = named(Place::Base(1), &framed);
        if let (Some(Named::Base(base)), Ok(decoded)) = (read, v1::ListMembersRequest::decode(&message[..])) {
            prop_assert_eq!(base, decoded.member_base_id);
        }
    }
}
