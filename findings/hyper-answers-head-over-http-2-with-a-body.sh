#!/usr/bin/env bash
# A server made with hyper sends the body of a reply to HEAD over HTTP/2, which ends the request with an error.
#
# Versions: hyper 1.12.0, hyper-util 0.1.21, http-body-util 0.1.3, tokio 1; curl (any version with HTTP/2).
#
# A reply to HEAD has the headers of the reply to GET, and no body (RFC 9110, 9.3.2). A server gives the same
# reply to every request, over HTTP/1.1 and HTTP/2 on one port (`hyper_util::server::conn::auto`).
#
# Guess: HEAD gets the headers and no body over both versions, because hyper knows the method.
#
# Seen: over HTTP/1.1 hyper leaves the body out. Over HTTP/2 it sends the body after the headers. curl takes
# that for a broken stream, shows no status, and exits with 92 (PROTOCOL_ERROR).
#
# Why it matters: a health check by HEAD, as load balancers send it, fails only over HTTP/2, although the server
# says 200. Routers such as axum's leave the body out themselves, so the fault shows only in replies that are made
# beside them.
# memberbase replied to HEAD with bodies at its probes and its front page. It empties such replies now
# (src/server/front/router.rs).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "replies"
version = "0.1.0"
edition = "2024"

[dependencies]
hyper = { version = "=1.12.0", features = ["server", "http1", "http2"] }
hyper-util = { version = "=0.1.21", features = ["server-auto", "tokio"] }
http-body-util = "=0.1.3"
tokio = { version = "1", features = ["macros", "net", "rt"] }
TOML
cat >src/main.rs <<'RUST'
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;

async fn reply(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    Ok(Response::new(Full::new(Bytes::from("ok\n"))))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(reply)).await;
        });
    }
}
RUST
cargo build --quiet
target/debug/replies >address &
server=$!
until [ -s address ]; do sleep 0.1; done

for version in --http1.1 --http2-prior-knowledge; do
    for method in GET HEAD; do
        head=$([ "$method" = HEAD ] && echo --head || echo --get)
        ended=0
        status=$(curl --silent --show-error "$version" "$head" --output /dev/null --write-out '%{http_code}' \
            "http://$(cat address)/" 2>error) || ended=$?
        echo "$version $method: status $status, curl exits with $ended"
    done
done | tee seen

diff - seen <<'EXPECTED'
--http1.1 GET: status 200, curl exits with 0
--http1.1 HEAD: status 200, curl exits with 0
--http2-prior-knowledge GET: status 200, curl exits with 0
--http2-prior-knowledge HEAD: status 000, curl exits with 92
EXPECTED
