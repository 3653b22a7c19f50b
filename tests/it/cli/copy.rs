//! `memberbase copy` between data directories. `database.rs` copies into a database and back.

use std::fs;
use std::path::Path;

use memberbase::api::grpc::v1;
use rustix::process::Signal;

use super::{Ended, memberbase};
use crate::harness::{Process, connect, members, row, rows};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn copy(from: &Path, to: &Path) -> Ended {
    memberbase(&["copy", "--from", text(from), "--to", text(to)]).await
}

/// Writes members, and returns the memberbase, the id of one, and the revision.
async fn fill(server: &Process) -> (String, String, u64) {
    let channel = connect(&server.address).await;
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::new(channel.clone());
    let request = v1::CreateMemberBaseRequest { name: "Copied".into(), ..Default::default() };
    let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
    let request = v1::BulkUpsertMembersRequest {
        member_base_id: base.clone(),
        members: rows("m", 2_000),
        ..Default::default()
    };
    let reply = members(&channel).bulk_upsert_members(request).await.unwrap().into_inner();
    (base, reply.results[7].id.clone(), reply.revision)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_the_same_store_and_nothing_else_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other) = (folder.path().join("data"), folder.path().join("copy"));
    let nothing = copy(&data, &other).await.expect(64);
    assert!(nothing.stderr.contains("there is no store to copy"), "{}", nothing.stderr);
    assert!(!data.exists() && !other.exists());
    let mut server = Process::serve(&data);
    let (base, id, revision) = fill(&server).await;
    let used = copy(&data, &other).await.expect(74);
    assert!(used.stderr.contains("in use") && !other.exists(), "{}", used.stderr);
    server.signal(Signal::TERM);
    server.wait();

    let copied = copy(&data, &other).await.expect(0);
    assert!(
        copied.stdout.starts_with("complete: ") && copied.stdout.contains("SHA-256"),
        "{}",
        copied.stdout
    );
    let deep = memberbase(&["check", "--deep", "--data", text(&other)]).await.expect(0);
    assert!(deep.stdout.contains("\nmembers 2000\n"), "{}", deep.stdout);
    let twice = copy(&data, &other).await.expect(64);
    assert!(twice.stderr.contains("is not empty"), "{}", twice.stderr);
    let nested = copy(&data, &data.join("inside")).await.expect(64);
    assert!(nested.stderr.contains("one lies inside the other"), "{}", nested.stderr);

    let server = Process::serve(&other);
    let channel = connect(&server.address).await;
    let get = v1::GetMemberRequest { id: Some(id.clone()), ..Default::default() };
    let found = members(&channel).get_member(get).await.unwrap().into_inner().member.unwrap();
    assert_eq!((found.id, &found.member_base_id), (id, &base));
    let request = v1::BulkUpsertMembersRequest {
        member_base_id: base,
        members: vec![row("new")],
        ..Default::default()
    };
    let reply = members(&channel).bulk_upsert_members(request).await.unwrap().into_inner();
    assert_eq!(reply.revision, revision + 1, "the history goes on where it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_something_else_is_neither_a_source_nor_a_target() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    let mut server = Process::serve(&data);
    fill(&server).await;
    server.signal(Signal::TERM);
    server.wait();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.txt"), "dear").unwrap();
    copy(&data, &other).await.expect(64);
    copy(&other, &folder.path().join("new")).await.expect(64);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn addresses_of_databases_are_checked_before_anything_is_done_and_show_no_password() {
    for (from, to, word) in [
        ("postgres://mb:s3cret@db/m", "./data", "MEMBERBASE_STORE_PASSWORD"),
        ("./data", "postgres://mb:s3cret@db/m", "MEMBERBASE_STORE_PASSWORD"),
        ("postgres://mb@db/m", "postgres://mb@db/m", "the same database"),
        ("mysql://mb:s3cret@db/m", "./data", "postgres://user@host1"),
        ("./data", "postgres://mb@db/m?sslmode=maybe", "sslmode"),
    ] {
        let refused = memberbase(&["copy", "--from", from, "--to", to]).await.expect(64);
        assert!(refused.stderr.contains(word) && !refused.stderr.contains("s3cret"), "{}", refused.stderr);
    }
}
