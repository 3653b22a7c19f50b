//! `memberbase import` over connections that break.

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use super::proxy::Proxy;
use super::{World, memberbase};
use crate::harness::Process;
use crate::kill::writer::Random;

const ROWS: u64 = 20_000;

fn file(world: &World) -> String {
    let rows = (0..ROWS)
        .map(|i| format!("crm-{i:08},m{i}@example.com,Alexandra,Montgomery {i},Driver on the night shift\n"));
    world.file("members.csv", format!("ref,email,first_name,last_name,role\n{}", rows.collect::<String>()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_continues_after_its_connection_breaks() {
    let world = World::new().await;
    let file = file(&world);
    // Cuts within about 2 MB: in the middle of a chunk, before the call, while connecting, and once more near
    // the end.
    let proxy = Proxy::start(world.server.address(), vec![300_007, 100, 0, 900_001], true).await;
    let arguments = ["import", &file, "--base", "staff", "--create-base", "--server", &proxy.url];
    // The import also finds the memberbase over the first connection.
    let ended = memberbase(&arguments).await.expect(0);
    // Members created over the broken connections count as created.
    assert_eq!(ended.counts(), [ROWS, 0, 0, 0, 0]);
    assert_eq!(proxy.connections.load(Ordering::Relaxed), 5);
    assert!(ended.stderr.contains("trying again") && ended.stderr.contains("sent again"), "{}", ended.stderr);
    let again = world.import(&file, "staff", &[]).await.expect(0);
    assert_eq!(again.counts(), [0, 0, ROWS, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_gives_up_reports_its_progress_and_can_be_run_again() {
    let world = World::new().await;
    let file = file(&world);
    let proxy = Proxy::start(world.server.address(), vec![600_000], false).await;
    let arguments =
        ["import", &file, "--base", "staff", "--create-base", "--server", &proxy.url, "--give-up-after", "1"];
    let ended = memberbase(&arguments).await.expect(69);
    assert!(ended.stderr.contains("giving up"), "{}", ended.stderr);
    let [created, _, _, _, failed] = ended.counts();
    assert!(created < ROWS && failed == 0, "{created} created, {failed} failed");
    let id = ended.stderr.split_once("--import-id ").unwrap().1.split(' ').next().unwrap();
    let again = world.import(&file, "staff", &["--import-id", id]).await.expect(0);
    assert_eq!(again.counts(), [ROWS, 0, 0, 0, 0]);
    let another = world.import(&file, "staff", &[]).await.expect(0);
    assert_eq!(another.counts(), [0, 0, ROWS, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_import_reports_its_progress_and_how_to_continue() {
    for (signal, code, name) in [(Signal::INT, 130, "Ctrl-C"), (Signal::TERM, 143, "SIGTERM")] {
        let world = World::new().await;
        let file = file(&world);
        // Some chunks arrive before the connection is cut; afterwards the server cannot be reached.
        let proxy = Proxy::start(world.server.address(), vec![600_000], false).await;
        let arguments = ["import", &file, "--base", "staff", "--create-base", "--server", &proxy.url];
        let ended = super::memberbase_stopped(&arguments, "trying again", signal).await.expect(code);
        let [created, _, _, _, failed] = ended.counts();
        assert!(created < ROWS && failed == 0, "{created} created, {failed} failed");
        assert!(ended.stderr.contains(&format!("{created} rows were applied, and ")), "{}", ended.stderr);
        assert!(ended.stderr.ends_with(&format!("memberbase: stopped by {name}\n")), "{}", ended.stderr);
        let id = ended.stderr.split_once("--import-id ").unwrap().1.split(' ').next().unwrap();
        let again = world.import(&file, "staff", &["--import-id", id]).await.expect(0);
        assert_eq!(again.counts(), [ROWS, 0, 0, 0, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_id_is_refused_for_other_rows() {
    const ID: &str = "014d2pf2dbsqqg28t5cy4tqkff";
    let world = World::new().await;
    world.base("staff", &[]).await;
    let with_id = ["--import-id", ID, "--chunk-rows", "2"];
    let rows = "ref,tier\na,1\nb,1\nc,1\nd,1\n";
    let file = world.file("members.csv", rows);
    world.import(&file, "staff", &with_id).await.expect(0);
    // The same file, and a file that continues it, may use the id again.
    assert_eq!(world.import(&file, "staff", &with_id).await.expect(0).counts(), [4, 0, 0, 0, 0]);
    let longer = world.file("longer.csv", format!("{rows}e,1\n"));
    assert_eq!(world.import(&longer, "staff", &with_id).await.expect(0).counts(), [5, 0, 0, 0, 0]);
    let other = world.file("other.csv", "ref,tier\na,1\nb,1\nx,2\ny,2\n");
    for (file, more, line) in [
        (&other, &with_id[..], "from line 4 on"),
        (&file, &["--import-id", ID, "--chunk-rows", "3"][..], "from line 2 on"),
        (&file, &[&with_id[..], &["--reactivate"]].concat()[..], "from line 2 on"),
    ] {
        let ended = world.import(file, "staff", more).await.expect(64);
        for part in [ID, line, "leave --import-id out"] {
            assert!(ended.stderr.contains(part), "{}", ended.stderr);
        }
    }
    let got = ["get", "--base", "staff", "--server", &world.url, "--ref"];
    memberbase(&[&got[..], &["x"]].concat()).await.expect(1);
    assert_eq!(world.get("staff", "a").await["tier"], "1");
}

/// Rows with every outcome: each member occurs twice, some change the second time, and some rows are bad,
/// including whole chunks.
fn mixed() -> String {
    let mut text = "ref,email,tier\n".to_owned();
    for at in 0..ROWS {
        let (member, again) = (at / 2, at % 2);
        let tier = if member % 3 == 0 { again } else { 0 };
        let at_sign = if member % 7 == 0 || (4_000..6_000).contains(&at) { "" } else { "@" };
        writeln!(text, "crm-{member:08},m{member}{at_sign}example.com,Tier {tier}").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_through_cuts_and_kills_counts_like_an_undisturbed_one() {
    let world = World::new().await;
    let file = world.file("members.csv", mixed());
    let import = |url: String, failed: String| {
        let file = file.clone();
        async move {
            let to = ["--base", "staff", "--create-base", "--chunk-rows", "250", "--server", &url];
            memberbase(&[&["import", &file, "--failed", &failed], &to[..]].concat()).await.expect(1)
        }
    };
    let failed = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let alone = import(world.url.clone(), failed("alone.csv")).await;

    let data = tempfile::tempdir().unwrap();
    let server = Arc::new(Mutex::new(Process::serve(data.path())));
    let mut random = Random(16);
    // Cuts within about 1 MB: one connection that finds the memberbase, and then a dozen cuts, every second
    // one with a kill of the server.
    let cuts = (0..12).map(|_| 20_000 + usize::try_from(random.next() % 100_000).unwrap()).collect();
    let address = server.lock().unwrap().socket();
    let (killed, folder) = (Arc::clone(&server), data.path().to_owned());
    let mut cut = 0;
    let proxy = Proxy::start_with(address, cuts, true, move || {
        let mut server = killed.lock().unwrap();
        cut += 1;
        if cut % 2 == 0 {
            server.signal(Signal::KILL);
            server.wait();
            *server = Process::serve(&folder);
        }
        server.socket()
    });
    let proxy = proxy.await;
    let disturbed = import(proxy.url.clone(), failed("disturbed.csv")).await;
    assert_eq!(disturbed.counts(), alone.counts());
    assert!(disturbed.counts().iter().filter(|count| **count > 0).count() >= 4, "{}", disturbed.stdout);
    assert_eq!(world.read("disturbed.csv"), world.read("alone.csv"));
    assert!(proxy.connections.load(Ordering::Relaxed) > 8, "{}", disturbed.stderr);
}
