//! Members that are renamed between two runs of one import, or while it waits: a row belongs to the member
//! that the server reported when it received the row, not to the member that its key finds later.

use memberbase::api::grpc::v1;
use tonic::Code;

use super::{Ended, World, gateway, memberbase};

const ID: &str = "014d2pf2dbsqqg28t5cy4tqkff";

/// A memberbase with members `a`, `b`, `r0` and `r1`, whose addresses and worker ids contain their refs.
async fn world() -> World {
    let world = World::new().await;
    let rows = ["a", "b", "r0", "r1"].map(|name| format!("{name},{name}@x.example,{name},First\n")).concat();
    let file = world.file("first.csv", format!("ref,email,worker_id,last_name\n{rows}"));
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    world
}

/// Gives a member another ref, without an alias for the former one.
async fn rename(world: &World, from: &str, to: &str) {
    let member = world.get("staff", from).await;
    let text = |name: &str| member[name].as_str().unwrap().to_owned();
    let request = v1::RenameMemberRequest {
        member_base_id: text("member_base_id"),
        key: Some(v1::MemberKey { id: Some(text("id")), ..Default::default() }),
        r#ref: to.into(),
        alias_for: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    world.server.members().rename_member(request).await.unwrap();
}

/// Imports rows of `ref,id,email,worker_id,last_name` with the import id `ID`, one row in each chunk.
async fn import(world: &World, server: &str, rows: &[&str], more: &[&str]) -> Ended {
    let file = world.file("members.csv", format!("ref,id,email,worker_id,last_name\n{}\n", rows.join("\n")));
    let to = ["import", &file, "--base", "staff", "--import-id", ID, "--chunk-rows", "1", "--server", server];
    memberbase(&[&to, more].concat()).await
}

/// Writes other rows of `ref,email,last_name`.
async fn write(world: &World, rows: &str) {
    let file = world.file("other.csv", format!("ref,email,last_name\n{rows}"));
    world.import(&file, "staff", &[]).await.expect(0);
}

async fn last_name(world: &World, r#ref: &str) -> String {
    world.get("staff", r#ref).await["last_name"].as_str().unwrap().to_owned()
}

/// For each row in the file of failed rows: its last cell, its line and the reason.
fn failed(world: &World) -> Vec<[String; 3]> {
    let rows = world.read("members.failed.csv");
    let told = |row: &str| [4, 5, 6].map(|cell| row.split(',').nth(cell).unwrap().to_owned());
    rows.lines().skip(1).map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_stays_outdated_when_the_newer_rows_key_finds_no_member_any_more() {
    let world = world().await;
    let id = world.get("staff", "a").await["id"].as_str().unwrap().to_owned();
    // The first row waits for the address of b; beside it a swap succeeds.
    let older = format!(",{id},b@x.example,,Older");
    let rows = [&older, "a,,,,Newer", "r0,,r1@x.example,,Swapped", "r1,,r0@x.example,,Swapped"];
    let first = import(&world, &world.url, &rows, &[]).await.expect(1);
    let told = world.read("members.failed.csv");
    assert_eq!(failed(&world), [["Older", "2", "LATER_ROW_APPLIED"]]);
    // Now the address is free, the newer row's key no longer finds its member, and another import has changed
    // r0.
    write(&world, "b,other@x.example,\nr0,r9@x.example,Since\n").await;
    rename(&world, "a", "z").await;
    let second = import(&world, &world.url, &rows, &[]).await.expect(1);
    assert_eq!(last_name(&world, "z").await, "Newer");
    assert_eq!(last_name(&world, "r0").await, "Since");
    assert_eq!((second.counts(), world.read("members.failed.csv")), (first.counts(), told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_would_create_a_member_does_not_change_one_that_got_its_key_later() {
    let world = world().await;
    let rows = ["x,,b@x.example,,Older", "a,,,,Newer"];
    // All rows were sent, and the waiting ones are not tried again.
    let cut = gateway::start(world.server.channel(), "BulkUpsertMembers", Code::Unavailable).await;
    import(&world, &cut, &rows, &["--give-up-after", "0"]).await.expect(69);
    write(&world, "b,other@x.example,\n").await;
    rename(&world, "a", "x").await;
    let ended = import(&world, &world.url, &rows, &[]).await.expect(1);
    assert_eq!(last_name(&world, "x").await, "Newer");
    assert_eq!(ended.counts(), [0, 1, 0, 0, 1]);
    // If the row were imported now, it would overwrite the newer one.
    assert_eq!(failed(&world), [["Older", "2", "LATER_ROW_APPLIED"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_row_belongs_to_the_member_that_it_found_even_if_another_got_its_key() {
    let world = world().await;
    let rows = ["a,,b@x.example,,Mine", "b,,,,Later"];
    let cut = gateway::start(world.server.channel(), "BulkUpsertMembers", Code::Unavailable).await;
    import(&world, &cut, &rows, &["--give-up-after", "0"]).await.expect(69);
    // The ref goes to b; a later row wrote b, and b gives up the address.
    write(&world, "b,other@x.example,\n").await;
    rename(&world, "a", "z").await;
    rename(&world, "b", "a").await;
    let ended = import(&world, &world.url, &rows, &[]).await.expect(0);
    assert_eq!(ended.counts(), [0, 2, 0, 0, 0]);
    assert_eq!([last_name(&world, "a").await, last_name(&world, "z").await], ["Later", "Mine"]);
    let member = world.get("staff", "z").await;
    assert_eq!((&member["ref"], &member["email"]), (&"z".into(), &"b@x.example".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_matched_by_e_mail_keep_their_members_when_addresses_change() {
    let world = world().await;
    let id = world.get("staff", "a").await["id"].as_str().unwrap().to_owned();
    // The first row waits for the worker id of b; the swap succeeds.
    let older = format!(",{id},,b,Older");
    let rows = [&older, ",,a@x.example,,Newer", ",,r0@x.example,r1,Swapped", ",,r1@x.example,r0,Swapped"];
    let matched = ["--match", "email"];
    let first = import(&world, &world.url, &rows, &matched).await.expect(1);
    assert_eq!(
        (first.counts(), failed(&world)),
        ([0, 3, 0, 0, 1], vec![["Older", "2", "LATER_ROW_APPLIED"].map(Into::into)])
    );
    write(&world, "a,other@x.example,\n").await;
    let free = world.file("free.csv", "ref,worker_id\nb,b9\n");
    world.import(&free, "staff", &[]).await.expect(0);
    let second = import(&world, &world.url, &rows, &matched).await.expect(1);
    assert_eq!((second.counts(), last_name(&world, "a").await), (first.counts(), "Newer".to_owned()));
}
