//! A server without tokens on a loopback address accepts only requests for a local host name, at every door.
//! A server with tokens accepts requests for any host name.

use memberbase::api::grpc::v1;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::harness::{GRACE, Server, members, refused};
use crate::http::exchange;

async fn post(server: &Server, path: &str, headers: &str) -> crate::http::Reply {
    let head = format!(
        "POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: 2\r\n\r\n"
    );
    exchange(server.address(), &head, b"{}").await
}

/// A `GetMember` call with the host name `host`.
async fn get(server: &Server, host: &str) -> tonic::Status {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap().timeout(GRACE);
    let channel = endpoint.origin(format!("http://{host}").parse().unwrap()).connect().await.unwrap();
    let request = v1::GetMemberRequest { id: Some("m_short".into()), ..Default::default() };
    members(&channel).get_member(request).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_web_page_reaches_a_server_without_tokens() {
    let server = Server::start().await;
    let port = server.address().port();
    let ours = format!("Host: localhost:{port}\r\n");
    for path in ["/publisher.v1/member-base/list", "/v1/members", "/"] {
        for (headers, word) in [
            ("Host: evil.example\r\n".to_owned(), "loopback"),
            (format!("Host: evil.example:{port}\r\nOrigin: http://evil.example:{port}\r\n"), "loopback"),
            (format!("{ours}Origin: https://evil.example\r\n"), "web pages"),
            (format!("{ours}Origin: null\r\n"), "web pages"),
            (format!("{ours}Origin: http://localhost:3000\r\n"), "web pages"),
        ] {
            let reply = post(&server, path, &headers).await;
            assert_eq!(reply.status, 403, "{path} {headers}: {reply:?}");
            if path != "/" {
                assert!(reply.body.to_string().contains(word), "{path} {headers}: {reply:?}");
            }
        }
    }
    let path = "/publisher.v1/member-base/list";
    for headers in [ours.clone(), format!("{ours}Origin: http://localhost:{port}\r\n")] {
        assert_eq!(post(&server, path, &headers).await.status, 200, "{headers}");
    }
    let data = post(&server, path, "Host: evil.example\r\n").await;
    assert_eq!(data.refused(403, "authorization_error")["reason"], "HOST_REFUSED");

    refused(&get(&server, &format!("evil.example:{port}")).await, Code::PermissionDenied, "HOST_REFUSED");
    for host in ["localhost", "[::1]:1", "127.0.0.1"] {
        refused(&get(&server, host).await, Code::InvalidArgument, "ID_MALFORMED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tokens_accepts_any_host_name() {
    let (server, secret) = Server::start_with_token().await;
    let headers =
        format!("Host: members.example\r\nAuthorization: Bearer {secret}\r\nOrigin: https://app.example\r\n");
    assert_eq!(post(&server, "/publisher.v1/member-base/list", &headers).await.status, 200);
    refused(&get(&server, "members.example").await, Code::Unauthenticated, "UNAUTHENTICATED");
}
