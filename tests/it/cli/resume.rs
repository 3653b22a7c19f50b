//! `memberbase import` over a connection that is lost.

use std::sync::atomic::Ordering;

use super::proxy::Proxy;
use super::{World, memberbase};

const ROWS: u64 = 20_000;

fn file(world: &World) -> String {
    let rows = (0..ROWS)
        .map(|i| format!("crm-{i:08},m{i}@example.com,Alexandra,Montgomery {i},Driver on the night shift\n"));
    world.file("members.csv", format!("ref,email,first_name,last_name,role\n{}", rows.collect::<String>()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_after_its_connection_is_lost() {
    let world = World::new().await;
    let file = file(&world);
    // Of about 2 MB: in the middle of a chunk, before the call is made, while connecting, and again late.
    let proxy = Proxy::start(world.server.address(), vec![300_007, 100, 0, 900_001], true).await;
    let arguments = ["import", &file, "--base", "staff", "--create-base", "--server", &proxy.url];
    // The memberbase is found over the first connection as well.
    let ended = memberbase(&arguments).await.expect(0);
    let [created, updated, unchanged, reactivated, failed] = ended.counts();
    assert_eq!((created + unchanged, updated, reactivated, failed), (ROWS, 0, 0, 0));
    assert_eq!(proxy.connections.load(Ordering::Relaxed), 5);
    assert!(ended.stderr.contains("trying again") && ended.stderr.contains("sent again"), "{}", ended.stderr);
    let again = world.import(&file, "staff", &[]).await.expect(0);
    assert_eq!(again.counts(), [0, 0, ROWS, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_gives_up_says_what_it_did_and_can_be_run_again() {
    let world = World::new().await;
    let file = file(&world);
    let proxy = Proxy::start(world.server.address(), vec![600_000], false).await;
    let arguments =
        ["import", &file, "--base", "staff", "--create-base", "--server", &proxy.url, "--give-up-after", "1"];
    let ended = memberbase(&arguments).await.expect(69);
    assert!(ended.stderr.contains("giving up"), "{}", ended.stderr);
    let [created, _, _, _, failed] = ended.counts();
    assert!(created < ROWS && failed == 0, "{created} created, {failed} failed");
    let again = world.import(&file, "staff", &[]).await.expect(0);
    let [more, updated, unchanged, _, _] = again.counts();
    // What was written without an answer counts as unchanged now.
    assert!(unchanged >= created, "{created} acknowledged, {unchanged} found");
    assert_eq!((more + unchanged, updated), (ROWS, 0));
}
