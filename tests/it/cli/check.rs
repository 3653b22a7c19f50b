//! `memberbase check` on the store of a server.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;

use super::memberbase;
use crate::harness::{Process, connect, members, rows};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_can_be_checked_after_a_kill_but_not_while_a_server_uses_it() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Process::serve(data.path());
    let channel = connect(&server.address).await;
    let request = v1::CreateMemberBaseRequest { name: "Checked".into(), ..Default::default() };
    let mut bases = MemberBaseServiceClient::new(channel.clone());
    let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
    let request =
        v1::BulkUpsertMembersRequest { member_base_id: base, members: rows("m", 300), ..Default::default() };
    members(&channel).bulk_upsert_members(request).await.unwrap();

    let folder = data.path().to_str().unwrap();
    let served = memberbase(&["check", "--data", folder]).await.expect(74);
    assert!(served.stderr.contains("in use"), "{}", served.stderr);
    server.signal(Signal::KILL);
    server.wait();

    let deep = memberbase(&["check", "--deep", "--data", folder]).await.expect(0);
    let expected = "members 300\nentries of lookups 600\ncommits 1\njobs 0\nfindings 0\n";
    assert!(deep.stdout.ends_with(expected), "{}", deep.stdout);
    let mut by_default = std::process::Command::new(env!("CARGO_BIN_EXE_memberbase"));
    by_default.arg("check").env("MEMBERBASE_DATA", folder);
    assert!(
        by_default.output().unwrap().status.success(),
        "the data directory is found as a server finds it"
    );
    let shallow = memberbase(&["check", "--data", folder]).await.expect(0);
    assert!(shallow.stdout.ends_with("damaged files 0\nfindings 0\n"), "{}", shallow.stdout);

    let log = data.path().join("wal/0000000002.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let damaged = memberbase(&["check", "--data", folder]).await.expect(1);
    assert!(damaged.stdout.contains("0000000002.log is damaged at byte 64"), "{}", damaged.stdout);
    assert!(damaged.stdout.ends_with("findings 1\n"), "{}", damaged.stdout);
    let deep = memberbase(&["check", "--deep", "--data", folder]).await.expect(1);
    assert!(deep.stdout.ends_with("findings 1\n"), "{}", deep.stdout);
}

#[tokio::test]
async fn a_missing_data_directory_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing");
    let refused = memberbase(&["check", "--data", data.to_str().unwrap()]).await.expect(64);
    assert!(refused.stderr.contains("there is no data directory"), "{}", refused.stderr);
    assert!(!data.exists());
}
