//! `CountMembers`: counts with filters and groups.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use prost_types::Struct;
use prost_types::value::Kind;
use tonic::{Code, Status};

use crate::harness::{Base, Server, condition, eq, number, refused, row, rows, text};

async fn count(
    base: &mut Base,
    filters: Vec<v1::Filter>,
    group_by: &str,
) -> Result<v1::CountMembersResponse, Status> {
    let request = v1::CountMembersRequest {
        member_base_id: base.id.clone(),
        filters,
        group_by: group_by.to_owned(),
        ..Default::default()
    };
    Ok(base.client.count_members(request).await?.into_inner())
}

/// The groups as text: value and number.
fn groups(reply: &v1::CountMembersResponse) -> Vec<(String, u64)> {
    let text = |group: &v1::MemberGroup| match group.value.as_ref().and_then(|value| value.kind.clone()) {
        None => "-".to_owned(),
        Some(Kind::StringValue(text)) => text,
        Some(Kind::NumberValue(number)) => number.to_string(),
        Some(Kind::BoolValue(value)) => value.to_string(),
        Some(other) => panic!("{other:?}"),
    };
    reply.groups.iter().map(|group| (text(group), group.members)).collect()
}

/// Creates 60 members: thirds and halves of them share tier, role and attributes.
async fn people(server: &Server) -> Base {
    let mut base = server.base().await;
    let request = v1::SetAttributeSchemaRequest {
        member_base_id: base.id.clone(),
        schema: [("size", "number"), ("team", "string"), ("left", "boolean"), ("since", "date")]
            .map(|(key, kind)| {
                let definition = v1::AttributeDefinition { r#type: kind.into(), indexed: true };
                (key.to_owned(), definition)
            })
            .into(),
        ..Default::default()
    };
    AttributeServiceClient::new(server.channel()).set_attribute_schema(request).await.unwrap();
    let member = |i: usize| {
        let team = if i < 2 { format!("{}{i}", "x".repeat(140)) } else { format!("team {}", i % 2) };
        let mut fields = vec![("size", number([-1.5, -0.5, 0.5, 1.5][i % 4])), ("team", text(&team))];
        fields.extend((i >= 30).then(|| ("since", text("2026-01-02T03:04:05Z"))));
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        v1::MemberInput {
            tier: ["gold", "silver"].get(i % 3).map(|tier| (*tier).to_owned()),
            role: Some(["driver", "cook"][i % 2].to_owned()),
            status: i.is_multiple_of(10).then(|| "inactive".to_owned()),
            attributes: Some(Struct { fields }),
            ..row(&format!("r{i}"))
        }
    };
    base.fill((0..60).map(member).collect()).await;
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_the_members_that_match() {
    let server = Server::start().await;
    let mut base = people(&server).await;
    let role = |role: &str| eq("role", role);
    let cases = [
        (60, vec![]),
        (20, vec![eq("tier", "gold")]),
        (20, vec![condition("tier", |f| f.exists = Some(false))]),
        (6, vec![eq("status", "inactive")]),
        (30, vec![role("cook")]),
        (10, vec![role("cook"), eq("tier", "gold")]),
        (11, vec![condition("ref", |f| f.prefix = Some("r1".into()))]),
        (0, vec![role("pilot")]),
        (1, vec![eq("ref", "r7"), role("cook")]),
    ];
    for (expected, filters) in cases {
        let reply = count(&mut base, filters.clone(), "").await.unwrap();
        assert_eq!((reply.total, reply.groups.len()), (expected, 0), "{filters:?}");
        assert_eq!(base.refs(filters).await.len() as u64, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_add_up_and_name_each_value_once() {
    let server = Server::start().await;
    let mut base = people(&server).await;
    let pairs = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect()
    };
    let cook = || vec![eq("role", "cook")];
    for (key, filters, expected) in [
        ("tier", vec![], pairs(&[("gold", 20), ("silver", 20), ("-", 20)])),
        ("tier", cook(), pairs(&[("gold", 10), ("silver", 10), ("-", 10)])),
        ("tier", vec![eq("tier", "gold")], pairs(&[("gold", 20)])),
        ("status", vec![], pairs(&[("active", 54), ("inactive", 6)])),
        ("attributes.size", vec![], pairs(&[("-0.5", 15), ("-1.5", 15), ("0.5", 15), ("1.5", 15)])),
        ("attributes.size", cook(), pairs(&[("-0.5", 15), ("1.5", 15)])),
        ("attributes.since", vec![], pairs(&[("2026-01-02T03:04:05Z", 30), ("-", 30)])),
        ("attributes.left", vec![], pairs(&[("-", 60)])),
    ] {
        let reply = count(&mut base, filters, key).await.unwrap();
        assert_eq!(groups(&reply), expected, "{key}");
        assert_eq!(reply.groups.iter().map(|group| group.members).sum::<u64>(), reply.total);
    }
    // Long texts are shortened, but stay apart.
    let reply = count(&mut base, vec![], "attributes.team").await.unwrap();
    let long = "x".repeat(128);
    assert_eq!(groups(&reply), pairs(&[("team 0", 29), ("team 1", 29), (&long, 1), (&long, 1)]));
    let are_shortened: Vec<bool> = reply.groups.iter().map(|group| group.is_shortened).collect();
    assert_eq!(are_shortened, [false, false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_shows_every_acknowledged_write_at_its_revision() {
    let server = Server::start().await;
    let mut base = people(&server).await;
    let before = count(&mut base, vec![eq("role", "cook")], "tier").await.unwrap();
    let deleted = base.delete(vec![], vec!["r1".into(), "r3".into()]).await;
    let after = count(&mut base, vec![eq("role", "cook")], "tier").await.unwrap();
    assert_eq!((before.total, after.total, after.revision), (30, 28, deleted.revision));
    assert_eq!(groups(&after)[0], ("gold".to_owned(), 9));
    let ahead = v1::CountMembersRequest {
        member_base_id: base.id.clone(),
        min_revision: Some(after.revision + 1),
        ..Default::default()
    };
    let status = base.client.count_members(ahead).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "REVISION_AHEAD");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_while_members_change_are_of_one_revision() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let with_role =
        |i: usize, role: &str| v1::MemberInput { role: Some(role.to_owned()), ..row(&format!("a{i}")) };
    let all = |role: &str| (0..3_000).map(|i| with_role(i, role)).collect::<Vec<_>>();
    base.fill(all("one")).await;
    let (request, client) = (base.request(all("two")), base.client.clone());
    let (back, mut writer) = (base.request(all("one")), client);
    let writing = tokio::spawn(async move {
        for _ in 0..4 {
            for request in [&request, &back] {
                let request =
                    v1::BulkUpsertMembersRequest { mode: v1::BulkMode::Atomic.into(), ..request.clone() };
                writer.bulk_upsert_members(request).await.unwrap();
            }
        }
    });
    let mut seen = Vec::new();
    while !writing.is_finished() {
        seen.push(count(&mut base, vec![eq("role", "two")], "").await.unwrap().total);
    }
    writing.await.unwrap();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|total| [0, 3_000].contains(total)), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_without_an_index_and_values_beyond_the_limit_are_refused() {
    let server = Server::start().await;
    let mut base = people(&server).await;
    for key in ["role", "tiers", "attributes.", "attributes.none", "attributes"] {
        let status = count(&mut base, vec![], key).await.unwrap_err();
        assert!(refused(&status, Code::InvalidArgument, "FIELD_INVALID")[0].contains("group_by"), "{key}");
    }
    let tier = |(i, row): (usize, v1::MemberInput)| v1::MemberInput { tier: Some(format!("t{i}")), ..row };
    base.fill(rows("many", 4_200).into_iter().enumerate().map(tier).collect()).await;
    let status = count(&mut base, vec![], "tier").await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "TOO_MANY_VALUES");
    assert_eq!(count(&mut base, vec![], "status").await.unwrap().total, 4_260);
    // A condition on a field without sets is checked.
    assert_eq!(count(&mut base, vec![eq("tier", "t7")], "").await.unwrap().total, 1);
}
