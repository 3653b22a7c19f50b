//! The calls of the published documentation as printed: paths, bodies and shapes of replies.

use serde_json::{Value, json};

use super::{Orbiit, emails};
use crate::harness::Server;
use crate::http::{Http, exchange};

/// The request that the documentation prints, with its host and its `:workspaceId` replaced.
async fn send(server: &Server, workspace: &str, token: &str, printed: &str, body: Option<Value>) -> Value {
    let (method, url) = printed.split_once(' ').unwrap();
    let path = url.strip_prefix("https://api.orbiit.ai").unwrap().replace(":workspaceId", workspace);
    let text = body.map(|body| body.to_string()).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    exchange(server.address(), &head, text.as_bytes()).await.is(200)
}

/// Asserts that an object has these fields and no others.
#[track_caller]
fn has_fields(object: &Value, mut expected: Vec<&str>) {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "{object}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_calls_about_members_work() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let workspace = admin.base().await;
    let token = json!({"access": "write", "member_base_id": workspace});
    let token = admin.ok("api-token/create", token).await["token"].as_str().unwrap().to_owned();
    let call = async |printed, body| send(&server, &workspace, &token, printed, body).await;

    let printed = "POST https://api.orbiit.ai/v0/workspaces/:workspaceId/members";
    let timothy = json!({
        "email": "timothy@example.com", "firstName": "Timothy", "lastName": "Tester", "role": "QA Tester",
        "company": "Example, Inc.",
    });
    let ada = json!({"email": "ada@example.com", "firstName": "Ada"});
    let saved = call(printed, Some(json!({"members": [timothy, ada]}))).await;
    has_fields(&saved, vec!["results"]);
    let ids: Vec<&str> =
        saved["results"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let saved_as =
        |id: &str, email: &str, outcome: &str| json!({"id": id, "email": email, "outcome": outcome});
    let expected =
        [saved_as(ids[0], "timothy@example.com", "created"), saved_as(ids[1], "ada@example.com", "created")];
    assert_eq!(saved["results"], json!(expected));
    // Partial data changes the member that it matches.
    let partial = json!({"members": [{"email": "ada@example.com", "role": "Engineer"}]});
    let changed = call(printed, Some(partial)).await;
    assert_eq!(changed["results"], json!([saved_as(ids[1], "ada@example.com", "updated")]));

    let page = call("GET https://api.orbiit.ai/v0/workspaces/:workspaceId/members", None).await;
    has_fields(&page, vec!["totalCount", "nodes", "pageInfo"]);
    has_fields(&page["pageInfo"], vec!["startCursor", "endCursor", "hasNextPage", "hasPreviousPage"]);
    assert_eq!(page["totalCount"], 2);
    assert_eq!(emails(&page), ["ada@example.com", "timothy@example.com"]);
    let fields = json!({
        "first_name": "Timothy", "last_name": "Tester", "role": "QA Tester", "company": "Example, Inc.",
    });
    let expected = json!({"_id": ids[0], "email": "timothy@example.com", "fields": fields});
    assert_eq!(page["nodes"][1], expected);
    assert_eq!(
        page["nodes"][0]["fields"],
        json!({"first_name": "Ada", "last_name": null, "role": "Engineer", "company": null})
    );

    let printed = "DELETE https://api.orbiit.ai/v0/workspaces/:workspaceId/members";
    let deleted = call(printed, Some(json!({"memberIds": [ids[0]]}))).await;
    assert_eq!(deleted, json!({"deletedCount": 1}));
    let left = Orbiit::new(server.address(), &workspace, Some(&token)).get("members").await.is(200);
    assert_eq!((emails(&left), &left["totalCount"]), (vec!["ada@example.com"], &json!(1)));
}
