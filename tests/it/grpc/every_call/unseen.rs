//! A token without the `pii` right learns nothing personal. Three memberbases differ only in dates of birth
//! and bank details; every call of the token gets the same reply from each: values, outcomes, revisions,
//! errors, and refused filters.

use memberbase::api::grpc::v1;
use prost::Message;
use tonic::{Code, Status};

use super::calls::{About, Call, Place};
use super::plain::{plain, without_ids};
use super::{answers, wanted};
use crate::grpc::caller::{Caller, caller};
use crate::harness::{Server, condition, eq, row, text, without_sizes};

/// The values that the caller guesses.
const GUESS: (&str, &str) = ("1990-02-03", "DE89370400440532013000");
/// Other values that a member may have.
const OTHER: (&str, &str) = ("1985-11-30", "GB82WEST12345698765432");
/// The account holders.
const HOLDERS: [&str; 2] = ["Ada Unseen", "A much longer name of a holder who is unseen"];
/// No reply may contain any of these.
const SECRETS: [&str; 6] = [GUESS.0, GUESS.1, OTHER.0, OTHER.1, HOLDERS[0], HOLDERS[1]];

fn account(holder: &str, iban: &str) -> Option<v1::AccountDetails> {
    let eu = v1::EuAccount { account_holder: holder.into(), iban: iban.into() };
    Some(v1::AccountDetails { uk: None, eu: Some(eu) })
}

/// A write to a hidden field. Before it the field has the guessed value in the first memberbase, another
/// value in the second, and none in the third.
#[derive(Debug, Clone, Copy)]
enum Probe {
    Dob,
    ClearDob,
    Account,
    ClearAccount,
    Nothing,
}

const PROBES: [Probe; 5] = [Probe::Dob, Probe::ClearDob, Probe::Account, Probe::ClearAccount, Probe::Nothing];

