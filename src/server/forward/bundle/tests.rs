//! Calls in bundles, on their way to a server that only these tests have.

mod served;

use std::any::TypeId;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::StdError;

use super::service::Bundling;
use crate::model::Reason;
use crate::server::forward::proof::{BUNDLES, Callers, FORWARDED, Forwarded, PROOF, seconds};
use crate::server::forward::tests::{KEY, answered, forward, pass, refused, toward};
use crate::server::forward::{ForwardCounts, Passed};
use crate::server::metrics::HELLO;

const GET: &str = "/publisher.v1.MemberService/GetMember";

/// What the server of these tests has seen, and what it waits for.
#[derive(Clone)]
struct Seen {
    callers: Callers,
    /// Calls that came in bundles, those that had streams, and requests to open a bundle that did not.
    bundled: Arc<AtomicUsize>,
    streams: Arc<AtomicUsize>,
    unopened: Arc<AtomicUsize>,
    /// Calls that ended before they had a reply.
    left: Arc<AtomicUsize>,
    /// Whether calls that wait go on.
    released: watch::Sender<bool>,
    /// Cuts all connections.
    cut: CancellationToken,
    stopping: CancellationToken,
}

impl Seen {
    fn new() -> Self {
        let callers = Callers::default();
        callers.begin(KEY);
        Self {
            callers,
            bundled: Arc::default(),
            streams: Arc::default(),
            unopened: Arc::default(),
            left: Arc::default(),
            released: watch::Sender::new(false),
            cut: CancellationToken::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Serves connections.
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (inner, callers) = (Arc::new(seen.clone()), seen.callers.clone());
                let service = Bundling { inner, callers, stopping: seen.stopping.clone() };
                let connection =
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                let cut = seen.cut.clone();
                tokio::spawn(async move { cut.run_until_cancelled(connection).await });
            }
        });
        address
    }

    fn counted(&self) -> [usize; 3] {
        [&self.bundled, &self.streams, &self.unopened].map(|count| count.load(Ordering::SeqCst))
    }
}

impl<R> Service<Request<R>> for Seen
where
    R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<StdError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<R>) -> Self::Future {
        let is_stream = TypeId::of::<R>() == TypeId::of::<Incoming>();
        let (seen, request) = (self.clone(), request.map(Body::new));
        Box::pin(async move { Ok(answer(&seen, request, is_stream).await) })
    }
}

