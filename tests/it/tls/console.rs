//! The session of the console over TLS.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Authority, Server, handshake, rest};

/// Sends a request over a connection of its own, and returns the whole reply.
async fn exchange(server: &Server, authority: &Authority, request: &str) -> String {
    let stream = TcpStream::connect(server.running.address()).await.unwrap();
    let mut stream = handshake(authority, stream).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    String::from_utf8(rest(&mut stream).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_is_sent_over_tls_alone() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(), None).await;
    let channel = server.connect(&authority, None).await.unwrap();
    let wanted = v1::CreateApiTokenRequest { access: "admin".into(), ..Default::default() };
    let made = ApiTokenServiceClient::new(channel).create_api_token(wanted).await.unwrap().into_inner();
    let form = format!("token={}", made.token);
    let port = server.running.address().port();
    let post = |path: &str, cookie: &str, form: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n{cookie}\
             Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        )
    };
    let cookie_of = |reply: &str| {
        let line = reply.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        line.unwrap_or_else(|| panic!("no cookie in {reply}")).to_owned()
    };
    let cookie = cookie_of(&exchange(&server, &authority, &post("/console/sign-in", "", &form)).await);
    for part in ["; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let get = format!("GET /console HTTP/1.1\r\nHost: localhost:{port}\r\n{cookie}Connection: close\r\n\r\n");
    let page = exchange(&server, &authority, &get).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Sign out"), "{page}");
    let proof = page.split_once("name=\"proof\" value=\"").unwrap().1.split_once('"').unwrap().0;
    let out = post("/console/sign-out", &cookie, &format!("proof={proof}"));
    let cookie = cookie_of(&exchange(&server, &authority, &out).await);
    assert!(cookie.contains("Max-Age=0") && cookie.contains("; Secure"), "{cookie}");
    server.running.stop().await.unwrap();
}
