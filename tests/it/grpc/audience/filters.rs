//! Filters of audiences: what is refused, and audiences that use others.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{World, not_in, tier, tiered};
use crate::harness::{Server, condition, eq, list, number, refused, row, text};

/// The field and the rule of the first violation.
fn first(status: &Status) -> (String, String) {
    let fault = status.get_details_bad_request().unwrap().field_violations.remove(0);
    (fault.field, fault.description)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_an_audience_cannot_have_is_refused_with_its_place() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    server.schema(&world.base.id, &[("size", "number"), ("note", "string")]).await;
    let regex = |pattern: &str| v1::Regex { pattern: pattern.to_owned(), case_insensitive: false };
    let unknown = format!("aud_{}", "0".repeat(26));
    let or = |parts| v1::Filter { or: parts, ..Default::default() };
    for (filters, reason, field, part) in [
        (vec![eq("attributes.siez", "x")], "FILTER_INVALID", "filters[0].key", "did you mean size?"),
        (vec![eq("attributes.size", "x")], "FILTER_INVALID", "filters[0].eq", "must be a number"),
        (tier(""), "FILTER_INVALID", "filters[0].eq", "must not be empty"),
        (vec![eq("audience", &unknown)], "FILTER_INVALID", "filters[0].eq", "an audience of this memberbase"),
        (vec![eq("audience", "Gold")], "ID_MALFORMED", "filters[0].eq", "must begin with `aud_`"),
        (
            vec![condition("audience", |filter| filter.exists = Some(true))],
            "FILTER_INVALID",
            "filters[0].exists",
            "takes eq, ne, in and nin only",
        ),
        (
            vec![condition("created_at", |filter| filter.gt = Some(text("now-7d")))],
            "FILTER_INVALID",
            "filters[0].gt",
            "a filter does not follow the clock",
        ),
        (
            vec![or(vec![
                eq("tier", "gold"),
                condition("attributes.note", |filter| filter.regex = Some(regex(&"a".repeat(200)))),
            ])],
            "FILTER_TOO_LARGE",
            "filters[0].or[1].regex",
            "every write evaluates the filter",
        ),
        (vec![eq("tier", "gold"); 101], "FILTER_TOO_LARGE", "filters", "at most 100 conditions"),
        (
            vec![condition("ref", |filter| filter.r#in = Some(list(&["x".repeat(500).as_str(); 40])))],
            "FILTER_TOO_LARGE",
            "filters",
            "at most 16384 bytes",
        ),
    ] {
        let status = world.try_create("A", filters.clone()).await.unwrap_err();
        refused(&status, Code::InvalidArgument, reason);
        let (at, rule) = first(&status);
        assert_eq!(at, field, "{rule}");
        assert!(rule.contains(part), "{rule}");
        let (member_base_id, limit) = (world.base.id.clone(), None);
        let preview = v1::PreviewAudienceRequest { member_base_id, filters, limit };
        let status = world.client.preview_audience(preview).await.unwrap_err();
        refused(&status, Code::InvalidArgument, reason);
        assert_eq!(first(&status), (at, rule));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_uses_others_and_follows_them() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), tiered("b", "iron"), row("c")]).await;
    let gold = world.create("Gold", tier("gold")).await.id;
    let picked = world.create("Picked", Vec::new()).await.id;
    let either = condition("audience", |filter| filter.r#in = Some(list(&[&gold, &picked])));
    let both = world.create("Gold or picked", vec![either]).await.id;
    let rest = world.create("Rest", vec![not_in(&both)]).await.id;
    assert_eq!((world.members(&both).await, world.members(&rest).await), ("a".into(), "bc".into()));
    world.add(&picked, &ids[2..]).await.unwrap();
    assert_eq!((world.members(&both).await, world.members(&rest).await), ("ac".into(), "b".into()));
    world.base.fill(vec![tiered("a", "iron"), tiered("b", "gold")]).await;
    assert_eq!((world.members(&both).await, world.members(&rest).await), ("bc".into(), "a".into()));
    world.update(&gold, |update| update.filters = tier("iron")).await.unwrap();
    world.built(&rest).await;
    assert_eq!((world.members(&both).await, world.members(&rest).await), ("ac".into(), "b".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_audience_uses_itself() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let a = world.create("A", tier("gold")).await.id;
    let b = world.create("B", vec![eq("audience", &a)]).await.id;
    let c = world.create("C", vec![not_in(&b)]).await.id;
    for (id, named, rule) in [
        (&a, &a, "must not be the audience itself"),
        (&a, &c, "must not use the audience itself: \"C\" uses \"B\" uses \"A\""),
        (&a, &b, "must not use the audience itself: \"B\" uses \"A\""),
    ] {
        let status = world.update(id, |update| update.filters = vec![not_in(named)]).await.unwrap_err();
        assert_eq!(refused(&status, Code::FailedPrecondition, "AUDIENCE_CYCLE"), ["filters[0].ne"]);
        assert_eq!(first(&status).1, rule);
    }
    world.update(&c, |update| update.filters = vec![eq("audience", &a)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_others_use_is_not_archived() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let a = world.create("A", tier("gold")).await.id;
    let b = world.create("B", vec![eq("audience", &a)]).await.id;
    let status = world.archive(&a).await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "AUDIENCE_IN_USE"), ["audience_id"]);
    assert_eq!(first(&status).1, "must stay, because the audience \"B\" uses it");
    world.archive(&b).await.unwrap();
    world.archive(&a).await.unwrap();
    // B names an archived audience now.
    let status = world.unarchive(&b).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].eq"]);
    let rule = "must not be an archived audience; change the filter of this audience first";
    assert_eq!(first(&status).1, rule);
    world.unarchive(&a).await.unwrap();
    world.unarchive(&b).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_that_audiences_use_stays_in_the_schema() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let base = world.base.id.clone();
    server.schema(&base, &[("size", "number"), ("note", "string")]).await;
    let large = condition("attributes.size", |filter| filter.gt = Some(number(5.0)));
    let audience = world.create("Large", vec![large]).await.id;
    let schema = |types: &[(&str, &str)]| {
        let definition = |kind: &str| v1::AttributeDefinition { r#type: kind.to_owned(), indexed: false };
        v1::SetAttributeSchemaRequest {
            member_base_id: base.clone(),
            schema: types.iter().map(|(key, kind)| ((*key).to_owned(), definition(kind))).collect(),
            ..Default::default()
        }
    };
    let mut attributes = AttributeServiceClient::new(server.channel());
    for types in [&[("note", "string")][..], &[("note", "string"), ("size", "string")]] {
        let status = attributes.set_attribute_schema(schema(types)).await.unwrap_err();
        let fields = refused(&status, Code::FailedPrecondition, "ATTRIBUTE_IN_USE");
        assert_eq!(fields, ["schema.size"]);
        assert_eq!(first(&status).1, "must stay as it is, because the audience \"Large\" uses it");
    }
    attributes.set_attribute_schema(schema(&[("size", "number")])).await.unwrap();
    world.archive(&audience).await.unwrap();
    attributes.set_attribute_schema(schema(&[("size", "string")])).await.unwrap();
    let status = world.unarchive(&audience).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].gt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_counts_exactly_shows_the_first_and_saves_nothing() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let of = |number: usize| {
        tiered(&format!("m{number:02}"), if number.is_multiple_of(2) { "gold" } else { "iron" })
    };
    world.base.fill((0..30).map(of).collect()).await;
    let member_base_id = world.base.id.clone();
    let prefix = condition("ref", |filter| filter.prefix = Some("m2".to_owned()));
    for (filters, limit, count, refs) in [
        (tier("gold"), None, 15, 10),
        (tier("gold"), Some(2), 15, 2),
        (tier("gold"), Some(0), 15, 0),
        (vec![eq("tier", "gold"), prefix], Some(100), 5, 5),
        (Vec::new(), None, 0, 0),
    ] {
        let request = v1::PreviewAudienceRequest { member_base_id: member_base_id.clone(), filters, limit };
        let preview = world.client.preview_audience(request).await.unwrap().into_inner();
        assert_eq!((preview.count, preview.members.len()), (count, refs));
        assert!(preview.members.windows(2).all(|pair| pair[0].r#ref < pair[1].r#ref));
    }
    let request = v1::PreviewAudienceRequest { member_base_id, filters: tier("gold"), limit: Some(101) };
    let status = world.client.preview_audience(request).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "PAGE_LIMIT_INVALID"), ["limit"]);
    assert!(world.names(true).await.is_empty());
}
