//! Many concurrent callers.

use memberbase::api::grpc::v1;

use crate::harness::{Server, members, rows};

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_create_the_same_members_get_the_same_ids() {
    const WRITERS: usize = 64;
    let server = Server::start().await;
    let base = server.base().await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let mut base = base.clone();
        base.client = members(&server.channel());
        tasks.push(tokio::spawn(async move {
            // Every writer starts at another row.
            let mut members = rows("a", 1_000);
            members.rotate_left(writer * 15);
            let mut ids = Vec::new();
            for part in members.chunks(100) {
                let reply = base.upsert(part.to_vec()).await;
                assert_eq!(reply.counts.unwrap().failed, 0);
                ids.extend(reply.results.into_iter().map(|result| (result.r#ref.unwrap(), result.id)));
            }
            ids.sort();
            ids
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(answers.iter().all(|ids| ids == &answers[0]));
    let get = v1::GetMemberBaseRequest { id: base.id.clone() };
    let shown = server.bases().get_member_base(get).await.unwrap().into_inner().member_base.unwrap();
    assert_eq!(shown.counts.unwrap().total, 1_000);
}
