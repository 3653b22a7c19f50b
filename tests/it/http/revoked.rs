//! A token that is revoked while the body of a request arrives is refused at both doors.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::onsi::member;
use super::{Http, Reply, parse};
use crate::harness::{PATIENCE, Server};

/// A memberbase, and a `write` token for it with its secret.
async fn place(admin: &Http) -> (String, Value, String) {
    let base = admin.base().await;
    let made = admin.ok("api-token/create", json!({"access": "write", "member_base_id": base})).await;
    let secret = made["token"].as_str().unwrap().to_owned();
    (base, made, secret)
}

/// Sends the head of a request, has the token revoked when the server asks for the body, and then sends the
/// body.
async fn revoked_meanwhile(server: &Server, admin: &Http, token: &Value, head: &str, body: &Value) -> Reply {
    let exchange = async {
        let body = body.to_string();
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "{head}Host: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, *b"HTTP/1.1 100 Continue\r\n\r\n");
        admin.ok("api-token/revoke", json!({"id": token["id"]})).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        parse(&received, true).unwrap()
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_while_the_body_arrives_is_refused() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);

    let (base, token, secret) = place(&admin).await;
    let head =
        format!("POST /publisher.v1/member/bulk-upsert HTTP/1.1\r\nAuthorization: Bearer {secret}\r\n");
    let body = json!({"member_base_id": base, "members": [{"ref": "a"}]});
    let reply = revoked_meanwhile(&server, &admin, &token, &head, &body).await;
    reply.refused(401, "authentication_error");
    assert!(admin.refs(&base, json!({})).await.is_empty());

    let (base, token, secret) = place(&admin).await;
    let head = format!("POST /v1/members HTTP/1.1\r\nX-API-KEY: {secret}\r\n");
    let reply = revoked_meanwhile(&server, &admin, &token, &head, &member("a@example.com")).await;
    assert_eq!(reply.issues(401), [("Forbidden", "-")]);
    let listed = admin.ok("member/list", json!({"member_base_id": base})).await;
    assert_eq!(listed["data"], json!([]));
}
