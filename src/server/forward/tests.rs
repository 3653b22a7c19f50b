//! Calls on their way to a server that only these tests have.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use super::active::Active;
use super::body::SHORT_BYTES;
use super::connect::Target;
use super::proof::{BUNDLES, PROOF};
use super::{Callers, Forward, ForwardCounts, Passed, PeerTls, Toward};
use crate::config::{Advertised, Config};
use crate::engine::postgres::PeerKey;
use crate::model::Reason;
use crate::server::metrics::HELLO;

pub(super) const KEY: PeerKey = PeerKey::for_tests(1);
const PIECE: usize = 64 * 1024;

/// A server that answers like an active one with this key, of a version that knows no bundles.
struct Fake {
    address: SocketAddr,
    /// How many calls it got, without those for proofs.
    calls: Arc<AtomicUsize>,
    /// How many connections.
    connections: Arc<AtomicUsize>,
    /// Once cancelled, nothing is answered on further connections.
    hangs: CancellationToken,
}

impl Fake {
    async fn start(key: PeerKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, calls) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (callers, seen) = (Callers::default(), Arc::clone(&calls));
        callers.begin(key);
        let (connections, hangs) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (accepted, hanging) = (Arc::clone(&connections), hangs.clone());
        tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                if hanging.is_cancelled() {
                    silent.push(stream);
                    continue;
                }
                let cut = CancellationToken::new();
                let (callers, seen, cutting) = (callers.clone(), Arc::clone(&seen), cut.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (callers, seen, cut) = (callers.clone(), Arc::clone(&seen), cutting.clone());
                    async move { Ok::<_, Infallible>(answer(request, &callers, &seen, &cut).await) }
                });
                let connection = http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(256)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { cut.run_until_cancelled(connection).await });
            }
        });
        Self { address, calls, connections, hangs }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn answer(
    request: Request<Incoming>,
    callers: &Callers,
    calls: &AtomicUsize,
    cut: &CancellationToken,
) -> Response<Body> {
    if request.uri().path() == HELLO {
        let mut reply = Response::new(Body::empty());
        reply.headers_mut().extend(callers.answer(request.headers()).map(|proof| (PROOF, proof)));
        return reply;
    }
    if request.uri().path() == BUNDLES {
        return Response::builder().status(404).body(Body::empty()).unwrap();
    }
    calls.fetch_add(1, Ordering::SeqCst);
    let endless = futures_util::stream::repeat_with(|| {
        Ok::<_, Status>(Frame::data(Bytes::from_static(&[b'x'; PIECE])))
    });
    match request.uri().path() {
        "/cut" => {
            cut.cancel();
            std::future::pending().await
        }
        "/half" => {
            let first = futures_util::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from("half")))]);
            let cut = cut.clone();
            let rest = futures_util::stream::once(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                cut.cancel();
                std::future::pending().await
            });
            Response::new(Body::new(StreamBody::new(futures_util::StreamExt::chain(first, rest))))
        }
        "/reset" => {
            // As a server between the two does it.
            let reset = Status::from(h2::Error::from(h2::Reason::NO_ERROR));
            let first = futures_util::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from("half")))]);
            let rest = futures_util::stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(reset)
            });
            Response::new(Body::new(StreamBody::new(futures_util::StreamExt::chain(first, rest))))
        }
        "/endless" => Response::new(Body::new(StreamBody::new(endless))),
        "/unread" => {
            let _unread = request;
            std::future::pending().await
        }
        _ => {
            let token = request.headers().get("authorization").cloned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-length", body.len().into());
            trailers.extend(token.map(|token| (http::HeaderName::from_static("x-token"), token)));
            let body = Full::new(body).with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
            Response::builder().status(418).header("x-head", "h").body(Body::new(body)).unwrap()
        }
    }
}

/// What passes calls on to `fake`, once that is reached.
pub(super) fn forward(counts: &ForwardCounts) -> Forward {
    let forward = Forward::new(PeerTls::of(&Config::default()), counts.clone(), Duration::from_secs(30));
    tokio::spawn(forward.clone().follow(|_| {}));
    forward
}

pub(super) fn toward(address: SocketAddr) -> Toward {
    Toward::There(Box::new((Advertised::parse(&format!("http://{address}")).unwrap(), KEY)))
}