impl Probe {
    /// The row that the caller sends.
    fn row(self, r#ref: &str) -> v1::MemberInput {
        let row = v1::MemberInput { first_name: Some("Ana".into()), ..row(r#ref) };
        match self {
            Self::Dob => v1::MemberInput { dob: Some(GUESS.0.into()), ..row },
            Self::Account => v1::MemberInput { account_details: account(HOLDERS[0], GUESS.1), ..row },
            Self::ClearDob => v1::MemberInput { clear_fields: vec!["dob".into()], ..row },
            Self::ClearAccount => v1::MemberInput { clear_fields: vec!["account_details".into()], ..row },
            Self::Nothing => row,
        }
    }

    /// The row that created the member. In the first memberbase it has the guessed values.
    fn before(self, r#ref: &str, world: usize) -> v1::MemberInput {
        let row = v1::MemberInput { first_name: Some("Ana".into()), ..row(r#ref) };
        let (dob, account) = match world {
            0 => (GUESS.0, account(HOLDERS[0], GUESS.1)),
            1 => (OTHER.0, account(HOLDERS[1], OTHER.1)),
            _ => return row,
        };
        match self {
            Self::Dob | Self::ClearDob => v1::MemberInput { dob: Some(dob.into()), ..row },
            Self::Account | Self::ClearAccount => v1::MemberInput { account_details: account, ..row },
            Self::Nothing => v1::MemberInput { dob: Some(dob.into()), account_details: account, ..row },
        }
    }
}

/// The ways to write a member; the name of each is part of the member's ref.
const WRITES: [&str; 12] = [
    "validate-merge",
    "validate-replace",
    "partial-merge",
    "partial-replace",
    "atomic-merge",
    "atomic-replace",
    "import-merge",
    "import-replace",
    "stream-merge",
    "stream-replace",
    "update",
    "replace",
];

fn refs() -> impl Iterator<Item = (&'static str, Probe, String)> {
    WRITES.into_iter().flat_map(|write| PROBES.map(|probe| (write, probe, format!("{write}-{probe:?}"))))
}

fn probe(place: &Place, write: &str, r#ref: &str, member: v1::MemberInput) -> Call {
    let member_base_id = place.base.clone();
    let semantics =
        if write.ends_with("replace") { v1::FieldSemantics::Replace } else { v1::FieldSemantics::Merge };
    let mode = match write.split('-').next().unwrap() {
        "validate" => v1::BulkMode::ValidateOnly,
        "atomic" => v1::BulkMode::Atomic,
        _ => v1::BulkMode::Partial,
    };
    let key = Some(v1::MemberKey { r#ref: Some(r#ref.into()), ..Default::default() });
    let (path, request) = match write {
        "update" => {
            let member = Some(member);
            let request = v1::UpdateMemberRequest { member_base_id, key, member, ..Default::default() };
            ("MemberService/UpdateMember", request.encode_to_vec())
        }
        "replace" => {
            let member = Some(member);
            let request = v1::ReplaceMemberRequest { member_base_id, key, member, ..Default::default() };
            ("MemberService/ReplaceMember", request.encode_to_vec())
        }
        _ if write.starts_with("import") => {
            let semantics = semantics.into();
            let options = Some(v1::ImportOptions { member_base_id, semantics, ..Default::default() });
            let request =
                v1::ImportMembersRequest { options, members: vec![member], chunk: 1, ..Default::default() };
            ("MemberService/ImportMembers", request.encode_to_vec())
        }
        _ if write.starts_with("stream") => {
            let semantics = semantics.into();
            let options = Some(v1::UpsertMembersOptions { member_base_id, semantics, ..Default::default() });
            let request = v1::UpsertMembersRequest { options, sequence: 1, member: Some(member) };
            ("MemberService/UpsertMembers", request.encode_to_vec())
        }
        _ => {
            let request = v1::BulkUpsertMembersRequest {
                member_base_id,
                members: vec![member],
                mode: mode.into(),
                semantics: semantics.into(),
                ..Default::default()
            };
            ("MemberService/BulkUpsertMembers", request.encode_to_vec())
        }
    };
    Call(path, "write", About::Base, request)
}

/// Filters that would reveal hidden values.
fn filters() -> Vec<v1::Filter> {
    let on = |key: &str, set: fn(&mut v1::Filter)| condition(key, set);
    let whole: [fn(&mut v1::Filter); 2] = [|f| f.exists = Some(true), |f| f.exists = Some(false)];
    let mut filters = vec![
        eq("dob", GUESS.0),
        on("dob", |f| f.ne = Some(text(GUESS.0))),
        on("dob", |f| f.gte = Some(text(GUESS.0))),
        on("dob", |f| f.lt = Some(text(GUESS.0))),
    ];
    for key in ["dob", "account_details"] {
        filters.extend(whole.map(|set| on(key, set)));
    }
    let nested = filters.clone().into_iter().flat_map(|inner| {
        let or = v1::Filter { or: vec![eq("ref", "a"), inner.clone()], ..Default::default() };
        let and = v1::Filter { and: vec![eq("ref", "a"), inner], ..Default::default() };
        [or, and]
    });
    let nested: Vec<_> = nested.collect();
    filters.extend(nested);
    filters
}

/// Creates one of the three memberbases. Its members differ from those of the others only in hidden values.
async fn world(admin: &mut Caller, world: usize) -> Place {
    let base = admin.base().await;
    let definition = v1::AttributeDefinition { r#type: "string".into(), indexed: false };
    let schema = (0..8).map(|i| (format!("a{i}"), definition.clone())).collect();
    let request =
        v1::SetAttributeSchemaRequest { member_base_id: base.clone(), schema, ..Default::default() };
    admin.attributes.set_attribute_schema(request).await.unwrap();
    let mut members = vec![Probe::Nothing.before("a", world)];
    members.extend(refs().map(|(_, probe, r#ref)| probe.before(&r#ref, world)));
    let reply = admin.upsert(&base, members).await.unwrap();
    assert_eq!(reply.counts.unwrap().failed, 0, "{reply:?}");
    // These members nearly fill a page of an export. Hidden values would make it too large.
    for part in 0..5 {
        let large = |i: usize| {
            let a0 = std::iter::once(("a0".to_owned(), text(&"x".repeat(790))));
            let attributes = Some(prost_types::Struct { fields: a0.collect() });
            v1::MemberInput { attributes, ..Probe::Nothing.before(&format!("large-{part}-{i}"), world) }
        };
        let filled = admin.upsert(&base, (0..200).map(large).collect()).await.unwrap();
        assert_eq!(filled.counts.unwrap().created, 200, "{filled:?}");
    }
    // Who is in this audience depends on hidden values, so the caller must not learn it.
    let request = v1::CreateAudienceRequest {
        member_base_id: base.clone(),
        name: "Hidden".into(),
        filters: vec![condition("dob", |f| f.gte = Some(text("1988-01-01")))],
        ..Default::default()
    };
    let made = admin.audiences.create_audience(request).await.unwrap().into_inner().audience.unwrap();
    assert!(made.pii && made.member_count.is_some(), "{made:?}");
    Place { base, member: reply.results[0].id.clone(), job: Place::nowhere().job, audience: made.id }
}

/// A reply as text, without what differs between memberbases.
fn read(call: &Call, (messages, status): (Vec<Vec<u8>>, Option<Status>)) -> String {
    let texts: Vec<String> = messages.iter().map(|message| plain(message)).collect();
    let status = status.map(|status| {
        let details = without_ids(status.details());
        let text = String::from_utf8(without_ids(status.message().as_bytes())).unwrap();
        (status.code(), text, String::from_utf8_lossy(&details).into_owned())
    });
    let text = without_sizes(&format!("{} {texts:?} {status:?}", call.0));
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    text
}

/// Makes all calls in one memberbase and returns the replies.
async fn try_all(server: &Server, secret: &str, place: &Place) -> Vec<String> {
    let mut heard = Vec::new();
    let hidden = eq("audience", &place.audience);
    for filter in filters().into_iter().chain([hidden]) {
        let (member_base_id, filters) = (place.base.clone(), vec![filter]);
        let list = v1::ListMembersRequest { member_base_id, filters, ..Default::default() };
        let export = v1::ExportMembersRequest {
            member_base_id: list.member_base_id.clone(),
            filters: list.filters.clone(),
            ..Default::default()
        };
        let count = v1::CountMembersRequest {
            member_base_id: list.member_base_id.clone(),
            filters: list.filters.clone(),
            ..Default::default()
        };
        for (path, request) in [
            ("MemberService/CountMembers", count.encode_to_vec()),
            ("MemberService/ListMembers", list.encode_to_vec()),
            ("MemberService/ExportMembers", export.encode_to_vec()),
        ] {
            let call = Call(path, "read", About::Base, request);
            let answer = answers(server, Some(secret), &call).await;
            assert_eq!(answer.1.as_ref().map(Status::code), Some(Code::PermissionDenied), "{list:?}");
            heard.push(read(&call, answer));
        }
    }
    // Twice, because a repeat must reveal nothing either.
    for _ in 0..2 {
        for (write, kind, r#ref) in refs() {
            let call = probe(place, write, &r#ref, kind.row(&r#ref));
            heard.push(format!("{ref}: {}", read(&call, answers(server, Some(secret), &call).await)));
        }
    }
    // No member is so near to the limit that one byte more or less would matter.
    for length in (3_500..4_000).step_by(20) {
        let long = |i: usize| if i < 7 { 4_096 } else { length };
        let member_id = place.member.clone();
        let entries = (0..8).map(|i| v1::MemberAttribute {
            member_id: member_id.clone(),
            attribute_key: format!("a{i}"),
            value: Some(text(&"x".repeat(long(i)))),
        });
        let (member_base_id, attributes) = (place.base.clone(), entries.collect());
        let request = v1::SetMemberAttributesRequest { member_base_id, attributes, ..Default::default() };
        let call =
            Call("AttributeService/SetMemberAttributes", "write", About::Base, request.encode_to_vec());
        heard.push(read(&call, answers(server, Some(secret), &call).await));
    }
    for call in place.calls().into_iter().filter(|call| call.2 != About::Store) {
        heard.push(read(&call, answers(server, Some(secret), &call).await));
    }
    heard
}

/// Asserts that two replies are the same. Shows only where they differ, because pages are long.
#[track_caller]
fn same(first: &str, other: &str) {
    let at = first.bytes().zip(other.bytes()).take_while(|(left, right)| left == right).count();
    let part = |text: &str| {
        let end = text.len().min(at + 200);
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(200).min(end)..end]).into_owned()
    };
    assert!(first == other, "{}\n…{}\n…{}", first.split(' ').next().unwrap(), part(first), part(other));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_reveals_what_its_token_may_not_see() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let mut heard = Vec::new();
    for number in 0..3 {
        let place = world(&mut admin, number).await;
        let request = v1::CreateApiTokenRequest {
            pii: Some(false),
            member_base_id: Some(place.base.clone()),
            ..wanted("admin")
        };
        let blind = admin.token(request).await.token;
        heard.push(try_all(&server, &blind, &place).await);
    }
    for others in &heard[1..] {
        assert_eq!(heard[0].len(), others.len());
        for (first, other) in heard[0].iter().zip(others) {
            same(first, other);
        }
    }
    // The calls must have come as far as these errors, or equal replies would prove nothing.
    let all = heard[0].join("\n");
    assert!(all.contains("MEMBER_TOO_LARGE") && all.contains("besides bank details and date of birth"));
}
