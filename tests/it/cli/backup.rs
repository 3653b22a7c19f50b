//! `memberbase backup`, `verify` and `restore`: a restored store equals the original at one moment, and is an
//! independent store from then on.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use tonic::Code;

use super::{World, memberbase};
use crate::harness::{Base, Process, connect, members, number, refused, row, rows};

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

async fn back_up(world: &World, out: &str) -> super::Ended {
    memberbase(&["backup", "--out", &text(&world.path(out)), "--server", &world.url]).await
}

/// Restores a backup and starts a server on it; returns the printed lines, which have the revision of each
/// memberbase.
async fn restore(world: &World, from: &str, to: &str, more: &[&str]) -> (Process, String) {
    let (from, to) = (text(&world.path(from)), world.path(to));
    let data = text(&to);
    let arguments = [&["restore", "--from", &from, "--data", &data], more].concat();
    let ended = memberbase(&arguments).await.expect(0);
    (Process::serve(&to), ended.stdout)
}

/// The revision of a memberbase that a restore printed.
fn revision_of(printed: &str, base: &str) -> u64 {
    let begin = format!("memberbase {base} as of revision ");
    let line = printed.lines().find_map(|line| line.strip_prefix(&begin));
    line.unwrap_or_else(|| panic!("{base} is not in {printed}")).parse().unwrap()
}

async fn all(base: &mut Base) -> Vec<v1::Member> {
    let mut request = base.list_request(Vec::new());
    let mut all = Vec::new();
    loop {
        let reply = base.list(request.clone()).await.unwrap();
        all.extend(reply.members);
        let page = reply.page.unwrap();
        if !page.more {
            return all;
        }
        request.pagination = Some(v1::Pagination { cursor: page.cursor, ..Default::default() });
    }
}

async fn in_copy(server: &Process, base: &Base) -> Base {
    Base { id: base.id.clone(), client: members(&connect(&server.address).await) }
}

/// Members by ref: id and role, after each revision.
type History = Vec<BTreeMap<String, (String, String)>>;

