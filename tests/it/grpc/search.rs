//! `ListMembers` with `search`, and `prefix` conditions, which use the same sets.

use memberbase::api::grpc::v1::{self, Pagination};
use tonic::Code;

use crate::harness::{Base, Server, condition, eq, refused, row};

async fn people(base: &mut Base) {
    let member = |r#ref: &str, first: &str, last: &str, company: &str| v1::MemberInput {
        first_name: Some(first.into()),
        last_name: Some(last.into()),
        company: Some(company.into()),
        email: Some(format!("{ref}@example.com")),
        ..row(r#ref)
    };
    base.fill(vec![
        member("a", "José María", "O'Brien", "Acme"),
        member("b", "JOSE", "Muñoz", "acme works"),
        member("c", "Андрей", "Ёлкин", "Завод"),
        member("d", "太郎", "山田", "Acme"),
        v1::MemberInput { worker_id: Some("W-0042".into()), role: Some("Driver".into()), ..row("user_0042") },
    ])
    .await;
}

fn search(base: &Base, text: &str) -> v1::ListMembersRequest {
    v1::ListMembersRequest { search: text.into(), include_total: true, ..base.list_request(vec![]) }
}

async fn refs(base: &mut Base, request: v1::ListMembersRequest) -> String {
    let reply = base.list(request.clone()).await.unwrap();
    assert_eq!(reply.total, Some(reply.members.len() as u64), "{request:?}");
    assert!(!reply.total_is_minimum);
    reply.members.into_iter().map(|member| member.r#ref.unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_finds_the_members_with_a_word_that_it_begins() {
    let server = Server::start().await;
    let mut base = server.base().await;
    people(&mut base).await;
    for (text, expected) in [
        ("j", "a b"),
        ("jos", "a b"),
        ("JOSÉ", "a b"),
        ("jose mar", "a"),
        ("mar jose", "a"),
        ("brien", "a"),
        ("o'brien", "a"),
        ("munoz", "b"),
        ("acm", "a b d"),
        ("acme works", "b"),
        ("ose", ""),
        ("елк", "c"),
        ("ё", "c"),
        ("山", "d"),
        ("田", ""),
        ("0042", "user_0042"),
        ("user_00", "user_0042"),
        ("w-0042 driv", "user_0042"),
        ("example", "a b c d"),
        ("a@ex", "a b d"),
        ("a@example.com brien", "a"),
    ] {
        let request = search(&base, text);
        assert_eq!(refs(&mut base, request).await, expected, "{text}");
    }
    let request = v1::ListMembersRequest { filters: vec![eq("ref", "b")], ..search(&base, "acm") };
    assert_eq!(refs(&mut base, request).await, "b");
    for text in ["@", "  ", &"a".repeat(257)] {
        let request = search(&base, text);
        let status = base.list(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["search"], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_sees_every_acknowledged_write() {
    let server = Server::start().await;
    let mut base = server.base().await;
    people(&mut base).await;
    base.upsert(vec![v1::MemberInput { first_name: Some("Maria".into()), ..row("b") }]).await;
    base.delete(vec![], vec!["a".into()]).await;
    for (text, expected) in [("jos", ""), ("mar", "b"), ("muñ", "b"), ("brien", "")] {
        let request = search(&base, text);
        assert_eq!(refs(&mut base, request).await, expected, "{text}");
    }
    let request = v1::UndeleteMembersRequest {
        member_base_id: base.id.clone(),
        refs: vec!["a".into()],
        ..Default::default()
    };
    base.client.undelete_members(request).await.unwrap();
    let request = search(&base, "brien jos");
    assert_eq!(refs(&mut base, request).await, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_search_have_every_member_once_and_totals_end_at_ten_thousand() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let member = |i: usize| v1::MemberInput {
        first_name: Some(["Anabel", "Anatole", "Bea"][i % 3].into()),
        ..row(&format!("r{i}"))
    };
    base.fill((0..15_300).map(member).collect()).await;
    for (text, expected, is_minimum) in
        [("anab", 5_100, false), ("ana", 10_000, true), ("r1", 6_411, false), ("anabel r", 5_100, false)]
    {
        let reply = base.list(search(&base, text)).await.unwrap();
        assert_eq!((reply.total, reply.total_is_minimum), (Some(expected), is_minimum), "{text}");
    }
    let mut request = search(&base, "anab");
    let mut found = Vec::new();
    loop {
        let reply = base.list(request.clone()).await.unwrap();
        found.extend(reply.members.into_iter().map(|member| member.r#ref.unwrap()));
        let Some(cursor) = reply.page.unwrap().cursor else { break };
        request.pagination = Some(Pagination { cursor: Some(cursor), ..Default::default() });
    }
    let expected: Vec<_> = (0..15_300).step_by(3).map(|i| format!("r{i}")).collect();
    assert_eq!(found, expected);
    // The cursor belongs to its search.
    let first = base.list(search(&base, "anab")).await.unwrap();
    let mut other = search(&base, "anat");
    other.pagination = Some(Pagination { cursor: first.page.unwrap().cursor, ..Default::default() });
    refused(&base.list(other).await.unwrap_err(), Code::InvalidArgument, "CURSOR_INVALID");
    let prefix = |text: &str| condition("first_name", |f| f.prefix = Some(text.into()));
    assert_eq!(base.refs(vec![prefix("Anab")]).await, expected);
    assert_eq!(base.refs(vec![prefix("anab")]).await.len(), 0);
    assert_eq!(base.refs(vec![condition("ref", |f| f.prefix = Some("r152".into()))]).await.len(), 111);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_of_a_search_is_that_of_the_whole_list_on_every_page() {
    let server = Server::start().await;
    let mut base = server.base().await;
    // Sets know only the first four letters, so two thirds of these members are read.
    let member = |i: usize| v1::MemberInput {
        first_name: Some(["Anabel", "Anabas", "Bea"][i % 3].into()),
        ..row(&format!("r{i}"))
    };
    base.fill((0..1_800).map(member).collect()).await;
    for order in ["asc", "desc"] {
        for (limit, skip) in [(1, 0), (30, 0), (30, 40), (599, 0), (600, 0), (700, 0), (30, 590), (30, 650)] {
            let mut request = search(&base, "anabel");
            request.sorts = vec![v1::Sort { key: "id".into(), direction: order.into() }];
            let skip = (skip > 0).then_some(skip);
            request.pagination = Some(Pagination { limit: Some(limit), skip, cursor: None });
            let mut found = 0;
            loop {
                let reply = base.list(request.clone()).await.unwrap();
                assert_eq!((reply.total, reply.total_is_minimum), (Some(600), false), "{limit}, {skip:?}");
                found += reply.members.len();
                let Some(cursor) = reply.page.unwrap().cursor else { break };
                let limit = Some(250);
                request.pagination = Some(Pagination { limit, cursor: Some(cursor), skip: None });
            }
            assert_eq!(found, 600_usize.saturating_sub(skip.unwrap_or(0).try_into().unwrap()), "{limit}");
        }
    }
}
