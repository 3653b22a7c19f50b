//! How each call changes status, e-mail address and worker id.

use memberbase::api::grpc::v1;
use serde_json::{Value, json};

use super::{Onsi, member, with};
use crate::harness::{Server, row};

const STATUSES: [&str; 3] = ["invited", "active", "inactive"];

#[tokio::test(flavor = "multi_thread")]
async fn every_call_changes_every_status_as_the_table_says() {
    let server = Server::start().await;
    let (onsi, http, _) = Onsi::base(&server).await;
    let revision =
        async |id: &str| http.ok("member/get", json!({"id": id})).await["revision"].as_u64().unwrap();
    let refused = "InvalidUpdateMemberPayload";
    let table = [
        ("activate", ["active", "active", "InvalidUpdateMemberPayload status"]),
        ("delete", ["inactive", "inactive", "inactive"]),
        ("put", ["invited", "active", "invited"]),
        ("patch", ["invited", "active", "inactive"]),
        ("patch nothing", ["invited", "active", "inactive"]),
        ("put e-mail", ["invited", "InvalidUpdateMemberPayload email", "invited"]),
        ("patch e-mail", ["invited", "InvalidUpdateMemberPayload email", "InvalidUpdateMemberPayload email"]),
        // The same address in another case counts as the same address.
        ("put e-mail's case", ["invited", "active", "invited"]),
        ("patch e-mail's case", ["invited", "active", "inactive"]),
        ("post", ["MemberAlreadyInvited email", "MemberAlreadyInvited email", "invited"]),
        ("post e-mail's case", ["MemberAlreadyInvited email", "MemberAlreadyInvited email", "invited"]),
    ];
    // Every other successful call changes something.
    let unchanged = [("activate", "active"), ("delete", "inactive")];
    for (number, (call, expected)) in table.into_iter().enumerate() {
        for (status, expected) in STATUSES.into_iter().zip(expected) {
            let email = format!("{number}-{status}@example.com");
            let id = onsi.member(&email, status).await;
            let path = format!("members/{id}");
            let before = revision(&id).await;
            let other = with(member(&email), json!({"firstName": "Other"}));
            let moved = with(other.clone(), json!({"email": format!("new-{email}")}));
            let upper = with(other.clone(), json!({"email": email.to_uppercase()}));
            let reply = match call {
                "activate" => onsi.call("POST", &format!("{path}/activate"), None).await,
                "delete" => onsi.call("DELETE", &path, None).await,
                "put" => onsi.call("PUT", &path, Some(other)).await,
                "patch" => onsi.call("PATCH", &path, Some(json!({"firstName": "Other"}))).await,
                "patch nothing" => onsi.call("PATCH", &path, Some(json!({}))).await,
                "put e-mail" => onsi.call("PUT", &path, Some(moved)).await,
                "patch e-mail" => onsi.call("PATCH", &path, Some(json!({"email": moved["email"]}))).await,
                "put e-mail's case" => onsi.call("PUT", &path, Some(upper)).await,
                "patch e-mail's case" => {
                    onsi.call("PATCH", &path, Some(json!({"email": upper["email"]}))).await
                }
                "post e-mail's case" => onsi.call("POST", "members", Some(upper)).await,
                _ => onsi.call("POST", "members", Some(other)).await,
            };
            let what = format!("{call} of one who is {status}");
            let after = onsi.get(&path).await.is(200);
            let changes =
                !expected.contains(' ') && call != "patch nothing" && !unchanged.contains(&(call, status));
            assert_eq!(revision(&id).await > before, changes, "{what}");
            match expected.split_once(' ') {
                Some((code, field)) => {
                    assert_eq!(reply.issues(400), [(code, field)], "{what}");
                    let issue = &reply.body["issues"][0];
                    assert_eq!(issue["memberId"], id, "{what}");
                    let message = match (code == refused, field) {
                        (true, "status") => "status cannot change from inactive to active".to_owned(),
                        (true, _) => format!("email cannot change while the member is {status}"),
                        (false, _) => {
                            assert!(issue["email"].as_str().unwrap().eq_ignore_ascii_case(&email));
                            "email belongs to another member of the memberbase".to_owned()
                        }
                    };
                    assert_eq!(issue["message"], message, "{what}");
                    assert_eq!(after["status"], status, "{what}");
                }
                None => {
                    let body = reply.is(if call.starts_with("post") { 201 } else { 200 });
                    assert_eq!(after["status"], expected, "{what}");
                    if call == "delete" {
                        assert_eq!(body, json!({"message": "OK"}));
                    } else {
                        assert_eq!(body, after, "{what}");
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_members_start_as_the_memberbase_says() {
    let server = Server::start().await;
    let (_, http, _) = Onsi::base(&server).await;
    for status in ["invited", "active"] {
        let made = http.ok("member-base/create", json!({"name": "Test", "new_members": status})).await;
        let onsi = Onsi::new(&server, None, made["id"].as_str());
        let (made, id) = onsi.create(member("a@example.com")).await;
        assert_eq!(made["status"], status);
        onsi.call("DELETE", &format!("members/{id}"), None).await.is(200);
        let (back, again) = onsi.create(member("A@Example.com")).await;
        assert_eq!((&back["status"], &again), (&json!(status), &id));
        assert_eq!(back["email"], "A@Example.com", "the address must be stored as given");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_setting_each_door_starts_members_as_documented() {
    let server = Server::start().await;
    let (_, http, _) = Onsi::base(&server).await;
    let made = http.ok("member-base/create", json!({"name": "Test"})).await;
    assert_eq!(made.get("new_members"), None);
    let id = made["id"].as_str().unwrap();
    let onsi = Onsi::new(&server, None, Some(id));
    let status_of = async |r#ref: &str| {
        let asked = json!({"member_base_id": id, "ref": r#ref});
        http.ok("member/get", asked).await["status"].as_str().unwrap().to_owned()
    };
    let (invited, member_id) = onsi.create(member("a@example.com")).await;
    assert_eq!(invited["status"], "invited");
    onsi.call("DELETE", &format!("members/{member_id}"), None).await.is(200);
    let (back, again) = onsi.create(member("a@example.com")).await;
    assert_eq!((&back["status"], &again), (&json!("invited"), &member_id));

    let rows = json!({"member_base_id": id, "members": [{"ref": "publisher"}]});
    http.ok("member/bulk-upsert", rows).await;
    let upsert = v1::BulkUpsertMembersRequest {
        member_base_id: id.into(),
        members: vec![row("rows")],
        ..Default::default()
    };
    let mut grpc = server.members();
    grpc.bulk_upsert_members(upsert).await.unwrap();
    let single = Some(row("single"));
    let create = v1::CreateMemberRequest { member_base_id: id.into(), member: single, ..Default::default() };
    grpc.create_member(create).await.unwrap();
    let options = Some(v1::ImportOptions { member_base_id: id.into(), ..Default::default() });
    let chunk =
        v1::ImportMembersRequest { options, members: vec![row("import")], chunk: 1, ..Default::default() };
    let mut answers = grpc.import_members(tokio_stream::iter([chunk])).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    for name in ["publisher", "rows", "single", "import"] {
        assert_eq!(status_of(name).await, "active", "{name}");
    }
    // Once set, the setting applies at every door.
    http.ok("member-base/update", json!({"id": id, "new_members": "active"})).await;
    assert_eq!(onsi.create(member("b@example.com")).await.0["status"], "active");
    http.ok("member-base/update", json!({"id": id, "new_members": "invited"})).await;
    let rows = json!({"member_base_id": id, "members": [{"ref": "later"}]});
    http.ok("member/bulk-upsert", rows).await;
    assert_eq!(status_of("later").await, "invited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_with_an_account_elsewhere_starts_active_if_both_share_accounts() {
    let server = Server::start().await;
    let (_, http, _) = Onsi::base(&server).await;
    let mut doors = Vec::new();
    for share in [true, true, false] {
        let request = json!({"name": "Test", "new_members": "invited", "share_accounts": share});
        let made = http.ok("member-base/create", request).await;
        doors.push(Onsi::new(&server, None, made["id"].as_str()));
    }
    doors[0].member("a@example.com", "active").await;
    doors[0].member("b@example.com", "invited").await;
    for (door, email, status) in
        [(1, "a@example.com", "active"), (1, "b@example.com", "invited"), (2, "a@example.com", "invited")]
    {
        let (made, id) = doors[door].create(member(email)).await;
        assert_eq!(made["status"], status, "{email}");
        let path = format!("members/{id}");
        for method in ["PUT", "POST"] {
            doors[door].call("DELETE", &path, None).await.is(200);
            let to = if method == "PUT" { &path } else { "members" };
            let back = doors[door].call(method, to, Some(member(email))).await;
            assert_eq!(
                (&back.body["status"], &back.body["memberId"]),
                (&json!(status), &json!(id)),
                "{method}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_reactivated_by_post_has_only_the_new_fields() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let account = json!({"accountHolder": "Jane", "iban": "DE89370400440532013000"});
    let full = json!({"phone": "+447123456789", "workerId": "W1", "accountDetails": account});
    let (_, id) = onsi.create(with(member("a@example.com"), full)).await;
    onsi.call("DELETE", &format!("members/{id}"), None).await.is(200);
    // The member's own worker id is no conflict.
    let (back, again) = onsi.create(with(member("a@example.com"), json!({"workerId": "W1"}))).await;
    assert_eq!(again, id);
    assert_eq!(
        (&back["phone"], &back["accountDetails"], &back["workerId"]),
        (&Value::Null, &Value::Null, &json!("W1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_worker_ids_are_unique_over_all_statuses() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let worker = |email: &str, id: &str| with(member(email), json!({"workerId": id}));
    let mut holders = Vec::new();
    for status in STATUSES {
        let id = onsi.member(&format!("{status}@example.com"), status).await;
        let patch = json!({"workerId": status});
        onsi.call("PATCH", &format!("members/{id}"), Some(patch)).await.is(200);
        holders.push(id);
    }
    let own = onsi.member("own@example.com", "invited").await;
    let path = format!("members/{own}");
    for (status, holder) in STATUSES.into_iter().zip(&holders) {
        let email = format!("{}@EXAMPLE.com", status.to_uppercase());
        // The address in another case.
        let code = if status == "inactive" { "InvalidUpdateMemberPayload" } else { "MemberAlreadyInvited" };
        let about = if status == "inactive" { &own } else { holder };
        for (method, body) in [("PATCH", json!({"email": email})), ("PUT", member(&email))] {
            let reply = onsi.call(method, &path, Some(body)).await;
            assert_eq!(reply.issues(400), [(code, "email")], "{method} {status}");
            assert_eq!(reply.body["issues"][0]["memberId"], json!(about));
        }
        // The worker id.
        for (method, body) in
            [("PATCH", json!({"workerId": status})), ("PUT", worker("own@example.com", status))]
        {
            let reply = onsi.call(method, &path, Some(body)).await;
            assert_eq!(reply.issues(400), [("InvalidUpdateMemberPayload", "workerId")], "{method} {status}");
            assert_eq!(reply.body["issues"][0]["memberId"], json!(own));
        }
        let reply = onsi.call("POST", "members", Some(worker("new@example.com", status))).await;
        assert_eq!(reply.issues(400), [("InvalidAddMemberPayload", "workerId")]);
        assert_eq!(reply.body["issues"][0]["email"], "new@example.com");
    }
    // Worker ids are compared exactly.
    onsi.call("PATCH", &path, Some(json!({"workerId": "ACTIVE"}))).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_keeps_fields_that_this_door_does_not_know() {
    let server = Server::start().await;
    let (onsi, http, base) = Onsi::base(&server).await;
    server.schema(&base, &[("x", "number")]).await;
    let row = json!({
        "ref": "r1", "email": "a@example.com", "role": "Driver", "company": "Acme", "attributes": {"x": 1},
    });
    let ids = http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [row]})).await;
    let path = format!("members/{}", ids[0].as_str().unwrap());
    onsi.call("PUT", &path, Some(member("a@example.com"))).await.is(200);
    let after = http.ok("member/get", json!({"id": ids[0]})).await;
    for name in ["ref", "role", "company", "attributes"] {
        assert_eq!(after[name], row[name], "{name}");
    }
    assert_eq!(after["first_name"], "Jane");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_creates_of_one_address_one_succeeds() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let onsi = onsi.clone();
        tasks.spawn(async move { onsi.call("POST", "members", Some(member("one@example.com"))).await });
    }
    let replies = tasks.join_all().await;
    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.issues(400), [("MemberAlreadyInvited", "email")]);
        assert_eq!(reply.body["issues"][0]["memberId"], made[0].body["memberId"]);
    }
    assert_eq!(onsi.get("members").await.is(200)["total"], 1);
}
