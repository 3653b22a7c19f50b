//! Imports with an id: every chunk is applied once, however often it is sent.

use memberbase::api::grpc::v1::{
    FieldSemantics, ImportMembersRequest, ImportMembersResponse, ImportOptions, MemberInput, MemberKey,
    NamedMembers, RenameMemberRequest,
};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use crate::harness::{Base, Server, refused, row, rows};

const IMPORT: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn options(base: &Base) -> ImportOptions {
    ImportOptions { member_base_id: base.id.clone(), import_id: IMPORT.into(), ..Default::default() }
}

fn with_email(r#ref: &str, email: &str) -> MemberInput {
    MemberInput { email: Some(email.into()), ..row(r#ref) }
}

/// Sends numbered chunks over a new stream and collects the replies.
async fn import(
    base: &Base,
    options: ImportOptions,
    chunks: &[(u64, Vec<MemberInput>)],
) -> Result<Vec<ImportMembersResponse>, Status> {
    let mut options = Some(options);
    let message = |(chunk, members): &(u64, Vec<MemberInput>)| ImportMembersRequest {
        options: options.take(),
        chunk: *chunk,
        members: members.clone(),
        ..Default::default()
    };
    let messages: Vec<_> = chunks.iter().map(message).collect();
    let stream = base.client.clone().import_members(tokio_stream::iter(messages)).await?.into_inner();
    stream.collect::<Result<_, _>>().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_chunk_gets_the_reply_of_the_first_time() {
    let server = Server::start().await;
    let base = server.base().await;
    let taken = |at: u64| vec![with_email(&format!("late{at}"), "a@example.com")];
    let chunks = [
        (1, vec![with_email("a", "a@example.com"), row(""), row("b")]),
        (2, vec![MemberInput { tier: Some("Gold".into()), ..row("a") }, row("b"), row("c")]),
        // All rows of this chunk are bad, but would be good after the next chunk.
        (3, taken(3)),
        (4, vec![with_email("a", "other@example.com")]),
        (5, taken(5)),
    ];
    let first = import(&base, options(&base), &chunks).await.unwrap();
    let counts: Vec<_> = first.iter().map(|answer| answer.counts.unwrap()).collect();
    assert_eq!((counts[0].created, counts[0].failed), (2, 1));
    assert_eq!((counts[1].updated, counts[1].unchanged, counts[1].created), (1, 1, 1));
    assert_eq!((counts[2].failed, first[2].failed.len(), counts[4].created), (1, 1, 1));
    assert_eq!(import(&base, options(&base), &chunks).await.unwrap(), first);
    // Repeats from the middle on, with the same id in another notation.
    let id = ImportOptions { import_id: "014d2pf2dbsqqg28t5cy4tqkff".into(), ..options(&base) };
    assert_eq!(import(&base, id, &chunks[2..]).await.unwrap(), first[2..]);
    // Another import id, or none, applies the chunks again.
    for import_id in ["fedcba98-7654-3210-fedc-ba9876543210", ""] {
        let other = ImportOptions { import_id: import_id.into(), ..options(&base) };
        let again = import(&base, other, &chunks[..2]).await.unwrap();
        assert_eq!(
            (again[1].counts.unwrap().unchanged, again[1].counts.unwrap().created),
            (3, 0),
            "{import_id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_replies_name_the_members_of_the_first_time() {
    let server = Server::start().await;
    let base = server.base().await;
    let chunks = [
        vec![with_email("a", "a@example.com"), row("b")],
        vec![row("a"), with_email("b", "a@example.com"), with_email("c", "a@example.com"), row("")],
        vec![row("b"), row("d")],
    ];
    let ask = async |named: NamedMembers| {
        let mut options = Some(options(&base));
        let message = |(at, members): (usize, &Vec<MemberInput>)| ImportMembersRequest {
            options: options.take(),
            chunk: at as u64,
            members: members.clone(),
            named_members: named.into(),
            expect_removals: None,
            expect: None,
        };
        let messages: Vec<_> = chunks.iter().enumerate().map(message).collect();
        let stream =
            base.client.clone().import_members(tokio_stream::iter(messages)).await.unwrap().into_inner();
        let answers = stream.collect::<Result<Vec<ImportMembersResponse>, _>>().await.unwrap();
        answers.into_iter().map(|answer| answer.member_ids).collect::<Vec<_>>()
    };
    // Repeats that ask for other member ids still get the first results.
    let none: Vec<String> = Vec::new();
    assert_eq!(ask(NamedMembers::Unspecified).await, [none.clone(), none.clone(), none.clone()]);
    assert_eq!(ask(NamedMembers::Failed).await, [none.clone(), none.clone(), none.clone()]);
    let all = ask(NamedMembers::All).await;
    let [a, b] = [all[0][0].clone(), all[0][1].clone()];
    assert!(a.starts_with("m_") && b.starts_with("m_") && a != b);
    assert_eq!(all[1], [a, b.clone(), String::new(), String::new()]);
    assert_eq!((&all[2][0], all[2].len()), (&b, 2));
    // `AfterFailure` names members from the first chunk with a failed row on. A row still names its former
    // member after another one got its key.
    for (from, to) in [("b", "z"), ("a", "b")] {
        let request = RenameMemberRequest {
            member_base_id: base.id.clone(),
            key: Some(MemberKey { r#ref: Some(from.into()), ..Default::default() }),
            r#ref: to.into(),
            alias_for: Some(prost_types::Duration::default()),
            ..Default::default()
        };
        base.client.clone().rename_member(request).await.unwrap();
    }
    assert_eq!(ask(NamedMembers::AfterFailure).await, [none, all[1].clone(), all[2].clone()]);
    let unknown = ImportMembersRequest {
        options: Some(options(&base)),
        chunk: 9,
        members: vec![row("x")],
        named_members: 99,
        expect_removals: None,
        expect: None,
    };
    let mut answers =
        base.client.clone().import_members(tokio_stream::iter([unknown])).await.unwrap().into_inner();
    let status = answers.message().await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["named_members"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_chunk_number_is_refused_for_other_rows_options_or_memberbases() {
    let server = Server::start().await;
    let (base, other_base) = (server.base().await, server.base().await);
    let chunks = [(1, rows("a", 3)), (2, rows("b", 3))];
    import(&base, options(&base), &chunks).await.unwrap();
    let replace = ImportOptions { semantics: FieldSemantics::Replace.into(), ..options(&base) };
    let reuses = [
        (options(&base), vec![(1, rows("a", 3)), (2, rows("b", 2))]),
        (replace, vec![(1, rows("a", 3))]),
        (options(&other_base), vec![(1, rows("a", 3))]),
    ];
    for (options, chunks) in reuses {
        let status = import(&base, options, &chunks).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "REQUEST_ID_REUSED"), ["chunk"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_import_id_is_refused() {
    let server = Server::start().await;
    let base = server.base().await;
    for import_id in ["1", "0123456789abcdef0123456789abcdef"] {
        let options = ImportOptions { import_id: import_id.into(), ..options(&base) };
        let status = import(&base, options, &[(1, rows("a", 1))]).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["options.import_id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_ran_when_their_stream_was_cut_count_once() {
    let server = Server::start().await;
    let base = server.base().await;
    let mut chunks: Vec<_> = (0..12).map(|at| (at, rows(&format!("a{at}-"), 900))).collect();
    for (_, members) in &mut chunks[1..] {
        // The first chunk creates this member, and each other chunk changes it.
        members.push(MemberInput { tier: Some(members[0].r#ref().to_owned()), ..row("a0-0") });
    }
    let mut streams = Vec::new();
    for begun in [1, 3, 5, 8, 12] {
        let mut options = Some(options(&base));
        let messages: Vec<_> = (chunks[..begun].iter())
            .map(|(chunk, members)| ImportMembersRequest {
                options: options.take(),
                chunk: *chunk,
                members: members.clone(),
                ..Default::default()
            })
            .collect();
        let mut client = base.client.clone();
        // All streams run at once. Each is dropped after its first reply, while its other chunks are being
        // processed.
        streams.push(tokio::spawn(async move {
            let mut answers = client.import_members(tokio_stream::iter(messages)).await.unwrap().into_inner();
            answers.message().await.unwrap().unwrap()
        }));
    }
    let mut firsts = Vec::new();
    for stream in streams {
        firsts.push(stream.await.unwrap());
    }
    let answers = import(&base, options(&base), &chunks).await.unwrap();
    assert!(firsts.iter().all(|first| *first == answers[0]));
    for (at, answer) in answers.iter().enumerate() {
        let counts = answer.counts.unwrap();
        let updated = u64::from(at > 0);
        assert_eq!(
            (counts.created, counts.updated, counts.unchanged, counts.failed),
            (900, updated, 0, 0),
            "{at}"
        );
    }
}