/// Makes one write call after another until `stop` is set, and notes the members after each.
async fn write(mut base: Base, stop: Arc<AtomicBool>) -> History {
    let mut now = BTreeMap::new();
    let mut history = vec![now.clone()];
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let rows = (0..20).map(|i| v1::MemberInput {
            role: Some(format!("call {number}")),
            ..row(&format!("m{}", (number * 7 + i) % 90))
        });
        let rows: Vec<_> = rows.collect();
        let refs: Vec<_> = rows.iter().map(|row| row.r#ref.clone().unwrap()).collect();
        let reply = base.upsert(rows).await;
        assert_eq!(reply.revision, number, "each call must be one revision");
        for (r#ref, result) in refs.into_iter().zip(reply.results) {
            now.insert(r#ref, (result.id, format!("call {number}")));
        }
        history.push(now.clone());
    }
    history
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_restores_to_the_store_at_one_revision() {
    let world = World::new().await;
    let bases = [world.server.base().await, world.server.base().await];
    let stop = Arc::new(AtomicBool::new(false));
    let writers = bases.clone().map(|base| tokio::spawn(write(base, stop.clone())));
    let mut printed = Vec::new();
    for _ in 0..3 {
        printed.push(back_up(&world, "out").await.expect(0).stdout);
    }
    stop.store(true, Ordering::Relaxed);
    let verified = memberbase(&["verify", &text(&world.path("out"))]).await.expect(0);
    assert!(verified.stdout.starts_with("whole"), "{verified:?}");
    assert!(printed[0].contains("complete") && printed[2].contains("brought up to date"), "{printed:?}");

    let (server, told) = restore(&world, "out", "new", &[]).await;
    for (base, writer) in bases.iter().zip(writers) {
        let history = writer.await.unwrap();
        let revision = usize::try_from(revision_of(&told, &base.id)).unwrap();
        assert!(revision > 0 && revision < history.len(), "{revision} of {}", history.len());
        let found = all(&mut in_copy(&server, base).await).await.into_iter();
        let found: BTreeMap<_, _> =
            found.map(|member| (member.r#ref.unwrap(), (member.id, member.role.unwrap()))).collect();
        assert_eq!(found, history[revision]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_to_a_revision_or_a_time_reuses_no_ids_or_revisions() {
    let world = World::new().await;
    let mut base = world.server.base().await;
    let first = base.fill(rows("first", 300)).await;
    let then = all(&mut base).await;
    let changed = base.get("first0").await.unwrap().updated_at.unwrap();
    let mut request = base.list_request(Vec::new());
    request.pagination = Some(v1::Pagination { limit: Some(10), ..Default::default() });
    let cursor = base.list(request.clone()).await.unwrap().page.unwrap().cursor;
    let lost_ids = base.fill(rows("lost", 50)).await;
    base.delete(Vec::new(), vec!["first7".into()]).await;
    let lost_base = world.server.base().await.id;
    let last = base.upsert(rows("lost", 1)).await.revision;
    back_up(&world, "out").await.expect(0);

    // The first call is one revision of 300 rows.
    let until = format!("{}:1", base.id);
    let (server, told) = restore(&world, "out", "by-revision", &["--until", &until]).await;
    assert_eq!(revision_of(&told, &base.id), 1);
    let mut copy = in_copy(&server, &base).await;
    assert_eq!(all(&mut copy).await, then);
    request.pagination = Some(v1::Pagination { cursor, ..Default::default() });
    refused(&copy.list(request).await.unwrap_err(), Code::InvalidArgument, "CURSOR_INVALID");
    let reply = copy.upsert(rows("new", 60)).await;
    assert!(reply.revision > last + (1 << 32) - 10, "{}", reply.revision);
    for result in reply.results {
        assert!(!lost_ids.contains(&result.id) && !first.contains(&result.id));
    }
    let again = copy.upsert(rows("first", 300)).await;
    assert!(again.results.iter().map(|result| &result.id).eq(&first), "members must keep their ids");
    let mut bases = memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient::new(
        connect(&server.address).await,
    );
    let created = v1::CreateMemberBaseRequest { name: "New".into(), ..Default::default() };
    assert_ne!(
        bases.create_member_base(created).await.unwrap().into_inner().member_base.unwrap().id,
        lost_base
    );
    drop(server);

    let time = jiff_text(&changed);
    let (server, told) = restore(&world, "out", "by-time", &["--until", &time]).await;
    assert_eq!(revision_of(&told, &base.id), 1);
    assert_eq!(all(&mut in_copy(&server, &base).await).await, then);
}

/// A protobuf timestamp as RFC 3339, in microseconds.
fn jiff_text(time: &prost_types::Timestamp) -> String {
    time.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_after_a_restore_reports_the_number_of_members() {
    let world = World::new().await;
    world.server.base().await.fill(rows("m", 30)).await;
    back_up(&world, "out").await.expect(0);
    let (out, new) = (text(&world.path("out")), text(&world.path("new")));
    memberbase(&["restore", "--from", &out, "--data", &new]).await.expect(0);
    let checked = memberbase(&["check", "--deep", "--data", &new]).await.expect(0);
    assert!(checked.stderr.contains("checking base 1, members: 30\n"), "{}", checked.stderr);
    assert!(checked.stdout.contains("members 30\n"), "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_restore_is_reported_and_leaves_nothing_behind() {
    let world = World::new().await;
    let mut base = world.server.base().await;
    base.fill(rows("m", 30)).await;
    back_up(&world, "out").await.expect(0);
    let out = text(&world.path("out"));
    let new = text(&world.path("new"));
    // The last time is before the first write.
    let early = "2020-01-01T00:00:00Z";
    for until in ["soon", "mb_x:1", &format!("{}:9", base.id), &format!("{}:x", base.id), early] {
        let ended =
            memberbase(&["restore", "--from", &out, "--data", &new, "--until", until]).await.expect(64);
        assert!(!ended.stderr.is_empty() && !world.path("new").exists(), "{until}: {ended:?}");
    }
    std::fs::create_dir(world.path("used")).unwrap();
    std::fs::write(world.path("used").join("file"), "").unwrap();
    let ended =
        memberbase(&["restore", "--from", &out, "--data", &text(&world.path("used"))]).await.expect(64);
    assert!(ended.stderr.contains("not empty"), "{ended:?}");

    let log = std::fs::read_dir(world.path("out").join("wal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    std::fs::write(&log, bytes).unwrap();
    let ended = memberbase(&["verify", &out]).await.expect(1);
    assert!(ended.stdout.contains(log.to_str().unwrap()), "{ended:?}");
    memberbase(&["restore", "--from", &out, "--data", &new]).await.expect(74);
    assert!(!world.path("new").exists());
    let nothing = memberbase(&["verify", &new]).await.expect(74);
    assert!(nothing.stderr.contains("no finished backup"), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_restores_into_one_folder_one_continues_and_the_other_is_refused() {
    let world = World::new().await;
    world.server.base().await.fill(rows("m", 30)).await;
    back_up(&world, "out").await.expect(0);
    let (out, new) = (text(&world.path("out")), text(&world.path("new")));
    let arguments = ["restore", "--from", &out, "--data", &new];
    // The folder as it is while another restore runs, and as a killed restore leaves it.
    let work = world.path("new.restoring");
    std::fs::create_dir(&work).unwrap();
    for name in ["RESTORING", "half"] {
        std::fs::write(work.join(name), "").unwrap();
    }
    let held = File::open(&work).unwrap();
    held.lock().unwrap();
    let ended = memberbase(&arguments).await.expect(74);
    assert!(ended.stderr.contains("another restore is at work there"), "{ended:?}");
    assert!(work.join("half").exists() && !world.path("new").exists());
    drop(held);
    let (one, other) = tokio::join!(memberbase(&arguments), memberbase(&arguments));
    let (done, refused) = if one.code == 0 { (one, other) } else { (other, one) };
    done.expect(0);
    // The second restore started while the first was running, or after it.
    let says = if refused.code == 64 { "not empty" } else { "another restore is at work there" };
    assert!([64, 74].contains(&refused.code) && refused.stderr.contains(says), "{refused:?}");
    assert!(!work.exists());
    let checked = memberbase(&["check", "--deep", "--data", &new]).await.expect(0);
    assert!(checked.stdout.contains("members 30\n"), "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_requests_after_the_moment_of_a_restore_are_done_again() {
    let world = World::new().await;
    let mut base = world.server.base().await;
    let request = |name: &str| v1::CreateMemberRequest {
        member_base_id: base.id.clone(),
        request_id: name.into(),
        ..Default::default()
    };
    let requests = [request("before"), request("after")];
    let before = base.client.create_member(requests[0].clone()).await.unwrap().into_inner();
    back_up(&world, "out").await.expect(0);
    let after = base.client.create_member(requests[1].clone()).await.unwrap().into_inner();
    let (server, _) = restore(&world, "out", "new", &[]).await;
    let mut restored = in_copy(&server, &base).await;
    let again = restored.client.create_member(requests[0].clone()).await.unwrap();
    assert!(again.metadata().contains_key("idempotency-replayed"));
    assert_eq!(again.into_inner(), before);
    let done = restored.client.create_member(requests[1].clone()).await.unwrap();
    assert!(!done.metadata().contains_key("idempotency-replayed"));
    assert_ne!(done.into_inner().member.unwrap().id, after.member.unwrap().id);
    assert_eq!(all(&mut restored).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_deletes_attributes_of_older_and_newer_members() {
    let world = World::new().await;
    let mut base = world.server.base().await;
    let mut attributes = AttributeServiceClient::new(world.server.channel());
    let plan = v1::AttributeDefinition { r#type: "number".into(), indexed: false };
    let request = v1::SetAttributeSchemaRequest {
        member_base_id: base.id.clone(),
        schema: [("plan".to_owned(), plan)].into(),
        ..Default::default()
    };
    attributes.set_attribute_schema(request).await.unwrap();
    let with_plan = |name: &str| {
        let fields = [("plan".to_owned(), number(1.0))].into();
        let attributes = Some(prost_types::Struct { fields });
        let with = |row| v1::MemberInput { attributes: attributes.clone(), ..row };
        rows(name, 5).into_iter().map(with).collect::<Vec<_>>()
    };
    base.fill(with_plan("before")).await;
    back_up(&world, "out").await.expect(0);

    let (server, _) = restore(&world, "out", "new", &[]).await;
    let mut restored = in_copy(&server, &base).await;
    restored.fill(with_plan("after")).await;
    let mut attributes = AttributeServiceClient::new(connect(&server.address).await);
    let request = v1::DeleteMemberAttributesRequest {
        member_base_id: base.id.clone(),
        delete_all: true,
        ..Default::default()
    };
    assert_eq!(attributes.delete_member_attributes(request).await.unwrap().into_inner().deleted, 10);
    let left = all(&mut restored).await;
    assert_eq!(left.len(), 10);
    assert!(left.iter().all(|member| member.attributes.as_ref().is_none_or(|a| a.fields.is_empty())));
}
