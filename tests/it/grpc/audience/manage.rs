//! Creating, listing, changing, archiving and unarchiving audiences.

use memberbase::api::grpc::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{World, tier, tiered};
use crate::harness::{Server, condition, eq, number, refused, row};

/// The rule of the only violation.
fn rule(status: &Status) -> String {
    status.get_details_bad_request().unwrap().field_violations[0].description.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_has_its_members_when_it_is_created_and_follows_every_write() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), tiered("b", "iron"), row("c")]).await;
    let made = world.create(" Gold ", tier("gold")).await;
    assert_eq!((made.name.as_str(), made.member_count, made.pii), ("Gold", Some(1), false));
    assert_eq!((made.filters.clone(), made.archived_at, made.progress), (tier("gold"), None, None));
    assert!(made.id.starts_with("aud_") && made.id.len() == 30 && made.revision > 0);
    assert_eq!(made.member_base_id, world.base.id);
    assert_eq!(world.get(&made.id.to_uppercase()).await.unwrap(), made);
    assert_eq!(world.members(&made.id).await, "a");
    world.base.fill(vec![tiered("b", "gold"), tiered("a", "iron"), tiered("d", "gold")]).await;
    assert_eq!(world.members(&made.id).await, "bd");
    world.base.delete(vec![ids[1].clone()], Vec::new()).await;
    assert_eq!(world.members(&made.id).await, "d");
    let undelete = v1::UndeleteMembersRequest {
        member_base_id: world.base.id.clone(),
        member_ids: vec![ids[1].clone()],
        ..Default::default()
    };
    world.base.client.undelete_members(undelete).await.unwrap();
    assert_eq!(world.members(&made.id).await, "bd");
    let all = world.create("Everybody", vec![eq("status", "active")]).await;
    assert_eq!(world.members(&all.id).await, "abcd");
    let nobody = world.create("Nobody", Vec::new()).await;
    assert_eq!(world.members(&nobody.id).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_unique_among_audiences_that_are_not_archived() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let first = world.create("A", Vec::new()).await;
    let second = world.create("B", Vec::new()).await;
    let taken = |status: &Status| {
        assert_eq!(refused(status, Code::AlreadyExists, "AUDIENCE_NAME_TAKEN"), ["name"]);
        assert_eq!(rule(status), "must not be the name of another audience that is not archived");
    };
    taken(&world.try_create(" A", Vec::new()).await.unwrap_err());
    taken(&world.update(&second.id, |update| update.name = Some("A".into())).await.unwrap_err());
    world.create("a", Vec::new()).await;
    // Archiving frees the name, and unarchiving needs it.
    assert!(world.archive(&first.id).await.unwrap().archived_at.is_some());
    let third = world.create("A", Vec::new()).await;
    let status = world.unarchive(&first.id).await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "AUDIENCE_NAME_TAKEN"), ["name"]);
    assert!(rule(&status).ends_with("; give this audience another name first"), "{status}");
    world.update(&third.id, |update| update.name = Some("C".into())).await.unwrap();
    assert_eq!(world.unarchive(&first.id).await.unwrap().archived_at, None);
    let mut other = World::new(&server).await;
    other.create("A", Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_request_is_refused_with_every_field_and_rule() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let status = world.try_create(&"x".repeat(129), vec![eq("nothing", "x")]).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "NAME_INVALID"), ["name", "filters[0].key"]);
    assert_eq!(rule(&status), "must be at most 128 characters long, not 129");
    let status = world.try_create(" ", Vec::new()).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "NAME_INVALID"), ["name"]);
    assert_eq!(rule(&status), "must not be empty");
    let made = world.create("A", tier("gold")).await;
    let status = world.update(&made.id, |update| {
        update.filters = tier("iron");
        update.clear_filters = true;
    });
    let status = status.await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_CONFLICT"), ["clear_filters"]);
    for (id, code, reason, fields) in [
        ("", Code::InvalidArgument, "FIELD_REQUIRED", &["audience_id"][..]),
        ("A", Code::InvalidArgument, "ID_MALFORMED", &["audience_id"]),
        (&world.base.id.clone(), Code::InvalidArgument, "ID_MALFORMED", &["audience_id"]),
        (&format!("aud_{}", "0".repeat(26)), Code::NotFound, "AUDIENCE_NOT_FOUND", &[]),
    ] {
        let status = world.get(id).await.unwrap_err();
        assert_eq!(refused(&status, code, reason), fields, "{id}");
        let status = world.archive(id).await.unwrap_err();
        assert_eq!(refused(&status, code, reason), fields, "{id}");
    }
    let gone = v1::CreateAudienceRequest {
        member_base_id: format!("mb_{}", "0".repeat(26)),
        name: "A".into(),
        ..Default::default()
    };
    let status = world.client.create_audience(gone).await.unwrap_err();
    refused(&status, Code::NotFound, "MEMBER_BASE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), tiered("b", "iron"), row("c")]).await;
    let made = world.create("Gold", tier("gold")).await;
    world.add(&made.id, &ids[2..]).await.unwrap();
    let named = world.update(&made.id, |update| update.name = Some("Best".into())).await.unwrap();
    assert_eq!((named.name.as_str(), &named.filters), ("Best", &made.filters));
    assert!(named.revision > made.revision && named.created_at == made.created_at);
    assert_eq!(world.members(&made.id).await, "ac");
    world.update(&made.id, |update| update.filters = tier("iron")).await.unwrap();
    assert_eq!(world.members(&made.id).await, "bc");
    let cleared = world.update(&made.id, |update| update.clear_filters = true).await.unwrap();
    assert_eq!((cleared.filters, cleared.name.as_str()), (Vec::new(), "Best"));
    assert_eq!(world.members(&made.id).await, "c");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_audience_is_out_of_use_until_it_is_unarchived() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), row("b"), tiered("c", "gold")]).await;
    let made = world.create("Gold", tier("gold")).await;
    world.add(&made.id, &ids[1..2]).await.unwrap();
    world.remove(&made.id, &ids[2..]).await.unwrap();
    assert_eq!(world.members(&made.id).await, "ab");
    let archived = world.archive(&made.id).await.unwrap();
    assert_eq!(archived.member_count, None);
    // Archiving again changes nothing.
    assert_eq!(world.archive(&made.id).await.unwrap(), archived);
    let state = |status: &Status| {
        assert_eq!(refused(status, Code::FailedPrecondition, "AUDIENCE_ARCHIVED"), ["audience_id"]);
    };
    state(&world.add(&made.id, &ids).await.unwrap_err());
    state(&world.remove(&made.id, &ids).await.unwrap_err());
    state(&world.explain(&made.id, "a").await.unwrap_err());
    let listed = world.base.list(world.base.list_request(vec![eq("audience", &made.id)])).await.unwrap_err();
    assert_eq!(refused(&listed, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].eq"]);
    assert_eq!(rule(&listed), "must not be an archived audience");
    world.base.fill(vec![tiered("d", "gold")]).await;
    assert_eq!(world.unarchive(&made.id).await.unwrap().archived_at, None);
    assert_eq!(world.members(&made.id).await, "abd");
    let again = world.get(&made.id).await.unwrap();
    assert_eq!(world.unarchive(&made.id).await.unwrap(), again);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_audience_gets_another_name_and_filter_so_that_it_can_come_back() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let base = world.base.id.clone();
    server.schema(&base, &[("size", "number"), ("note", "string")]).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), row("b")]).await;
    let large = condition("attributes.size", |filter| filter.gt = Some(number(5.0)));
    let made = world.create("Large", vec![large.clone()]).await;
    world.add(&made.id, &ids[1..]).await.unwrap();
    world.archive(&made.id).await.unwrap();
    server.schema(&base, &[("note", "string")]).await;
    world.create("Large", tier("gold")).await;
    // Its name belongs to another audience, and its attribute is gone.
    let status = world.unarchive(&made.id).await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "AUDIENCE_NAME_TAKEN"), ["name"]);
    let named = world.update(&made.id, |update| update.name = Some("Big".into())).await.unwrap();
    assert!(named.archived_at.is_some() && named.revision > made.revision, "{named:?}");
    let status = world.unarchive(&made.id).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].key"]);
    assert!(
        rule(&status).contains("names attributes.size, so change the filter of this audience"),
        "{status}"
    );
    let status = world.update(&made.id, |update| update.filters = vec![large]).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].key"]);
    let changed = world.update(&made.id, |update| update.filters = tier("gold")).await.unwrap();
    let ready = v1::AudienceState::Ready;
    assert_eq!((changed.state(), changed.member_count, changed.filters), (ready, None, tier("gold")));
    let back = world.unarchive(&made.id).await.unwrap();
    assert_eq!((back.name.as_str(), back.archived_at), ("Big", None));
    assert_eq!(world.members(&made.id).await, "ab");
    // An empty filter can come back always.
    world.archive(&made.id).await.unwrap();
    world.update(&made.id, |update| update.clear_filters = true).await.unwrap();
    world.unarchive(&made.id).await.unwrap();
    assert_eq!(world.members(&made.id).await, "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn audiences_are_listed_page_by_page_in_both_directions() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    for name in ["A", "B", "C", "D", "E"] {
        world.create(name, Vec::new()).await;
    }
    assert_eq!(world.names(false).await.concat(), "ABCDE");
    for (direction, wanted) in [("asc", ["AB", "CD", "E"]), ("desc", ["ED", "CB", "A"])] {
        let mut request = v1::ListAudiencesRequest {
            member_base_id: world.base.id.clone(),
            sorts: vec![v1::Sort { key: "id".into(), direction: direction.into() }],
            ..Default::default()
        };
        let mut pages = Vec::new();
        loop {
            request.pagination.get_or_insert_default().limit = Some(2);
            let page = world.client.list_audiences(request.clone()).await.unwrap().into_inner();
            pages.push(page.audiences.into_iter().map(|audience| audience.name).collect::<String>());
            let Some(cursor) = page.page.unwrap().cursor else { break };
            request.pagination = Some(v1::Pagination { cursor: Some(cursor), ..Default::default() });
        }
        assert_eq!(pages, wanted, "{direction}");
    }
    let first = v1::Pagination { limit: Some(1), ..Default::default() };
    let members = v1::ListMembersRequest { pagination: Some(first), ..world.base.list_request(Vec::new()) };
    world.base.fill(vec![row("a"), row("b")]).await;
    let cursor = world.base.list(members).await.unwrap().page.unwrap().cursor;
    let request = v1::ListAudiencesRequest {
        member_base_id: world.base.id.clone(),
        pagination: Some(v1::Pagination { cursor, ..Default::default() }),
        ..Default::default()
    };
    let status = world.client.list_audiences(request).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "CURSOR_INVALID"), ["pagination.cursor"]);
    let old = world.create("F", Vec::new()).await;
    world.archive(&old.id).await.unwrap();
    assert_eq!(world.names(false).await.concat(), "ABCDE");
    assert_eq!(world.names(true).await.concat(), "ABCDEF");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_under_its_request_id_does_nothing_again() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let ids = world.base.fill(vec![row("a"), row("b")]).await;
    let request = v1::CreateAudienceRequest {
        member_base_id: world.base.id.clone(),
        name: "A".into(),
        request_id: "one".into(),
        ..Default::default()
    };
    let first = world.client.create_audience(request.clone()).await.unwrap();
    assert!(first.metadata().get("idempotency-replayed").is_none());
    let first = first.into_inner();
    let again = world.client.create_audience(request.clone()).await.unwrap();
    assert!(again.metadata().get("idempotency-replayed").is_some());
    assert_eq!(again.into_inner(), first);
    let other = v1::CreateAudienceRequest { name: "B".into(), ..request };
    let status = world.client.create_audience(other).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED");
    let audience_id = first.audience.unwrap().id;
    let add = v1::AddAudienceMembersRequest {
        audience_id: audience_id.clone(),
        member_ids: vec![ids[0].clone(), format!("m_{}", "0".repeat(26)), ids[0].clone()],
        request_id: "two".into(),
    };
    let first = world.client.add_audience_members(add.clone()).await.unwrap().into_inner();
    let counts = first.counts.unwrap();
    assert_eq!((counts.changed, counts.unchanged, counts.unknown), (1, 1, 1));
    world.remove(&audience_id, &ids).await.unwrap();
    let again = world.client.add_audience_members(add).await.unwrap();
    assert!(again.metadata().get("idempotency-replayed").is_some());
    assert_eq!(again.into_inner(), first);
    assert_eq!(world.members(&audience_id).await, "");
    let archive = v1::ArchiveAudienceRequest { audience_id: audience_id.clone(), request_id: "three".into() };
    world.client.archive_audience(archive.clone()).await.unwrap();
    world.unarchive(&audience_id).await.unwrap();
    let again = world.client.archive_audience(archive).await.unwrap().into_inner().audience.unwrap();
    assert_eq!(again.archived_at, None, "a repeat shows the audience as it is now");
}
