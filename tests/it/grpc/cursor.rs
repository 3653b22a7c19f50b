//! Cursors work with one list only, and stay reliable while others write.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memberbase::api::grpc::v1::{self, Pagination, Sort};
use tonic::Code;

use crate::harness::{Server, eq, refused, row, rows};

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_works_with_its_own_list_only() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    base.fill(rows("a", 10)).await;
    other.fill(rows("a", 10)).await;
    let page = |cursor: Option<String>| Some(Pagination { limit: Some(3), cursor, skip: None });
    let mine =
        v1::ListMembersRequest { pagination: page(None), ..base.list_request(vec![eq("status", "active")]) };
    let cursor = base.list(mine.clone()).await.unwrap().page.unwrap().cursor.unwrap();
    let with = |cursor: &str, request: &v1::ListMembersRequest| v1::ListMembersRequest {
        pagination: page(Some(cursor.to_owned())),
        ..request.clone()
    };
    assert_eq!(base.list(with(&cursor, &mine)).await.unwrap().members[0].r#ref.as_deref(), Some("a3"));

    let descending = vec![Sort { key: "id".into(), direction: "desc".into() }];
    let foreign = [
        v1::ListMembersRequest { member_base_id: other.id.clone(), ..mine.clone() },
        v1::ListMembersRequest { filters: Vec::new(), ..mine.clone() },
        v1::ListMembersRequest { filters: vec![eq("status", "invited")], ..mine.clone() },
        v1::ListMembersRequest { sorts: descending, ..mine.clone() },
    ];
    for request in foreign {
        let status = base.list(with(&cursor, &request)).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "CURSOR_INVALID"), ["pagination.cursor"]);
    }
    for place in 0..cursor.len() {
        let mut altered = cursor.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        let status = base.list(with(&altered, &mine)).await.unwrap_err();
        refused(&status, Code::InvalidArgument, "CURSOR_INVALID");
    }
    let status = base.list(with("nonsense", &mine)).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "CURSOR_INVALID");
    assert_eq!(base.list(with("", &mine)).await.unwrap().members[0].r#ref.as_deref(), Some("a0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_every_lasting_member_once_while_others_are_created_and_deleted() {
    const STEADY: usize = 200_000;
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(rows("steady", STEADY)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (mut base, stop) = (base.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                base.fill(rows(&format!("guest{round}-"), 200)).await;
                let change = |i: usize| v1::MemberInput {
                    tier: Some(format!("t{round}")),
                    ..row(&format!("steady{}", (round * 997 + i * 31) % STEADY))
                };
                base.fill((0..200).map(change).collect()).await;
                base.delete(Vec::new(), (0..200).map(|i| format!("guest{round}-{i}")).collect()).await;
                round += 1;
            }
            round
        })
    };
    for direction in ["asc", "desc"] {
        let mut request = base.list_request(Vec::new());
        request.sorts = vec![Sort { key: "id".into(), direction: direction.into() }];
        let mut seen = HashSet::new();
        let mut cursor = None;
        loop {
            request.pagination = Some(Pagination { limit: Some(1000), cursor, skip: None });
            let reply = base.list(request.clone()).await.unwrap();
            for member in reply.members {
                let r#ref = member.r#ref.unwrap();
                assert!(seen.insert(r#ref.clone()), "{ref} twice");
            }
            cursor = reply.page.unwrap().cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.iter().filter(|r#ref| r#ref.starts_with("steady")).count(), STEADY, "{direction}");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 0);
}