/// Counts a call that ends before it has a reply.
struct Leaves<'a>(Option<&'a AtomicUsize>);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        if let Some(left) = self.0 {
            left.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn answer(seen: &Seen, request: Request<Body>, is_stream: bool) -> Response<Body> {
    let mut reply = Response::new(Body::empty());
    if request.uri().path() == HELLO {
        reply.headers_mut().extend(seen.callers.answer(request.headers()).map(|proof| (PROOF, proof)));
        return reply;
    }
    if request.uri().path() == BUNDLES {
        seen.unopened.fetch_add(1, Ordering::SeqCst);
        *reply.status_mut() = 404.try_into().unwrap();
        return reply;
    }
    if is_stream { &seen.streams } else { &seen.bundled }.fetch_add(1, Ordering::SeqCst);
    let mut leaves = Leaves(Some(&seen.left));
    match request.headers().get("x-do").map(HeaderValue::as_bytes) {
        Some(b"wait") => drop(seen.released.subscribe().wait_for(|released| *released).await),
        Some(b"panic") => panic!("as the test wants"),
        Some(b"cut") => {
            seen.cut.cancel();
            std::future::pending().await
        }
        Some(b"endless") => {
            let piece = || Ok::<_, tonic::Status>(http_body::Frame::data(Bytes::from_static(&[0; 10_000])));
            let pieces = futures_util::stream::repeat_with(piece);
            leaves.0 = None;
            return Response::new(Body::new(StreamBody::new(pieces)));
        }
        _ => {}
    }
    leaves.0 = None;
    let (head, body) = request.into_parts();
    let mut trailers = HeaderMap::new();
    let caller = seen.callers.of(&head.headers, seconds);
    trailers.insert("x-proven", format!("{caller:?}").parse().unwrap());
    trailers.insert("x-address", head.uri.to_string().parse().unwrap());
    let others = head.headers.iter().filter(|(name, _)| **name != FORWARDED);
    let mut others: Vec<_> =
        others.map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    others.sort();
    trailers.insert("x-others", others.join(";").parse().unwrap());
    let body = body.collect().await.unwrap().to_bytes();
    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
    Response::builder().header("x-head", "h").body(Body::new(body)).unwrap()
}

/// A call that does this.
fn to_do(what: &str, path: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(format!("http://mb.example{path}"))
        .header("content-type", "application/grpc")
        .header("authorization", "Bearer sk_1")
        .header("x-do", what)
        .body(Body::new(Full::new(body.into())))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn light_calls_travel_together_and_unchanged_in_both_directions() {
    let (seen, counts) = (Seen::new(), ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(seen.start().await));
    let calls = (0..200).map(|number: usize| {
        let forward = forward.clone();
        async move {
            let body = vec![b'a'; number % 100 * 80];
            let mut request = to_do("echo", GET, body.clone());
            for (name, value) in [("grpc-timeout", "5S"), ("x-mine", "1"), ("x-mine", "2")] {
                request.headers_mut().append(name, HeaderValue::from_static(value));
            }
            request.extensions_mut().insert(crate::api::peer::Peer {
                address: "192.0.2.7".parse().unwrap(),
                connection: crate::directory::Connection(1),
            });
            let reply = answered(pass(&forward, request).await);
            assert_eq!((reply.status().as_u16(), &reply.headers()["x-head"]), (200, &"h".parse().unwrap()));
            let collected = reply.into_body().collect().await.unwrap();
            let trailers = collected.trailers().unwrap();
            let proven = Some(Forwarded { caller: Some("192.0.2.7".parse().unwrap()) });
            assert_eq!(trailers["x-proven"], format!("{proven:?}"));
            assert_eq!(
                trailers["x-others"],
                "authorization=Bearer sk_1;content-type=application/grpc;grpc-timeout=5S;x-do=echo;\
                 x-mine=1;x-mine=2"
            );
            assert_eq!(trailers["x-address"], format!("http://mb.example{GET}"));
            assert_eq!(collected.to_bytes(), body);
        }
    });
    join_all(calls).await;
    assert_eq!(seen.counted(), [200, 0, 0]);
    assert_eq!((counts.bundled.get(), counts.answered.get()), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_fit_gets_a_stream() {
    let (seen, counts) = (Seen::new(), ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(seen.start().await));
    let list = "/publisher.v1.MemberService/ListMembers";
    let mut crowded = to_do("echo", GET, "a");
    for _ in 0..128 {
        crowded.headers_mut().append("x-many", HeaderValue::from_static("a"));
    }
    let mut json = to_do("echo", GET, "a");
    json.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    let calls = [to_do("echo", list, "a"), to_do("echo", GET, vec![b'a'; 9_000]), crowded, json];
    for (number, request) in calls.into_iter().enumerate() {
        assert_eq!(answered(pass(&forward, request).await).headers()["x-head"], "h");
        assert_eq!(seen.counted(), [0, number + 1, 0]);
    }
    drop(answered(pass(&forward, to_do("echo", GET, "a")).await));
    assert_eq!(seen.counted(), [1, 4, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_bundles_is_asked_once() {
    let (seen, counts) = (Seen::new(), ForwardCounts::default());
    // It stops, and so opens none; an older one answers the same.
    seen.stopping.cancel();
    let forward = forward(&counts);
    forward.toward(toward(seen.start().await));
    let calls = join_all((0..40).map(|_| pass(&forward, to_do("wait", GET, "a"))));
    let release = async {
        while seen.counted() != [0, 40, 1] {
            tokio::task::yield_now().await;
        }
        seen.released.send_replace(true);
    };
    let (passed, ()) = tokio::join!(calls, release);
    passed.into_iter().for_each(|passed| drop(answered(passed)));
    assert_eq!((counts.connections.get(), counts.bundled.get()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_opens_no_bundle() {
    let seen = Seen::new();
    let address = seen.start().await;
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut calls, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for proof in [None, Some("1000 AAAA")] {
        let mut request =
            Request::post(format!("http://{address}{BUNDLES}")).header("memberbase-bundle", "1");
        if let Some(proof) = proof {
            request = request.header(PROOF, proof);
        }
        let reply = calls.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(reply.status(), 404);
    }
    assert_eq!(seen.counted(), [0, 0, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_panics_or_replies_too_much_ends_alone() {
    let (seen, counts) = (Seen::new(), ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(seen.start().await));
    let mut leaver = Box::pin(pass(&forward, to_do("wait", GET, "a")));
    let waiting = tokio::spawn({
        let forward = forward.clone();
        async move { pass(&forward, to_do("wait", GET, "waited")).await }
    });
    while seen.counted() != [2, 0, 0] {
        assert!(leaver.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(leaver);
    while seen.left.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(refused(pass(&forward, to_do("panic", GET, "a")).await), Reason::AnswerLost);
    assert_eq!(refused(pass(&forward, to_do("endless", GET, "a")).await), Reason::AnswerLost);
    let reply = answered(pass(&forward, to_do("echo", GET, "a")).await);
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "a");
    seen.released.send_replace(true);
    let reply = answered(waiting.await.unwrap());
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "waited");
    assert_eq!((seen.counted(), counts.lost.get(), counts.connections.get()), ([5, 0, 0], 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_answer_is_lost_is_not_sent_again() {
    let (seen, counts) = (Seen::new(), ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(seen.start().await));
    assert_eq!(refused(pass(&forward, to_do("cut", GET, "a")).await), Reason::AnswerLost);
    assert_eq!((seen.counted(), counts.lost.get()), ([1, 0, 0], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answers_the_calls_that_it_has_begun_and_takes_no_more() {
    let (seen, counts) = (Seen::new(), ForwardCounts::default());
    let forward = forward(&counts);
    forward.toward(toward(seen.start().await));
    let spawn = |what: &'static str| {
        let forward = forward.clone();
        tokio::spawn(async move { pass(&forward, to_do(what, GET, what)).await })
    };
    let begun = spawn("wait");
    while seen.counted() != [1, 0, 0] {
        tokio::task::yield_now().await;
    }
    seen.stopping.cancel();
    let next = Seen::new();
    let address = next.start().await;
    seen.released.send_replace(true);
    let reply = answered(begun.await.unwrap());
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "wait");
    forward.toward(toward(address));
    while next.counted()[0] == 0 {
        match spawn("echo").await.unwrap() {
            Passed::Answered(_) => {}
            Passed::Refused(reason) => assert_eq!(reason, Reason::AnswerLost),
            Passed::Here(_) => panic!("it is not here"),
        }
    }
    assert_eq!(seen.counted()[0], 1, "its bundle took no more");
}
