//! Revisions and refusals show where commits end and how much fits into one. Two memberbases have the same
//! large members, but one also has as much hidden data as possible. A token that may not see hidden data gets
//! the same replies from both, at both doors.

use memberbase::api::grpc::v1;
use serde_json::{Value, json};
use tonic::Status;

use super::plain::without_ids;
use crate::grpc::caller::{Caller, caller, wanted};
use crate::harness::{Server, row, text};
use crate::http::{Http, Reply};

/// Together with their former versions these members are larger than one commit may be.
const MEMBERS: usize = 1_264;
const TEXTS: usize = 7;
const TEXT_BYTES: usize = 4_000;
/// Only sizes have this many digits or more.
const SIZE_DIGITS: usize = 8;
/// The numbers of rows to try in one commit, in descending order. A step is smaller than the hidden data of
/// all members together.
const TRIED: (usize, usize, usize) = (1_100, 1_260, 6);

/// Adds as much hidden data as possible.
fn hidden(member: v1::MemberInput) -> v1::MemberInput {
    let account_holder = "\u{1f600}".repeat(70);
    let uk = v1::UkAccount { account_holder, sort_code: "200000".into(), account_number: "55779911".into() };
    let account_details = Some(v1::AccountDetails { uk: Some(uk), eu: None });
    v1::MemberInput { dob: Some("1990-02-03".into()), account_details, ..member }
}

/// Creates a memberbase of large members and returns it with their ids.
async fn world(admin: &mut Caller, hide: fn(v1::MemberInput) -> v1::MemberInput) -> (String, Vec<String>) {
    let base = admin.base().await;
    let definition = v1::AttributeDefinition { r#type: "string".into(), indexed: false };
    let schema = (0..TEXTS).map(|i| (format!("a{i}"), definition.clone())).collect();
    let request =
        v1::SetAttributeSchemaRequest { member_base_id: base.clone(), schema, ..Default::default() };
    admin.attributes.set_attribute_schema(request).await.unwrap();
    let large = |n: usize| {
        let fields = (0..TEXTS).map(|i| (format!("a{i}"), text(&"a".repeat(TEXT_BYTES)))).collect();
        hide(v1::MemberInput { attributes: Some(prost_types::Struct { fields }), ..row(&format!("r{n}")) })
    };
    let mut ids = Vec::new();
    for first in (0..MEMBERS).step_by(400) {
        let members = (first..MEMBERS.min(first + 400)).map(large).collect();
        let reply = admin.upsert(&base, members).await.unwrap();
        assert_eq!(reply.counts.unwrap().failed, 0);
        ids.extend(reply.results.into_iter().map(|result| result.id));
    }
    (base, ids)
}

/// A text with the sizes of a call's changes removed: a stored member is a byte longer when its change came
/// some seconds later.
fn without_sizes(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let is_size = digits >= SIZE_DIGITS;
        let length = if is_size { digits } else { digits.max(next.len_utf8()) };
        plain.push_str(if is_size { "N" } else { &rest[..length] });
        rest = &rest[length..];
    }
    plain
}

/// Whether the call succeeded, and its reply as text, without ids.
fn said<T>(answer: Result<tonic::Response<T>, Status>, read: fn(T) -> String) -> (bool, String) {
    match answer {
        Ok(reply) => (true, read(reply.into_inner())),
        Err(status) => {
            let details = without_ids(status.details());
            // The metadata of an error has no fixed order.
            let details = String::from_utf8_lossy(&details).into_owned();
            let mut details: Vec<_> = details.split(char::is_control).collect();
            details.sort_unstable();
            (false, without_sizes(&format!("{:?} {} {details:?}", status.code(), status.message())))
        }
    }
}

/// A reply of the JSON door as text, without its trace id.
fn plain(reply: &Reply) -> String {
    let mut body = reply.body.clone();
    if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("trace_id");
    }
    without_sizes(&format!("{} {body}", reply.status))
}

/// A caller that may not see hidden data, with all replies that it got.
struct Blind {
    base: String,
    ids: Vec<String>,
    grpc: Caller,
    http: Http,
    heard: Vec<String>,
}

