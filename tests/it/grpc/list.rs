//! `ListMembers`: filters, pages, sorts, totals.

use memberbase::api::grpc::v1::{self, Filter, Pagination, Regex, Sort};
use prost_types::Struct;
use tonic::Code;

use crate::harness::{Base, Server, condition, eq, list, number, refused, row, rows, text};

/// Six members that differ in the fields that filters compare.
async fn people(server: &Server, base: &mut Base) {
    server.schema(&base.id, &[("size", "number"), ("label", "string"), ("tags", "array")]).await;
    let attributes = |pairs: Vec<(&str, prost_types::Value)>| {
        Some(Struct { fields: pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() })
    };
    let tags = prost_types::Value { kind: Some(prost_types::value::Kind::ListValue(list(&["red", "blue"]))) };
    let people = vec![
        v1::MemberInput {
            tier: Some("gold".into()),
            email: Some("Ana@example.com".into()),
            first_name: Some("Ana".into()),
            dob: Some("1990-01-01".into()),
            ..row("a")
        },
        v1::MemberInput {
            tier: Some("gold".into()),
            status: Some("inactive".into()),
            role: Some("Driver".into()),
            ..row("b")
        },
        v1::MemberInput {
            tier: Some("silver".into()),
            status: Some("invited".into()),
            attributes: attributes(vec![("size", number(42.0)), ("tags", tags)]),
            ..row("c")
        },
        v1::MemberInput {
            worker_id: Some("w1".into()),
            attributes: attributes(vec![("label", text("42"))]),
            ..row("d")
        },
        v1::MemberInput { enable_payroll: Some(true), first_name: Some("anabel".into()), ..row("e") },
        v1::MemberInput { first_name: Some("Äna".into()), dob: Some("2001-05-05".into()), ..row("f") },
    ];
    base.fill(people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operator_finds_the_matching_members() {
    let server = Server::start().await;
    let mut base = server.base().await;
    people(&server, &mut base).await;
    let a_id = base.get("a").await.unwrap().id;
    let regex = |pattern: &str, case_insensitive| Some(Regex { pattern: pattern.into(), case_insensitive });
    let cases: Vec<(&str, Vec<Filter>)> = vec![
        ("abcdef", vec![]),
        ("ab", vec![eq("tier", "gold")]),
        ("", vec![eq("tier", "platinum")]),
        ("cdef", vec![condition("tier", |f| f.ne = Some(text("gold")))]),
        ("abc", vec![condition("tier", |f| f.r#in = Some(list(&["gold", "silver", "none"])))]),
        ("def", vec![condition("tier", |f| f.nin = Some(list(&["gold", "silver"])))]),
        ("abc", vec![condition("tier", |f| f.exists = Some(true))]),
        ("def", vec![condition("tier", |f| f.exists = Some(false))]),
        ("a", vec![eq("tier", "gold"), eq("status", "active")]),
        ("bc", vec![condition("status", |f| f.r#in = Some(list(&["invited", "inactive"])))]),
        ("", vec![condition("status", |f| f.r#in = Some(list(&[])))]),
        ("abcdef", vec![condition("status", |f| f.nin = Some(list(&[])))]),
        ("bd", vec![condition("ref", |f| f.r#in = Some(list(&["b", "d", "zz"])))]),
        ("b", vec![condition("ref", |f| f.r#in = Some(list(&["b", "d"]))), eq("tier", "gold")]),
        ("bcdef", vec![condition("id", |f| f.ne = Some(text(&a_id)))]),
        ("a", vec![eq("id", &a_id.to_uppercase())]),
        ("a", vec![eq("email", "ANA@EXAMPLE.COM")]),
        ("d", vec![eq("worker_id", "w1")]),
        ("ae", vec![condition("first_name", |f| f.regex = regex("^ana", true))]),
        ("aef", vec![condition("first_name", |f| f.regex = regex("na", false))]),
        ("f", vec![condition("first_name", |f| f.regex = regex("^äna$", true))]),
        ("a", vec![condition("first_name", |f| f.prefix = Some("An".into()))]),
        ("f", vec![condition("dob", |f| f.gt = Some(text("1990-01-01")))]),
        ("af", vec![condition("dob", |f| f.gte = Some(text("1990-01-01")))]),
        ("abcdef", vec![condition("created_at", |f| f.lt = Some(text("9999-01-01T00:00:00Z")))]),
        ("e", vec![condition("enable_payroll", |f| f.exists = Some(true))]),
        ("c", vec![condition("attributes.size", |f| f.eq = Some(number(42.0)))]),
        ("d", vec![eq("attributes.label", "42")]),
        ("c", vec![condition("attributes.size", |f| f.exists = Some(true))]),
        ("c", vec![eq("attributes.tags", "blue")]),
        ("c", vec![condition("attributes.size", |f| f.lte = Some(number(42.0)))]),
        (
            "abd",
            vec![Filter {
                or: vec![
                    eq("tier", "gold"),
                    Filter { and: vec![eq("ref", "d"), eq("status", "active")], ..Default::default() },
                ],
                ..Default::default()
            }],
        ),
        (
            "ad",
            vec![
                Filter { or: vec![eq("tier", "gold"), eq("worker_id", "w1")], ..Default::default() },
                condition("role", |f| f.exists = Some(false)),
            ],
        ),
    ];
    for (expected, filters) in cases {
        let found = base.refs(filters.clone()).await.concat();
        assert_eq!(found, expected, "{filters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_where_indexes_suffice_and_absent_elsewhere() {
    let server = Server::start().await;
    let mut base = server.base().await;
    people(&server, &mut base).await;
    let cases = [
        (Some(6), vec![]),
        (Some(2), vec![eq("tier", "gold")]),
        (Some(1), vec![eq("tier", "gold"), eq("status", "inactive")]),
        (Some(4), vec![condition("status", |f| f.eq = Some(text("active")))]),
        (Some(1), vec![eq("ref", "a")]),
        (None, vec![eq("role", "Driver")]),
        (None, vec![eq("tier", "gold"), eq("role", "Driver")]),
    ];
    for (expected, filters) in cases {
        let mut request = base.list_request(filters.clone());
        assert_eq!(base.list(request.clone()).await.unwrap().total, None);
        request.include_total = true;
        assert_eq!(base.list(request).await.unwrap().total, expected, "{filters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_run_both_ways_and_end() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(rows("a", 25)).await;
    let expected: Vec<String> = (0..25).map(|i| format!("a{i}")).collect();
    let sort = |key: &str, direction: &str| vec![Sort { key: key.into(), direction: direction.into() }];
    for (sorts, reversed) in [(vec![], false), (sort("created_at", "asc"), false), (sort("id", "desc"), true)]
    {
        let mut request = v1::ListMembersRequest { sorts, ..base.list_request(Vec::new()) };
        let mut refs = Vec::new();
        let mut sizes = Vec::new();
        let mut cursor = None;
        loop {
            request.pagination = Some(Pagination { limit: Some(10), cursor, skip: None });
            let reply = base.list(request.clone()).await.unwrap();
            let page = reply.page.unwrap();
            assert_eq!(page.page_size as usize, reply.members.len());
            sizes.push(page.page_size);
            refs.extend(reply.members.into_iter().map(|member| member.r#ref.unwrap()));
            cursor = page.cursor;
            if !page.more {
                break;
            }
        }
        if reversed {
            refs.reverse();
        }
        assert_eq!((refs, sizes), (expected.clone(), vec![10, 10, 5]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_counts_matches_after_the_cursor() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let tier = |i: usize| if i.is_multiple_of(2) { "even" } else { "odd" };
    let row = |i: usize| v1::MemberInput {
        tier: Some(tier(i).into()),
        role: Some(tier(i).into()),
        ..row(&format!("a{i}"))
    };
    base.fill((0..100).map(row).collect()).await;
    for key in ["tier", "role"] {
        let page = |cursor, skip| v1::ListMembersRequest {
            pagination: Some(Pagination { limit: Some(3), cursor, skip: Some(skip) }),
            ..base.list_request(vec![eq(key, "odd")])
        };
        let (first, beyond) = (page(None, 5), page(None, 50));
        let first = base.list(first).await.unwrap();
        let refs = |reply: &v1::ListMembersResponse| -> Vec<String> {
            reply.members.iter().map(|member| member.r#ref.clone().unwrap()).collect()
        };
        assert_eq!(refs(&first), ["a11", "a13", "a15"], "{key}");
        let second = v1::ListMembersRequest {
            pagination: Some(Pagination {
                limit: Some(3),
                cursor: first.page.unwrap().cursor,
                skip: Some(2),
            }),
            ..base.list_request(vec![eq(key, "odd")])
        };
        assert_eq!(refs(&base.list(second).await.unwrap()), ["a21", "a23", "a25"], "{key}");
        let beyond = base.list(beyond).await.unwrap();
        assert_eq!((beyond.members.len(), beyond.page.unwrap().more), (0, false));
    }
    let skip = |key, skip| v1::ListMembersRequest {
        pagination: Some(Pagination { skip: Some(skip), ..Default::default() }),
        ..base.list_request(vec![eq(key, "odd")])
    };
    let (indexed, checked) = (skip("tier", 1_000_000), skip("role", 10_001));
    assert!(base.list(indexed).await.is_ok());
    let status = base.list(checked).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "SKIP_INVALID"), ["pagination.skip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_would_read_too_many_members_is_short() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut members = rows("a", 45_000);
    members[44_000].role = Some("needle".into());
    base.fill(members).await;
    let mut request = base.list_request(vec![eq("role", "needle")]);
    let mut sizes = Vec::new();
    loop {
        let page = base.list(request.clone()).await.unwrap().page.unwrap();
        sizes.push(page.page_size);
        if !page.more {
            break;
        }
        request.pagination = Some(Pagination { cursor: page.cursor, ..Default::default() });
    }
    assert_eq!(sizes.iter().sum::<i32>(), 1);
    assert!(sizes.len() > 1 && sizes[0] == 0, "{sizes:?}");
    // The cursor carries the number of members still to skip.
    let mut request = base.list_request(vec![condition("role", |f| f.exists = Some(true))]);
    request.pagination = Some(Pagination { skip: Some(1), ..Default::default() });
    let mut found = 0;
    while let reply = base.list(request.clone()).await.unwrap()
        && let page = reply.page.unwrap()
    {
        found += page.page_size;
        if !page.more {
            break;
        }
        request.pagination = Some(Pagination { cursor: page.cursor, ..Default::default() });
    }
    assert_eq!(found, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_smaller_than_the_limit_of_clients() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("a", "string")]).await;
    let long = "x".repeat(4_096);
    let big = |i: usize| {
        let attributes = Struct { fields: [("a".to_owned(), text(&long))].into() };
        v1::MemberInput { attributes: Some(attributes), ..row(&format!("a{i}")) }
    };
    base.fill((0..2_000).map(big).collect()).await;
    let mut request = base.list_request(Vec::new());
    request.pagination = Some(Pagination { limit: Some(5_000), ..Default::default() });
    let reply = base.list(request).await.unwrap();
    assert!(prost::Message::encoded_len(&reply) <= 3_670_016);
    assert!(reply.members.len() > 800 && reply.page.unwrap().more, "{}", reply.members.len());
    assert_eq!(base.refs(Vec::new()).await.len(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_attribute_is_refused_with_the_list_of_known_ones() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let unknown = || condition("attributes.Size", |f| f.ne = Some(number(1.0)));
    base.fill(vec![row("a")]).await;
    // Members of old stores may have attributes that are older than the schema.
    assert_eq!(base.refs(vec![unknown()]).await, ["a"]);
    people(&server, &mut base).await;
    let nested = Filter { or: vec![eq("tier", "gold"), unknown()], ..Filter::default() };
    for (filter, path, said) in [
        (unknown(), "filters[0].key", "label, size, tags; did you mean size?"),
        (nested, "filters[0].or[1].key", "label, size, tags"),
        (eq("attributes.size", "42"), "filters[0].eq", "must be a number"),
    ] {
        let status = base.list(base.list_request(vec![filter.clone()])).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), [path]);
        assert!(status.message().contains(said), "{}", status.message());
        let request = v1::ExportMembersRequest {
            member_base_id: base.id.clone(),
            filters: vec![filter],
            ..Default::default()
        };
        let status = base.client.export_members(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FILTER_INVALID"), [path]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_with_lists_of_dates_find_the_same_members_with_an_index() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("since", "date")]).await;
    let since = |r#ref: &str, day: &str| v1::MemberInput {
        attributes: Some(Struct { fields: [("since".to_owned(), text(day))].into() }),
        ..row(r#ref)
    };
    base.fill(vec![since("a", "2026-01-01"), since("b", "2026-01-02T00:00:00Z"), row("c")]).await;
    let days = || Some(list(&["2026-01-01T01:00:00+01:00", "2026-01-02"]));
    let is_in = || condition("attributes.since", |f| f.r#in = days());
    let nin = || condition("attributes.since", |f| f.nin = days());
    for indexed in [false, true] {
        let definition = v1::AttributeDefinition { r#type: "date".into(), indexed };
        let request = v1::SetAttributeSchemaRequest {
            member_base_id: base.id.clone(),
            schema: [("since".to_owned(), definition)].into(),
            ..Default::default()
        };
        v1::attribute_service_client::AttributeServiceClient::new(server.channel())
            .set_attribute_schema(request)
            .await
            .unwrap();
        assert_eq!(base.refs(vec![is_in()]).await, ["a", "b"], "{indexed}");
        assert_eq!(base.refs(vec![nin()]).await, ["c"], "{indexed}");
        let either = Filter { or: vec![nin(), eq("attributes.since", "2026-01-02")], ..Filter::default() };
        assert_eq!(base.refs(vec![either]).await, ["b", "c"], "{indexed}");
    }
}
