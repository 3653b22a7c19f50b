//! The page that a browser gets from the port.

use super::exchange;
use crate::harness::Server;

#[tokio::test(flavor = "multi_thread")]
async fn every_path_on_the_front_page_exists() {
    let server = Server::start().await;
    let send = async |method: &str, path: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\n\r\n"
        );
        exchange(server.address(), &head, b"{}").await
    };
    let page = send("GET", "/").await;
    assert_eq!(page.status, 200);
    let words: Vec<&str> =
        page.text.split_whitespace().map(|word| word.trim_end_matches([',', '.'])).collect();
    let mut paths = 0;
    for (index, path) in words.iter().enumerate().filter(|(_, word)| word.starts_with('/')) {
        // A path stands after its method.
        let method = words[index - 1];
        assert!(["GET", "POST"].contains(&method), "{method} {path}");
        let reply = send(method, path).await;
        assert!(![404, 405].contains(&reply.status), "{method} {path}: {reply:?}");
        if path.ends_with("openapi.json") {
            assert!(reply.body["paths"].is_object(), "{reply:?}");
        }
        paths += 1;
    }
    assert!(paths >= 4, "{}", page.text);
}
