//! The published documentation's commands as printed, with host, key and id replaced.

use serde_json::{Value, json};

use super::{Onsi, Reply};
use crate::harness::Server;
use crate::http::{Http, exchange};

const HOST: &str = "https://api.onsi.com";

const CREATE: &str = include_str!("../../../clients/documented/onsi_create.sh");
const REPLACE: &str = include_str!("../../../clients/documented/onsi_replace.sh");

/// The text between `before` and `after`.
fn between<'a>(text: &'a str, before: &str, after: char) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// The request that the command sends.
async fn run(server: &Server, command: &str, key: &str, id: &str) -> Reply {
    let command = command.replace("<api-key>", key).replace("{id}", id);
    let method = between(&command, "--request ", ' ');
    let path = between(&command, "--url ", ' ').strip_prefix(HOST).unwrap();
    let headers: String = command
        .split("--header '")
        .skip(1)
        .map(|rest| format!("{}\r\n", rest.split_once('\'').unwrap().0))
        .collect();
    let body = between(&command, "--data '", '\'');
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    exchange(server.address(), &head, body.as_bytes()).await
}

/// Asserts that a member has exactly the documented fields, with their types.
fn is_a_member(member: &Value) {
    let text_or_null = |value: &Value| value.is_string() || value.is_null();
    for field in ["email", "memberId", "firstName", "lastName", "tier", "status"] {
        assert!(member[field].is_string(), "{field}: {member}");
    }
    for field in ["phone", "workerId", "dob", "gender"] {
        assert!(member.get(field).is_some_and(text_or_null), "{field}: {member}");
    }
    assert!(member["enablePayroll"].is_boolean(), "{member}");
    let account = &member["accountDetails"];
    for field in ["accountHolder", "sortCode", "accountNumber"] {
        assert!(account[field].is_string(), "{field}: {member}");
    }
    assert_eq!((member.as_object().unwrap().len(), account.as_object().unwrap().len()), (12, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_commands_work() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let made = admin.ok("member-base/create", json!({"name": "Onsi", "new_members": "invited"})).await;
    let token = json!({"access": "write", "member_base_id": made["id"]});
    let key = admin.ok("api-token/create", token).await["token"].as_str().unwrap().to_owned();

    let created = run(&server, CREATE, &key, "").await.is(201);
    is_a_member(&created);
    let id = created["memberId"].as_str().unwrap();
    assert!(id.starts_with("mem_") && id.len() == 30, "{id}");
    let account = json!({"accountHolder": "John Smith", "sortCode": "123456", "accountNumber": "12345678"});
    let mut expected = json!({
        "email": "jane-smith@onsi.com", "memberId": id, "firstName": "John", "lastName": "Smith",
        "phone": "+447123456789", "tier": "Gold", "workerId": "ID_123", "status": "invited",
        "accountDetails": account, "enablePayroll": true, "gender": "Female", "dob": "1990-01-01",
    });
    assert_eq!(created, expected);
    let onsi = Onsi::new(&server, Some(&key), None);
    assert_eq!(onsi.get(&format!("members/{id}")).await.is(200), expected);

    let replaced = run(&server, REPLACE, &key, id).await.is(200);
    is_a_member(&replaced);
    // The command clears the fields that it leaves out.
    expected["dob"] = Value::Null;
    expected["gender"] = Value::Null;
    assert_eq!(replaced, expected);

    onsi.call("DELETE", &format!("members/{id}"), None).await.is(200);
    assert_eq!(run(&server, REPLACE, &key, id).await.is(200), expected);
    let again = run(&server, CREATE, &key, "").await;
    assert_eq!(
        again.issues(400),
        [("MemberAlreadyInvited", "email"), ("InvalidAddMemberPayload", "workerId")]
    );
    assert_eq!(again.body["issues"][0]["memberId"], id);
    assert_eq!(again.body["issues"][0]["email"], "jane-smith@onsi.com");
}