impl Blind {
    /// Notes the revisions of all members, which show where commits ended.
    async fn note_revisions(&mut self) {
        let request = v1::ExportMembersRequest { member_base_id: self.base.clone(), ..Default::default() };
        let mut pages = self.grpc.members.export_members(request).await.unwrap().into_inner();
        let mut revisions = Vec::new();
        while let Some(page) = pages.message().await.unwrap() {
            revisions.extend(page.members.into_iter().map(|member| (member.r#ref, member.revision)));
        }
        assert_eq!(revisions.len(), MEMBERS);
        self.heard.push(format!("{revisions:?}"));
    }

    async fn upsert(&mut self, rows: usize, tier: &str, mode: v1::BulkMode) -> bool {
        let member = |n| v1::MemberInput { tier: Some(tier.into()), ..row(&format!("r{n}")) };
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: self.base.clone(),
            members: (0..rows).map(member).collect(),
            mode: mode.into(),
            results: v1::ResultDetail::Failed.into(),
            ..Default::default()
        };
        let answer = self.grpc.members.bulk_upsert_members(request).await;
        let (done, text) = said(answer, |reply| format!("{:?} {}", reply.counts, reply.revision));
        self.heard.push(format!("{rows} {mode:?} {text}"));
        done
    }

    async fn set_attributes(&mut self, rows: usize, value: &str) -> bool {
        let entry = |member_id: &String| v1::MemberAttribute {
            member_id: member_id.clone(),
            attribute_key: "a0".into(),
            value: Some(text(value)),
        };
        let request = v1::SetMemberAttributesRequest {
            member_base_id: self.base.clone(),
            attributes: self.ids.iter().take(rows).map(entry).collect(),
            ..Default::default()
        };
        let answer = self.grpc.attributes.set_member_attributes(request).await;
        let (done, text) = said(answer, |reply| format!("{reply:?}"));
        self.heard.push(format!("{rows} attributes {text}"));
        done
    }

    async fn set_attributes_as_json(&mut self, rows: usize, value: &str) -> bool {
        let entry = |id: &String| json!({"member_id": id, "attribute_key": "a0", "value": value});
        let entries: Vec<Value> = self.ids.iter().take(rows).map(entry).collect();
        let body = json!({"member_base_id": self.base, "attributes": entries});
        let reply = self.http.call("member.attributes/set", body).await;
        self.heard.push(format!("{rows} attributes {}", plain(&reply)));
        reply.status == 200
    }

    /// The JSON door applies all rows or none.
    async fn upsert_as_json(&mut self, rows: usize, tier: &str) -> bool {
        let members: Vec<Value> = (0..rows).map(|n| json!({"ref": format!("r{n}"), "tier": tier})).collect();
        let body = json!({"member_base_id": self.base, "members": members});
        let reply = self.http.call("member/bulk-upsert", body).await;
        let done = reply.status == 200;
        // A successful reply has only ids.
        let text = if done { String::new() } else { plain(&reply) };
        self.heard.push(format!("{rows} {} {text}", reply.status));
        done
    }

    async fn try_all(&mut self) {
        assert!(self.upsert(1_000, "one", v1::BulkMode::Partial).await);
        self.note_revisions().await;
        let (least, most, step) = TRIED;
        let sizes = || (least..most).rev().step_by(step);
        for rows in sizes() {
            if self.upsert(rows, "three", v1::BulkMode::Atomic).await {
                break;
            }
        }
        for rows in sizes() {
            if self.upsert_as_json(rows, "two").await {
                break;
            }
        }
        for rows in sizes() {
            if self.set_attributes(rows, "b").await {
                break;
            }
        }
        for rows in sizes() {
            if self.set_attributes_as_json(rows, "c").await {
                break;
            }
        }
        let request = v1::DeleteMemberAttributesRequest {
            member_base_id: self.base.clone(),
            member_ids: self.ids.clone(),
            attribute_keys: vec!["a1".into()],
            ..Default::default()
        };
        let answer = self.grpc.attributes.delete_member_attributes(request).await;
        let (done, text) = said(answer, |reply| format!("{reply:?}"));
        assert!(done, "{text}");
        self.heard.push(text);
        self.note_revisions().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_and_sizes_of_commits_reveal_no_hidden_data() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let mut heard = Vec::new();
    for hide in [|member| member, hidden] {
        let (base, ids) = world(&mut admin, hide).await;
        let request = v1::CreateApiTokenRequest {
            pii: Some(false),
            member_base_id: Some(base.clone()),
            ..wanted("write")
        };
        let token = admin.token(request).await.token;
        let (grpc, http) = (caller(&server, &token), Http::with_token(&server, &token));
        let mut blind = Blind { base, ids, grpc, http, heard: Vec::new() };
        blind.try_all().await;
        heard.push(blind.heard);
    }
    let [bare, full] = &heard[..] else { panic!() };
    let refused = bare.iter().filter(|answer| answer.contains("ATOMIC_TOO_LARGE")).count();
    assert!(refused > 6 && bare.len() > refused + 6, "{refused} of {}", bare.len());
    assert_eq!(bare.len(), full.len());
    for (bare, full) in bare.iter().zip(full) {
        let at = bare.bytes().zip(full.bytes()).take_while(|(left, right)| left == right).count();
        let part = |text: &str| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>();
        assert!(bare == full, "…{}\n…{}", part(bare), part(full));
    }
}