pub(super) async fn pass(forward: &Forward, request: Request<Body>) -> Passed {
    forward.pass_on(request, || Status::unavailable("lost")).await
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Body> {
    let request = Request::post(format!("http://mb.example{path}")).header("authorization", "Bearer sk_1");
    request.body(Body::new(Full::new(body.into()))).unwrap()
}

#[track_caller]
pub(super) fn answered(passed: Passed) -> Response<Body> {
    match passed {
        Passed::Answered(reply) => reply,
        Passed::Here(_) => panic!("it is here"),
        Passed::Refused(reason) => panic!("{reason}"),
    }
}

#[track_caller]
pub(super) fn refused(passed: Passed) -> Reason {
    match passed {
        Passed::Refused(reason) => reason,
        Passed::Here(_) | Passed::Answered(_) => panic!("it is not refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_every_length_pass_unchanged_in_both_directions() {
    let (fake, counts) = (Fake::start(KEY).await, ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(fake.address));
    let lengths = [0, 1, SHORT_BYTES, SHORT_BYTES + 1, 3 << 20];
    for length in lengths {
        let reply = answered(pass(&forward, post("/echo", vec![b'a'; length])).await);
        assert_eq!((reply.status().as_u16(), &reply.headers()["x-head"]), (418, &"h".parse().unwrap()));
        let collected = reply.into_body().collect().await.unwrap();
        let trailers = collected.trailers().unwrap();
        assert_eq!(
            (&trailers["x-length"], &trailers["x-token"]),
            (&length.into(), &"Bearer sk_1".parse().unwrap())
        );
        assert_eq!(collected.to_bytes().len(), length);
    }
    assert_eq!(counts.by_outcome(), [("answered", lengths.len() as u64), ("refused", 0), ("lost", 0)]);
    assert_eq!(counts.connections.get(), 2, "one that is shared, and one for long requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_proves_nothing_gets_no_call_and_no_token() {
    let (fake, counts) = (Fake::start(PeerKey::for_tests(2)).await, ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(fake.address));
    let waiting = tokio::spawn({
        let forward = forward.clone();
        async move { pass(&forward, post("/echo", "a")).await }
    });
    while counts.waiting.get() == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    forward.toward(Toward::Silent);
    assert_eq!(refused(waiting.await.unwrap()), Reason::Standby);
    assert_eq!(fake.calls(), 0);
    // The right one, afterwards.
    let fake = Fake::start(KEY).await;
    forward.toward(toward(fake.address));
    let reply = loop {
        match pass(&forward, post("/echo", "a")).await {
            Passed::Answered(reply) => break reply,
            Passed::Refused(Reason::Standby) => tokio::task::yield_now().await,
            Passed::Refused(_) | Passed::Here(_) => panic!(),
        }
    };
    assert_eq!((reply.status().as_u16(), fake.calls()), (418, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_answer_is_lost_is_not_sent_again() {
    let (fake, counts) = (Fake::start(KEY).await, ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(fake.address));
    for (sent, length) in [(1, 10), (2, 100_000)] {
        assert_eq!(refused(pass(&forward, post("/cut", vec![b'a'; length])).await), Reason::AnswerLost);
        assert_eq!(fake.calls(), sent);
    }
    // The rest of an answer: gRPC ends with a status, everything else breaks off.
    let kinds = [("application/grpc", true), ("application/json", false)];
    for (path, (kind, is_grpc)) in
        ["/half", "/reset"].into_iter().flat_map(|path| kinds.map(|kind| (path, kind)))
    {
        let mut request = post(path, "a");
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let mut body = answered(pass(&forward, request).await).into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        match body.frame().await.unwrap() {
            Ok(last) if is_grpc => {
                let status = Status::from_header_map(last.trailers_ref().unwrap()).unwrap();
                assert_eq!(status.code(), tonic::Code::Unavailable);
            }
            end => assert!(end.is_err() && !is_grpc, "{path} {kind}"),
        }
        assert!(body.frame().await.is_none());
    }
    assert_eq!((fake.calls(), counts.lost.get()), (6, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_a_server_that_is_active_and_only_so_many() {
    let counts = ForwardCounts::default();
    let forward = forward(&counts);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..1_024 {
        let forward = forward.clone();
        waiting.spawn(async move { pass(&forward, post("/echo", "waited")).await });
    }
    while counts.waiting.get() < 1_024 {
        tokio::task::yield_now().await;
    }
    assert_eq!(refused(pass(&forward, post("/echo", "a")).await), Reason::Standby);
    // This server becomes active: they go on here, whole.
    forward.toward(Toward::Here);
    while let Some(passed) = waiting.join_next().await {
        let Passed::Here(request) = passed.unwrap() else { panic!() };
        assert_eq!(request.headers()["authorization"], "Bearer sk_1");
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "waited");
    }
    assert_eq!((counts.waiting.get(), counts.refused.get()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_read_is_not_collected() {
    let (fake, counts) = (Fake::start(KEY).await, ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(fake.address));
    let taken = Arc::new(AtomicUsize::new(0));
    let taking = Arc::clone(&taken);
    let pieces = futures_util::stream::repeat_with(move || {
        taking.fetch_add(PIECE, Ordering::SeqCst);
        Ok::<_, Status>(Frame::data(Bytes::from_static(&[b'x'; PIECE])))
    });
    let request = Request::post("http://mb.example/unread").body(Body::new(StreamBody::new(pieces))).unwrap();
    let passing = tokio::spawn(async move { drop(pass(&forward, request).await) });
    while fake.calls() == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(taken.load(Ordering::SeqCst) < 4 << 20, "{taken:?}");
    passing.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_nobody_reads_hold_up_no_other_call() {
    let (fake, counts) = (Fake::start(KEY).await, ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(fake.address));
    let mut unread = Vec::new();
    for _ in 0..300 {
        unread.push(answered(pass(&forward, post("/endless", "a")).await));
    }
    for _ in 0..10 {
        let reply = answered(pass(&forward, post("/echo", "a")).await);
        assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "a");
    }
    assert_eq!(counts.connections.get(), 10, "32 calls share a connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_one_connection_wait_for_no_other_when_it_fails() {
    let (fake, tls) = (Fake::start(KEY).await, PeerTls::of(&Config::default()));
    let address = Advertised::parse(&format!("http://{}", fake.address)).unwrap();
    let target = Target { address, key: KEY };
    let (active, _calls) = Active::reach(target, tls, ForwardCounts::default()).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..32 {
        held.push(active.take(false).await.unwrap());
    }
    assert_eq!(fake.connections.load(Ordering::SeqCst), 1);
    fake.hangs.cancel();
    let waited = futures_util::future::join_all((0..8).map(|_| active.take(false))).await;
    assert!(waited.iter().all(Result::is_err));
    assert_eq!(fake.connections.load(Ordering::SeqCst), 2, "they tried once, together");
    // Once there is room they need none.
    held.pop();
    assert!(active.take(false).await.is_ok());
}
