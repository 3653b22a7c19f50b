//! Malformed bodies get a proper error and have no effect.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Server;
use crate::http::{Http, exchange};

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_json_is_a_bad_request() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let upsert = |rest: &str| format!(r#"{{"member_base_id": "{base}", "members": [{rest}"#).into_bytes();
    let mut bodies = vec![
        Vec::new(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{".to_vec(),
        b"{} {}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"a\":}".to_vec(),
        upsert(""),
        upsert(r#"{"ref": "a"}], "members": []}"#),
        upsert(r#"{"ref": "a", "ref": "b"}]}"#),
        upsert(r#"{"ref": "a", "attributes": {"x": 1, "x": 2}}]}"#),
        upsert(r#"{"ref": "a", "attributes": {"x": 1e400}}]}"#),
        upsert(r#"{"ref": "a", "attributes": {"x": 9007199254740993}}]}"#),
        upsert(r#"{"ref": "a", "attributes": {"x": NaN}}]}"#),
        upsert(r#"{"ref": "\ud800"}]}"#),
        upsert(&format!(
            r#"{{"ref": "a", "attributes": {{"x": {}1{}}}}}]}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        )),
    ];
    let mut not_text = upsert("{\"ref\": \"");
    not_text.extend_from_slice(b"\xff\xfe\"}]}");
    bodies.push(not_text);
    for body in bodies {
        let reply = http.send("member/bulk-upsert", &body).await;
        reply.refused(400, "bad_request");
    }
    assert!(http.refs(&base, json!({})).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_attribute_is_reported_once_and_the_others_are_not() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let faults = async |call: &str, body: String| {
        let reply = http.send(call, body.as_bytes()).await;
        let data = reply.refused(400, "bad_request");
        let faults = data["violations"].as_array().unwrap().iter();
        let told = faults.map(|fault| {
            format!("{} {}", fault["path"].as_str().unwrap(), fault["message"].as_str().unwrap())
        });
        told.collect::<Vec<_>>()
    };
    for key in ["x", "a b", "a.b", "a..b", "a?", "a`b", "?"] {
        let members = format!(r#"[{{"ref": "a", "attributes": {{"{key}": 1, "y": 2, "{key}": 3}}}}]"#);
        let body = format!(r#"{{"member_base_id": "{base}", "members": {members}}}"#);
        let expected = format!("members[0].attributes.{key} is given twice");
        assert_eq!(faults("member/bulk-upsert", body).await, [expected]);
        let types = format!(
            r#"{{"{key}": {{"type": "string"}}, "y": {{"type": "string"}}, "{key}": {{"type": "string"}}}}"#
        );
        let body = format!(r#"{{"member_base_id": "{base}", "schema": {types}}}"#);
        assert_eq!(faults("attribute.schema/set", body).await, [format!("schema.{key} is given twice")]);
    }
    // Beside another fault, the attributes are not reported.
    let members =
        r#"[{"ref": "a", "attributes": {"y": 2}, "colour": 1}, {"ref": 5, "attributes": {"x": 1, "x": 1}}]"#;
    let body = format!(r#"{{"member_base_id": "{base}", "members": {members}}}"#);
    let expected = [
        "members[0].colour is not a field of this call",
        "members[1].ref must be a string, not a number",
        "members[1].attributes.x is given twice",
    ];
    assert_eq!(faults("member/bulk-upsert", body).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_with_and_without_a_length() {
    let server = Server::start_with(|config| config.body_limit = 1 << 20).await;
    let http = Http::new(&server);
    let announced = format!("{JSON}Content-Length: {}\r\n", 1_u64 << 30);
    let reply = http.raw("POST", "member/bulk-upsert", &announced, &vec![b' '; 3 << 20]).await;
    assert_eq!(reply.refused(413, "payload_too_large")["limit"], 1 << 20);
    let mut chunks = Vec::new();
    for _ in 0..40 {
        chunks.extend_from_slice(b"10000\r\n");
        chunks.extend_from_slice(&vec![b' '; 0x10000]);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let chunked = format!("{JSON}Transfer-Encoding: chunked\r\n");
    http.raw("POST", "member/bulk-upsert", &chunked, &chunks).await.refused(413, "payload_too_large");
    // The server still works.
    http.base().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_within_its_body_changes_nothing() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let body = format!(r#"{{"member_base_id": "{base}", "members": [{{"ref": "a"}}]}}"#);
    let head = format!(
        "POST /publisher.v1/member/bulk-upsert HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n",
        body.len() + 10
    );
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert!(http.refs(&base, json!({})).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_of_each_door_needs_no_token() {
    let (server, _) = Server::start_with_token().await;
    for (path, calls) in [("publisher.v1", 27), ("v1", 12)] {
        let head = |method: &str| {
            format!("{method} /{path}/openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        };
        let document = exchange(server.address(), &head("GET"), b"").await;
        assert_eq!((document.status, document.body["openapi"].as_str()), (200, Some("3.1.0")));
        assert!(document.head.to_ascii_lowercase().contains("content-type: application/json"));
        assert_eq!(document.body["paths"].as_object().unwrap().len(), calls);
        assert_eq!(exchange(server.address(), &head("DELETE"), b"").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_methods_and_paths_have_their_own_errors() {
    let server = Server::start().await;
    let http = Http::new(&server);
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        let headers = format!("{kind}Content-Length: 2\r\n");
        http.raw("POST", "api-token/list", &headers, b"{}").await.refused(415, "unsupported_media_type");
    }
    let packed = "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n";
    http.raw("POST", "api-token/list", packed, b"{}").await.refused(415, "unsupported_media_type");
    let charset = "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n";
    assert_eq!(http.raw("POST", "api-token/list", charset, b"{}").await.status, 200);
    for method in ["GET", "PUT", "DELETE"] {
        let reply = http.raw(method, "member/list", "Content-Length: 0\r\n", b"").await;
        reply.refused(405, "method_not_allowed");
    }
    for path in ["", "member", "member/", "member/list/", "members/list", "member/list?x=1/../.."] {
        let reply = http.send(path, b"{}").await;
        if path.contains('?') {
            // These calls have no parameters, so they ignore the query.
            reply.refused(400, "bad_request");
        } else {
            reply.refused(404, "not_found");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_before_sending_its_body_gets_the_refusal_at_once() {
    let server = Server::start().await;
    let too_large = u64::MAX / 2;
    let head = format!(
        "POST /publisher.v1/member/bulk-upsert HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {too_large}\r\n\r\n"
    );
    let reply = exchange(server.address(), &head, b"").await;
    assert!(reply.head.starts_with("HTTP/1.1 413"), "{}", reply.head);
}
