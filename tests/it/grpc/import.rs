//! `ImportMembers`.

use memberbase::api::grpc::v1::{
    FieldSemantics, ImportMembersRequest, ImportMembersResponse, ImportOptions, MemberInput,
};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::harness::{Base, Server, refused, row, row_reason, rows};

fn options(base: &Base) -> Option<ImportOptions> {
    Some(ImportOptions { member_base_id: base.id.clone(), ..Default::default() })
}

fn chunk(number: u64, members: Vec<MemberInput>) -> ImportMembersRequest {
    ImportMembersRequest { chunk: number, members, ..Default::default() }
}

/// Sends chunks; returns the replies and the status that the stream ended with.
async fn import(
    base: &mut Base,
    chunks: Vec<ImportMembersRequest>,
) -> (Vec<ImportMembersResponse>, Result<(), Status>) {
    let mut stream = match base.client.import_members(tokio_stream::iter(chunks)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return (Vec::new(), Err(status)),
    };
    let mut answers = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(answer)) => answers.push(answer),
            Ok(None) => return (answers, Ok(())),
            Err(status) => return (answers, Err(status)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_get_replies_in_order_and_are_visible_by_then() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut chunks: Vec<_> = (0..40).map(|i| chunk(i + 1, rows(&format!("a{i}-"), 250))).collect();
    chunks[0].options = options(&base);
    let (answers, end) = import(&mut base, chunks.clone()).await;
    end.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.chunk).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer.counts.unwrap().created == 250 && answer.failed.is_empty()));
    assert!(answers.is_sorted_by_key(|answer| answer.revision));
    assert_eq!(base.refs(Vec::new()).await.len(), 10_000);
    let (again, end) = import(&mut base, chunks).await;
    end.unwrap();
    assert!(again.iter().all(|answer| answer.counts.unwrap().unchanged == 250));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_row_of_a_member_wins_across_chunks() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let tier = |i: u64| MemberInput { tier: Some(format!("t{i}")), ..row("a") };
    let mut chunks: Vec<_> = (0..50).map(|i| chunk(i, vec![tier(i)])).collect();
    chunks[0].options = options(&base);
    let (answers, end) = import(&mut base, chunks).await;
    end.unwrap();
    assert_eq!(answers.len(), 50);
    assert_eq!(base.get("a").await.unwrap().tier.as_deref(), Some("t49"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_reported_and_good_rows_are_written() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let bad = MemberInput { phone: Some("123".into()), ..row("c") };
    let first = ImportMembersRequest {
        options: options(&base),
        chunk: 7,
        members: vec![row("a"), row(""), bad, row("b")],
        ..Default::default()
    };
    let (answers, end) = import(&mut base, vec![first]).await;
    end.unwrap();
    let answer = &answers[0];
    assert_eq!((answer.chunk, answer.counts.unwrap().created, answer.counts.unwrap().failed), (7, 2, 2));
    let failed: Vec<_> = answer.failed.iter().map(|row| (row.index, row_reason(row))).collect();
    assert_eq!(failed, [(1, "REF_INVALID"), (2, "PHONE_INVALID")]);
    assert_eq!(base.refs(Vec::new()).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_apply_to_the_whole_stream() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(rows("a", 2)).await;
    let mut given = options(&base).unwrap();
    given.semantics = FieldSemantics::Replace.into();
    let alone = ImportMembersRequest { options: Some(given), ..Default::default() };
    let (answers, end) =
        import(&mut base, vec![alone, chunk(1, vec![row("a0")]), chunk(2, vec![row("a1")])]).await;
    end.unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(base.get("a1").await.unwrap().first_name, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_the_rules_ends_and_acknowledged_chunks_stay() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let (answers, end) = import(&mut base, vec![chunk(1, vec![row("a")])]).await;
    assert_eq!(refused(&end.unwrap_err(), Code::InvalidArgument, "FIELD_REQUIRED"), ["options"]);
    assert!(answers.is_empty());

    let first = ImportMembersRequest { options: options(&base), ..chunk(1, vec![row("a")]) };
    let second = ImportMembersRequest { options: options(&base), ..chunk(2, vec![row("b")]) };
    let (answers, end) = import(&mut base, vec![first.clone(), second]).await;
    assert_eq!(refused(&end.unwrap_err(), Code::InvalidArgument, "FIELD_INVALID"), ["options"]);
    assert_eq!(answers.len(), 1);

    let (answers, end) = import(&mut base, vec![first.clone(), chunk(2, rows("x", 10_001))]).await;
    refused(&end.unwrap_err(), Code::InvalidArgument, "TOO_MANY_ROWS");
    assert_eq!(answers.len(), 1);

    let long = "x".repeat(1_000);
    let wide = |i: usize| MemberInput {
        attributes: Some(prost_types::Struct {
            fields: [("a".to_owned(), crate::harness::text(&long))].into(),
        }),
        ..row(&format!("w{i}"))
    };
    let (_, end) = import(&mut base, vec![first, chunk(2, (0..9_000).map(wide).collect())]).await;
    refused(&end.unwrap_err(), Code::InvalidArgument, "CHUNK_TOO_LARGE");
    assert_eq!(base.refs(Vec::new()).await, ["a"]);

    let unknown = ImportOptions { member_base_id: format!("mb_{}", "0".repeat(26)), ..Default::default() };
    let first = ImportMembersRequest { options: Some(unknown), ..chunk(1, vec![row("a")]) };
    let (_, end) = import(&mut base, vec![first]).await;
    refused(&end.unwrap_err(), Code::NotFound, "MEMBER_BASE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_leaves_only_whole_chunks() {
    let server = Server::start().await;
    let mut base = server.base().await;
    for round in 0..5 {
        let (chunks, stream) = mpsc::channel(8);
        let first =
            ImportMembersRequest { options: options(&base), ..chunk(0, rows(&format!("r{round}-"), 100)) };
        chunks.send(first).await.unwrap();
        let mut answers = base.client.import_members(ReceiverStream::new(stream)).await.unwrap().into_inner();
        let answer = answers.next().await.unwrap().unwrap();
        assert_eq!(answer.counts.unwrap().created, 100);
        for i in 1..4 {
            chunks.send(chunk(i, rows(&format!("r{round}-{i}-"), 1_000))).await.unwrap();
        }
        // The client drops both halves of the stream while chunks are being sent.
    }
    let refs = base.refs(Vec::new()).await;
    for round in 0..5 {
        let first = refs
            .iter()
            .filter(|name| name.starts_with(&format!("r{round}-")) && name.matches('-').count() == 1);
        assert_eq!(first.count(), 100);
        for i in 1..4 {
            let count = refs.iter().filter(|name| name.starts_with(&format!("r{round}-{i}-"))).count();
            assert!(count == 0 || count == 1_000, "{count} rows of a chunk");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_between_two_chunks_and_keeps_received_chunks() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let (chunks, stream) = mpsc::channel(8);
    let first = ImportMembersRequest { options: options(&base), ..chunk(1, rows("a", 100)) };
    chunks.send(first).await.unwrap();
    let mut answers = base.client.import_members(ReceiverStream::new(stream)).await.unwrap().into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap().chunk, 1);
    let stopped = std::time::Instant::now();
    server.stop().await;
    assert!(stopped.elapsed() < crate::harness::GRACE, "the idle stream delayed the stop");
    let status = answers.next().await.unwrap().unwrap_err();
    refused(&status, Code::Unavailable, "SHUTTING_DOWN");
    drop(chunks);
}
