//! Imports that create their memberbase while other programs create one of the same name.

use futures_util::future::join_all;
use memberbase::api::grpc::v1;

use super::{World, gateway, memberbase};

impl World {
    /// All memberbases, by id, with their numbers of members.
    async fn bases(&self) -> Vec<(String, u64)> {
        let all = v1::ListMemberBasesRequest::default();
        let listed = self.server.bases().list_member_bases(all).await.unwrap().into_inner();
        listed.member_bases.into_iter().map(|base| (base.id, base.counts.unwrap().total)).collect()
    }

    /// Runs `memberbase import` of one row through a gateway that first creates `others` memberbases of the
    /// same name.
    async fn import_overtaken(&self, others: usize, is_older: bool) -> super::Ended {
        let file = self.file("members.csv", "ref\na\n");
        let url = gateway::start_overtaking(self.server.channel(), others, is_older).await;
        memberbase(&["import", &file, "--base", "staff", "--create-base", "--server", &url]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_imports_create_one_memberbase() {
    const IMPORTS: usize = 6;
    let world = World::new().await;
    let files: Vec<_> =
        (0..IMPORTS).map(|n| world.file(&format!("{n}.csv"), format!("ref\nm{n}\n"))).collect();
    let ended = join_all(files.iter().map(|file| world.import(file, "staff", &["--create-base"]))).await;
    let makers = ended.iter().filter(|ended| ended.stderr.contains("created memberbase \"staff\": mb_"));
    assert_eq!(makers.count(), 1, "{ended:?}");
    for ended in ended {
        assert_eq!(ended.expect(0).counts(), [1, 0, 0, 0, 0]);
    }
    let bases = world.bases().await;
    assert_eq!((bases.len(), bases[0].1), (1, IMPORTS as u64), "{bases:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_uses_the_memberbase_that_another_program_has_just_created() {
    let world = World::new().await;
    let ended = world.import_overtaken(1, false).await.expect(0);
    assert!(!ended.stderr.contains("created memberbase"), "{}", ended.stderr);
    let bases = world.bases().await;
    assert_eq!((bases.len(), bases[0].1), (1, 1), "{bases:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_stops_if_several_memberbases_have_just_been_created() {
    let world = World::new().await;
    let ended = world.import_overtaken(2, false).await.expect(64);
    let bases = world.bases().await;
    assert!(bases.len() == 2 && bases.iter().all(|(id, members)| *members == 0 && ended.stderr.contains(id)));
    assert!(ended.stderr.contains("NAME_AMBIGUOUS"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_older_server_an_import_stops_if_another_program_has_just_created_one() {
    let world = World::new().await;
    let ended = world.import_overtaken(1, true).await.expect(64);
    assert!(ended.stderr.contains("created memberbase \"staff\": mb_"), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 memberbases are named \"staff\""), "{}", ended.stderr);
    assert!(world.bases().await.iter().all(|(_, members)| *members == 0));

    let world = World::new().await;
    world.import_overtaken(0, true).await.expect(0);
    world.import_overtaken(0, true).await.expect(0);
    let bases = world.bases().await;
    assert_eq!((bases.len(), bases[0].1), (1, 1), "{bases:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_id_creates_no_memberbase() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref\na\n");
    let ended = world.import(&file, "mb_691zba9d7rvxrejsj59qkdwcn", &["--create-base"]).await.expect(64);
    assert!(ended.stderr.contains("looks like an id"), "{}", ended.stderr);
    assert_eq!(world.bases().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_stray_character_finds_the_memberbase_of_the_first_import() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref\na\n");
    for counts in [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]] {
        let ended = world.import(&file, "\u{feff}staff", &["--create-base"]).await.expect(0);
        assert_eq!(ended.counts(), counts);
    }
    assert_eq!(world.bases().await.len(), 1);
}
