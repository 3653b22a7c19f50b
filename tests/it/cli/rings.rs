//! Unique values that members pass on to each other within one list.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ended, World, gateway, memberbase};
use crate::harness::Server;

const HEADER: &str = "ref,email,worker_id\n";

/// A memberbase with members `m0` to `m{count - 1}`, whose addresses and worker ids contain their numbers.
async fn world(count: usize) -> World {
    let world = World::new().await;
    let rows: String = (0..count).map(|i| format!("m{i},e{i}@x.example,w{i}\n")).collect();
    let file = world.file("first.csv", format!("{HEADER}{rows}"));
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    world
}

/// Imports rows that give each ref the address and worker id with this number.
async fn move_to(world: &World, rows: &[(&str, usize)], more: &[&str]) -> Ended {
    let rows: String = rows.iter().map(|(r#ref, i)| format!("{ref},e{i}@x.example,w{i}\n")).collect();
    let file = world.file("members.csv", format!("{HEADER}{rows}"));
    world.import(&file, "staff", more).await
}

#[track_caller]
fn number(member: &serde_json::Value) -> usize {
    let worker = member["worker_id"].as_str().unwrap()[1..].parse().unwrap();
    assert_eq!(member["email"], format!("e{worker}@x.example"));
    worker
}

async fn assert_numbers(world: &World, expected: &[(&str, usize)]) {
    for (r#ref, i) in expected {
        assert_eq!(number(&world.get("staff", r#ref).await), *i, "{ref}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_and_a_ring_succeed_in_one_run() {
    let world = world(5).await;
    let moved = [("m0", 1), ("m1", 0), ("m2", 3), ("m3", 4), ("m4", 2)];
    let ended = move_to(&world, &moved, &[]).await.expect(0);
    assert_eq!(ended.counts(), [0, 5, 0, 0, 0]);
    assert!(!world.path("members.failed.csv").exists());
    assert_numbers(&world, &moved).await;
    assert_eq!(move_to(&world, &moved, &[]).await.expect(0).counts(), [0, 0, 5, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_across_chunks_and_a_chain_against_the_row_order_succeed() {
    let world = world(6).await;
    // m0 to m2 form a ring. m3 and m4 need values that are free only after m5, and a new member needs the
    // last one.
    let moved = [("m0", 1), ("m3", 4), ("new", 3), ("m1", 2), ("m4", 5), ("m2", 0), ("m5", 9)];
    let ended = move_to(&world, &moved, &["--chunk-rows", "1", "--in-flight", "2"]).await.expect(0);
    assert_eq!(ended.counts(), [1, 6, 0, 0, 0]);
    assert_numbers(&world, &moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_chain_fails_and_does_not_affect_a_ring() {
    let world = world(7).await;
    // m3 needs what m6 has and keeps; m2 and m4 need what m3 therefore keeps. Of two rows that need a free
    // value only the first gets it.
    let moved = [("m0", 1), ("m1", 0), ("m2", 3), ("m3", 6), ("m4", 3), ("m5", 8), ("n", 5), ("o", 5)];
    let ended = move_to(&world, &moved, &["--chunk-rows", "2"]).await.expect(1);
    assert_eq!(ended.counts(), [1, 3, 0, 0, 4], "{}", world.read("members.failed.csv"));
    assert_numbers(&world, &[("m0", 1), ("m1", 0), ("m2", 2), ("m3", 3), ("m4", 4), ("m5", 8), ("n", 5)])
        .await;
    let failed = world.read("members.failed.csv");
    let refs: Vec<&str> = failed.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(refs, ["m2", "m3", "m4", "o"], "{failed}");
    assert!(failed.contains("m3,e6@x.example,w6,5,EMAIL_TAKEN,email"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_does_not_undo_a_later_row_of_its_member() {
    let world = world(3).await;
    // The first row fails and must not be applied after the third, which gives the member the number 7.
    let moved = [("m0", 1), ("m2", 5), ("m0", 7), ("m1", 8)];
    let ended = move_to(&world, &moved, &["--chunk-rows", "2"]).await.expect(1);
    assert_eq!(ended.counts(), [0, 3, 0, 0, 1]);
    assert_numbers(&world, &moved[1..]).await;
    let ended = move_to(&world, &[("m0", 8), ("m1", 7), ("m0", 6)], &["--chunk-rows", "1"]).await.expect(1);
    assert_eq!(ended.counts(), [0, 2, 0, 0, 1]);
    assert_numbers(&world, &[("m0", 6), ("m1", 7)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeating_a_ring_under_its_import_id_undoes_no_later_change() {
    let world = world(7).await;
    // Two rings, and a row that fails because m6 keeps its values.
    let moved = [("m0", 1), ("m1", 0), ("m2", 3), ("m3", 4), ("m4", 2), ("m5", 6)];
    let again = ["--import-id", "014d2pf2dbsqqg28t5cy4tqkff", "--chunk-rows", "2"];
    let first = move_to(&world, &moved, &again).await.expect(1);
    assert_eq!(first.counts(), [0, 5, 0, 0, 1]);
    let failed = world.read("members.failed.csv");
    // Meanwhile another import has given m0 and m6 other values, and the values that m5 needs are free.
    let later = world.file("later.csv", format!("{HEADER}m0,e8@x.example,w8\nm6,e9@x.example,w9\n"));
    world.import(&later, "staff", &[]).await.expect(0);
    for _ in 0..2 {
        let second = move_to(&world, &moved, &again).await.expect(1);
        assert_eq!(second.counts(), first.counts());
        assert_eq!(world.read("members.failed.csv"), failed);
        assert_numbers(&world, &[("m0", 8), ("m1", 0), ("m2", 3), ("m4", 2), ("m5", 5), ("m6", 9)]).await;
    }
}

/// An older server stores no result of a call without a good row, so it carries out a repeat, as
/// `docs/command-line.md` says. The later call of the ring, whose result it has stored, then has other rows
/// and is a different call.
#[tokio::test(flavor = "multi_thread")]
async fn repeating_a_ring_at_an_older_server_applies_it_again() {
    let world = world(2).await;
    let older = gateway::start_older(world.server.channel()).await;
    let file = world.file("members.csv", format!("{HEADER}m0,e1@x.example,w1\nm1,e0@x.example,w0\n"));
    let id = "014d2pf2dbsqqg28t5cy4tqkff";
    let arguments = ["import", &file, "--base", "staff", "--server", &older, "--import-id", id];
    assert_eq!(memberbase(&arguments).await.expect(0).counts(), [0, 2, 0, 0, 0]);
    let later = world.file("later.csv", format!("{HEADER}m0,e8@x.example,w8\n"));
    world.import(&later, "staff", &[]).await.expect(0);
    // The first call has good rows now, so the server stores its result from here on.
    for _ in 0..2 {
        assert_eq!(memberbase(&arguments).await.expect(0).counts(), [0, 1, 1, 0, 0]);
        assert_numbers(&world, &[("m0", 1), ("m1", 0)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_ndjson_lines_succeeds_as_well() {
    let world = world(2).await;
    let lines = "{\"ref\":\"m0\",\"email\":\"E1@x.example\"}\n{\"ref\":\"m1\",\"email\":\"e0@X.example\"}\n";
    let file = world.file("members.ndjson", lines);
    assert_eq!(world.import(&file, "staff", &[]).await.expect(0).counts(), [0, 2, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_rows_are_in_the_file_of_failed_rows_if_the_import_is_killed() {
    // So many e-mail addresses may change within the limits of a small memberbase.
    const ROWS: usize = 10;
    let (server, admin) = Server::start_with_token().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, failed) = (folder.path().join("members.csv"), folder.path().join("members.failed.csv"));
    let address = format!("http://{}", server.address());
    let command = |action: &[&str], token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
        command.args(action).env("MEMBERBASE_TOKEN", token).env("MEMBERBASE_SERVER", &address);
        command.stderr(Stdio::null());
        command
    };
    let import = |file: &Path, token: &str| {
        command(&["import", file.to_str().unwrap(), "--base", "staff", "--create-base"], token)
    };
    let write = |shift: usize| {
        let rows = (0..ROWS).map(|i| format!("m{i},e{}@x.example,w{i}\n", (i + shift) % ROWS));
        std::fs::write(&file, format!("{HEADER}{}", rows.collect::<String>())).unwrap();
    };
    write(0);
    assert!(import(&file, &admin).output().unwrap().status.success());

    // The server accepts all rows of the ring, and they fail. The next attempt must wait for the token's
    // limit.
    let slow = command(&["token", "create", "--access", "write", "--rows-per-second", "1"], &admin).output();
    let slow = String::from_utf8(slow.unwrap().stdout).unwrap();
    write(1);
    let mut importer = import(&file, slow.lines().last().unwrap()).spawn().unwrap();
    let is_there =
        || std::fs::read_to_string(&failed).is_ok_and(|text| text.matches("EMAIL_TAKEN").count() == ROWS);
    while !is_there() {
        assert_eq!(
            importer.try_wait().unwrap(),
            None,
            "the import ended without writing the waiting rows to the file"
        );
        tokio::task::yield_now().await;
    }
    importer.kill().unwrap();
    importer.wait().unwrap();
    assert!(is_there());
    let mended =
        import(&failed, &admin).arg("--failed").arg(folder.path().join("again.csv")).output().unwrap();
    assert!(mended.status.success(), "{mended:?}");
    assert!(String::from_utf8(mended.stdout).unwrap().contains("updated 10\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_while_rows_are_tried_again_says_how_to_continue() {
    const ROWS: usize = 20;
    let (server, admin) = Server::start_with_token().await;
    let url = format!("http://{}", server.address());
    let world = World { server, url, folder: tempfile::tempdir().unwrap() };
    let write = |shift: usize| {
        let rows = (0..ROWS).map(|i| format!("m{i},e{}@x.example,w{i}\n", (i + shift) % ROWS));
        world.file("members.csv", format!("{HEADER}{}", rows.collect::<String>()))
    };
    let file = write(0);
    world.import(&file, "staff", &["--create-base", "--token", &admin]).await.expect(0);
    // The server accepts the rows once; after that they exceed the token's limit for a while.
    let create = [
        "token",
        "create",
        "--access",
        "write",
        "--rows-per-second",
        "1",
        "--server",
        &world.url,
        "--token",
        &admin,
    ];
    let slow = super::memberbase(&create).await.expect(0);
    let slow = slow.stdout.lines().last().unwrap();
    let file = write(1);
    let ended = world.import(&file, "staff", &["--token", slow, "--give-up-after", "0"]).await.expect(69);
    assert!(
        ended.stderr.contains("giving up; run the same command again with --import-id "),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.counts(), [0, 0, 0, 0, 20]);
}
