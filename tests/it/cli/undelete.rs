//! `memberbase undelete`.

use memberbase::api::grpc::v1;

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn deleted_members_come_back_by_ref_id_and_revision_and_the_others_are_named() {
    let world = World::new().await;
    let file =
        world.file("members.csv", "ref,email\na,ana@example.com\nb,bo@example.com\nc,cy@example.com\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let before = world.get("staff", "a").await;
    let bases = world.server.bases().list_member_bases(v1::ListMemberBasesRequest::default()).await;
    let request = v1::BulkDeleteMembersRequest {
        member_base_id: bases.unwrap().into_inner().member_bases.remove(0).id,
        refs: vec!["a".into(), "b".into()],
        ..Default::default()
    };
    let revision =
        world.server.members().bulk_delete_members(request).await.unwrap().into_inner().revisions[0];
    let file = world.file("more.csv", "ref,email\nd,bo@example.com\n");
    world.import(&file, "staff", &[]).await.expect(0);
    let undelete = ["undelete", "--base", "staff", "--server", &world.url];
    let named = ["--ref", "a", "--ref", "b", "--ref", "c", "--ref", "nobody"];
    let ended = memberbase(&[&undelete[..], &named].concat()).await.expect(1);
    assert_eq!(ended.stdout, "a\trestored\nb\trefused\nc\tnot deleted\nnobody\tnot found\n");
    let holder = world.get("staff", "d").await["id"].as_str().unwrap().to_owned();
    assert!(ended.stderr.contains("b: email: ") && ended.stderr.contains(&holder), "{}", ended.stderr);
    let after = world.get("staff", "a").await;
    assert_eq!((&after["id"], &after["created_at"]), (&before["id"], &before["created_at"]));
    let id = after["id"].as_str().unwrap();
    let ended = memberbase(&[&undelete[..], &["--id", id]].concat()).await.expect(0);
    assert_eq!(ended.stdout, format!("{id}\tnot deleted\n"));
    let revision = revision.to_string();
    let ended = memberbase(&[&undelete[..], &["--revision", &revision]].concat()).await.expect(1);
    assert!(ended.stdout.starts_with(&format!("{id}\tnot deleted\n")), "{}", ended.stdout);
    // The revision before deleted nobody.
    let two = ["--revision", "1", "--revision", &revision];
    let ended = memberbase(&[&undelete[..], &two].concat()).await.expect(1);
    assert!(ended.stdout.starts_with(&format!("{id}\tnot deleted\n")), "{}", ended.stdout);
    assert!(ended.stderr.contains("no deletion is known of revision 1"), "{}", ended.stderr);
    memberbase(&undelete).await.expect(64);
    memberbase(&[&undelete[..], &["--id", id, "--ref", "a"]].concat()).await.expect(64);
}
