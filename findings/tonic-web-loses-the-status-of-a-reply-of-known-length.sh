#!/usr/bin/env bash
# tonic-web cuts the status off a gRPC-Web reply over HTTP/1.1 if the length of the reply's messages is known.
#
# Versions: tonic 0.14.9, tonic-web 0.14.9, hyper 1.12.0, hyper-util 0.1.21, http-body-util 0.1.3, tower 0.5.3.
#
# A gRPC reply has its status in the trailers. In a gRPC-Web reply the trailers are the last frame of the body: a
# byte 0x80, a length, and lines such as `grpc-status:0`. The script serves a reply of one empty message (five
# bytes) and the status 0 through `GrpcWebLayer`, once as a body that knows that it has five bytes of data, and
# once as a body that does not know.
#
# Guess: both replies end with the frame of the trailers.
#
# Seen: the layer passes on the length of the data as that of the whole body. hyper writes it as `content-length:
# 5` and sends five bytes, so the first reply has no status. The second one is whole.
#
# Why it matters: clients report a call without a status as failed, also if it was a write that succeeded. The
# replies that tonic itself makes do not know their length. Those of layers between tonic and tonic-web may, for
# example if one collects a reply to count or to change it.
# memberbase does not use tonic-web; its own translation has no length (src/server/web/trailers.rs).
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
http = "1"
http-body-util = "=0.1.3"
hyper = { version = "=1.12.0", features = ["server", "http1", "http2"] }
hyper-util = { version = "=0.1.21", features = ["server-auto", "service", "tokio"] }
tokio = { version = "1", features = ["macros", "net", "rt"] }
tonic = { version = "=0.14.9", default-features = false }
tonic-web = "=0.14.9"
tower = { version = "=0.5.3", features = ["util"] }
TOML
cat >src/main.rs <<'RUST'
use std::convert::Infallible;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tonic::body::Body;
use tower::{Layer, service_fn};

const MESSAGE: Bytes = Bytes::from_static(&[0; 5]);

async fn reply(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let body = if request.uri().path() == "/known" {
        Body::new(Full::new(MESSAGE).with_trailers(std::future::ready(Some(Ok(trailers)))))
    } else {
        let frames = [Ok::<_, Infallible>(Frame::data(MESSAGE)), Ok(Frame::trailers(trailers))];
        Body::new(StreamBody::new(futures_util::stream::iter(frames)))
    };
    Ok(Response::new(body))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(tonic_web::GrpcWebLayer::new().layer(service_fn(reply)));
        tokio::spawn(async move {
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
RUST
echo 'futures-util = { version = "0.3", default-features = false, features = ["std"] }' >>Cargo.toml
cargo build --release --quiet
target/release/replies >address &
server=$!
until [ -s address ]; do sleep 0.1; done

for path in known unknown; do
    curl --silent --http1.1 --request POST --header 'content-type: application/grpc-web+proto' \
        --output body --dump-header head "http://$(cat address)/$path"
    length=$(grep -i '^content-length' head | tr -d '\r' || echo 'no content-length')
    grep -aq 'grpc-status:0' body && status='the status 0' || status='no status'
    echo "$path length: $length, $(wc -c <body) bytes, $status"
done | tee seen

diff - seen <<'EXPECTED'
known length: content-length: 5, 5 bytes, no status
unknown length: no content-length, 25 bytes, the status 0
EXPECTED
