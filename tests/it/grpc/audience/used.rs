//! Audiences in the filters of lists, exports, deletes by filter and full lists.

use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::{self, JobState};
use tonic::Code;

use super::{World, not_in, tier, tiered};
use crate::grpc::jobs::follow;
use crate::grpc::sync::send;
use crate::harness::{Server, condition, eq, refused, row};

async fn exported(world: &mut World, filters: Vec<v1::Filter>) -> String {
    let member_base_id = world.base.id.clone();
    let request = v1::ExportMembersRequest { member_base_id, filters, ..Default::default() };
    let mut stream = world.base.client.export_members(request).await.unwrap().into_inner();
    let mut refs = String::new();
    while let Some(part) = stream.message().await.unwrap() {
        refs.extend(part.members.into_iter().map(|member| member.r#ref.unwrap()));
    }
    refs
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_exports_take_audiences_with_other_conditions() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let members = ["a", "b", "c", "d"].map(|r#ref| tiered(r#ref, "gold"));
    let ids = world.base.fill(members.into_iter().chain([row("e")]).collect()).await;
    let gold = world.create("Gold", tier("gold")).await.id;
    world.add(&gold, &ids[4..]).await.unwrap();
    world.remove(&gold, &ids[..1]).await.unwrap();
    let is_in = || eq("audience", &gold);
    // A condition that no index answers: members are checked one by one.
    let after_b = || condition("ref", |filter| filter.gt = Some(crate::harness::text("b")));
    let or = |parts| v1::Filter { or: parts, ..Default::default() };
    for (filters, wanted) in [
        (vec![is_in()], "bcde"),
        (vec![not_in(&gold)], "a"),
        (vec![is_in(), eq("tier", "gold")], "bcd"),
        (vec![is_in(), after_b()], "cde"),
        (vec![or(vec![not_in(&gold), after_b()])], "acde"),
        (vec![is_in(), not_in(&gold)], ""),
        (vec![condition("audience", |filter| filter.r#in = Some(crate::harness::list(&[])))], ""),
    ] {
        assert_eq!(world.base.refs(filters.clone()).await.concat(), wanted, "{filters:?}");
        assert_eq!(exported(&mut world, filters).await, wanted);
    }
    let counted = v1::ListMembersRequest { include_total: true, ..world.base.list_request(vec![is_in()]) };
    assert_eq!(world.base.list(counted).await.unwrap().total, Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_passes_every_lasting_member_once_while_others_write() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let name = |number: usize| format!("m{number:03}");
    let ids = world.base.fill((0..60).map(|number| tiered(&name(number), "gold")).collect()).await;
    let gold = world.create("Gold", tier("gold")).await.id;
    for filters in [
        vec![eq("audience", &gold)],
        vec![eq("audience", &gold), condition("ref", |filter| filter.prefix = Some("m".to_owned()))],
    ] {
        let mut request = world.base.list_request(filters);
        let mut seen = Vec::new();
        let mut page_number = 0;
        loop {
            request.pagination.get_or_insert_default().limit = Some(7);
            let page = world.base.list(request.clone()).await.unwrap();
            seen.extend(page.members.into_iter().map(|member| member.r#ref.unwrap()));
            // Members with even numbers come and go, by hand and by their data; new ones are created.
            let moved = 2 * (page_number % 30);
            world.remove(&gold, &ids[moved..=moved]).await.unwrap();
            world.base.fill(vec![tiered(&name(58 - moved), "iron"), row(&format!("x{page_number}"))]).await;
            world.add(&gold, &ids[moved..=moved]).await.unwrap();
            page_number += 1;
            let Some(cursor) = page.page.unwrap().cursor else { break };
            request.pagination = Some(v1::Pagination { cursor: Some(cursor), ..Default::default() });
        }
        let odd: Vec<String> = (0..60).filter(|number| number % 2 == 1).map(name).collect();
        let lasting: Vec<&String> = seen.iter().filter(|seen| odd.contains(seen)).collect();
        assert_eq!(lasting, odd.iter().collect::<Vec<_>>());
        let mut once = seen.clone();
        once.dedup();
        assert_eq!(once, seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_audiences_are_refused_in_every_filter() {
    let server = Server::start().await;
    let mut world = World::new(&server).await;
    let archived = world.create("Old", tier("gold")).await.id;
    world.archive(&archived).await.unwrap();
    let mut other = World::new(&server).await;
    let foreign = other.create("Other", tier("gold")).await.id;
    let mut jobs = JobServiceClient::new(server.channel());
    for id in [&archived, &foreign] {
        let filters = vec![not_in(id)];
        let member_base_id = world.base.id.clone();
        let status = world.base.list(world.base.list_request(filters.clone())).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].ne"]);
        let request = v1::ExportMembersRequest {
            member_base_id: member_base_id.clone(),
            filters: filters.clone(),
            ..Default::default()
        };
        let status = world.base.client.export_members(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].ne"]);
        let request = v1::DeleteMembersByFilterRequest {
            member_base_id,
            filters: filters.clone(),
            ..Default::default()
        };
        let status = jobs.delete_members_by_filter(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[0].ne"]);
        let sent = send(&mut jobs, &world.base, "ref\na\n", |options| options.scope = filters).await;
        refused(&sent.unwrap_err(), Code::InvalidArgument, "FILTER_INVALID");
    }
}

/// The members a to d, and an audience of the gold ones, a and b, from which a was removed and to which c was
/// added by hand.
async fn gold_by_hand(server: &Server) -> (World, String) {
    let mut world = World::new(server).await;
    let ids = world.base.fill(vec![tiered("a", "gold"), tiered("b", "gold"), row("c"), row("d")]).await;
    let gold = world.create("Gold", tier("gold")).await.id;
    world.add(&gold, &ids[2..3]).await.unwrap();
    world.remove(&gold, &ids[..1]).await.unwrap();
    (world, gold)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_by_filter_deletes_the_members_of_an_audience() {
    let server = Server::start().await;
    let (mut world, gold) = gold_by_hand(&server).await;
    let mut jobs = JobServiceClient::new(server.channel());
    let request = v1::DeleteMembersByFilterRequest {
        member_base_id: world.base.id.clone(),
        filters: vec![eq("audience", &gold)],
        ..Default::default()
    };
    let started = jobs.delete_members_by_filter(request).await.unwrap().into_inner().job;
    let job = follow(&mut jobs, started).await;
    assert_eq!((job.state(), job.applied.unwrap().removed), (JobState::Succeeded, 2), "{job:?}");
    assert_eq!(world.base.refs(Vec::new()).await.concat(), "ad");
    assert_eq!(world.members(&gold).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_removes_only_members_of_the_audience_in_its_scope() {
    let server = Server::start().await;
    let (mut world, gold) = gold_by_hand(&server).await;
    let mut jobs = JobServiceClient::new(server.channel());
    let scope = vec![eq("audience", &gold)];
    let job = send(&mut jobs, &world.base, "ref\nnew\n", |options| options.scope = scope).await.unwrap();
    let job = follow(&mut jobs, job).await;
    assert_eq!((job.state(), job.applied.unwrap().removed), (JobState::Succeeded, 2), "{job:?}");
    assert_eq!(world.base.refs(vec![eq("status", "inactive")]).await.concat(), "bc");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_takes_the_id_of_an_audience_beside_its_filters() {
    let server = Server::start().await;
    let (mut world, gold) = gold_by_hand(&server).await;
    let (member_base_id, audience_id) = (world.base.id.clone(), gold.clone());
    let list = v1::ListMembersRequest {
        audience_id: audience_id.clone(),
        include_total: true,
        ..world.base.list_request(vec![eq("tier", "gold")])
    };
    let listed = world.base.list(list.clone()).await.unwrap();
    assert_eq!((listed.members[0].r#ref(), listed.total), ("b", Some(1)));
    let all = world.base.list(v1::ListMembersRequest { filters: Vec::new(), ..list.clone() }).await.unwrap();
    assert_eq!(all.total, Some(2));
    let export = v1::ExportMembersRequest {
        member_base_id: member_base_id.clone(),
        audience_id: audience_id.clone(),
        ..Default::default()
    };
    let mut stream = world.base.client.export_members(export).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().members.len(), 2);
    let count = v1::CountMembersRequest {
        member_base_id: member_base_id.clone(),
        audience_id: audience_id.clone(),
        ..Default::default()
    };
    assert_eq!(world.base.client.count_members(count).await.unwrap().into_inner().total, 2);
    let unknown = v1::ListMembersRequest { audience_id: format!("aud_{}", "0".repeat(26)), ..list };
    let status = world.base.list(unknown).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), ["filters[1].eq"]);

    let mut jobs = JobServiceClient::new(server.channel());
    let within = audience_id.clone();
    let job = send(&mut jobs, &world.base, "ref\nb\n", |options| options.audience_id = within).await.unwrap();
    let job = follow(&mut jobs, job).await;
    assert_eq!((job.state(), job.applied.unwrap().removed), (JobState::Succeeded, 1), "{job:?}");
    assert_eq!(world.base.refs(vec![eq("status", "inactive")]).await.concat(), "c");
    let delete = v1::DeleteMembersByFilterRequest { member_base_id, audience_id, ..Default::default() };
    let started = jobs.delete_members_by_filter(delete).await.unwrap().into_inner().job;
    let job = follow(&mut jobs, started).await;
    assert_eq!((job.state(), job.applied.unwrap().removed), (JobState::Succeeded, 2), "{job:?}");
    assert_eq!(world.base.refs(Vec::new()).await.concat(), "ad");
}
