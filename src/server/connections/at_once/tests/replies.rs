//! How many writes replies take.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::Semaphore;

use super::*;
use crate::server::connections::{Gathered, Weighing};

/// Counts what a connection writes.
struct Writes {
    stream: DuplexStream,
    count: Arc<AtomicUsize>,
}

impl AsyncRead for Writes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Writes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, piece)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A reply of 400 bytes. A call with the path `/wait` waits first, and one with the path `/panic` panics.
async fn reply(request: Request<Incoming>, go: Arc<Semaphore>) -> Result<Response<Full<Bytes>>, Infallible> {
    match request.uri().path() {
        "/wait" => go.acquire().await.unwrap().forget(),
        "/panic" => panic!("a call"),
        _ => {}
    }
    Ok(Response::new(Full::from(vec![7; 400])))
}

/// The client of a connection whose calls are light or not, and how often the connection has written.
async fn connected(
    is_light: fn(&str) -> bool,
    go: &Arc<Semaphore>,
) -> (SendRequest<Empty<Bytes>>, Arc<AtomicUsize>) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let count = Arc::new(AtomicUsize::new(0));
    let stream = Gathered::new(Writes { stream: ours, count: Arc::clone(&count) });
    let calls = Calls { batch_time: LONG, ..Calls::new(LONG) };
    let waits_for = Arc::clone(go);
    let inner = Arc::new(service_fn(move |request| Box::pin(reply(request, Arc::clone(&waits_for)))));
    let service = Weighing { inner, is_light };
    let started = calls.clone();
    tasks::for_caller(async move {
        let mut builder = auto::Builder::new(started.clone());
        builder.http2().max_concurrent_streams(300);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let _ = WithCalls::new(connection, started).await;
    });
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(theirs)).await.unwrap();
    tasks::for_caller(connection);
    (client, count)
}

async fn call(client: &SendRequest<Empty<Bytes>>, path: &str) -> Result<Bytes, hyper::Error> {
    let request = Request::get(format!("http://localhost{path}")).body(Empty::new()).unwrap();
    Ok(client.clone().send_request(request).await?.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn replies_to_calls_that_came_together_leave_together() {
    let go = Arc::new(Semaphore::new(0));
    let (client, count) = connected(|_| true, &go).await;
    assert_eq!(call(&client, "/first").await.unwrap().len(), 400);
    let before = count.load(Ordering::Relaxed);
    let waits = join_all((0..100).map(|_| call(&client, "/wait")));
    let others = join_all((0..100).map(|n| call(&client, if n == 50 { "/panic" } else { "/" })));
    let done = async {
        let replies = others.await;
        // Those that wait hold up no other.
        go.add_permits(100);
        replies
    };
    let (waited, replies) = tokio::join!(waits, done);
    assert_eq!(waited.iter().flatten().filter(|body| body.len() == 400).count(), 100);
    assert_eq!(replies.iter().flatten().filter(|body| body.len() == 400).count(), 99, "one panicked");
    let writes = count.load(Ordering::Relaxed) - before;
    assert!(writes < 40, "{writes} for 200 replies");
}

/// One worker, which polls a task that another one wakes right after that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn replies_of_tasks_that_one_event_woke_leave_together() {
    let go = Arc::new(Semaphore::new(0));
    let (client, count) = connected(|_| false, &go).await;
    assert_eq!(call(&client, "/first").await.unwrap().len(), 400);
    let waits = join_all((0..100).map(|_| call(&client, "/wait")));
    let done = async {
        // These came after those that wait, and were answered.
        join_all((0..100).map(|_| call(&client, "/"))).await;
        let before = count.load(Ordering::Relaxed);
        tasks::for_caller(async move { go.add_permits(100) }).await.unwrap();
        before
    };
    let (waited, before) = tokio::join!(waits, done);
    assert_eq!(waited.iter().flatten().filter(|body| body.len() == 400).count(), 100);
    let writes = count.load(Ordering::Relaxed) - before;
    assert!(writes < 20, "{writes} for 100 replies");
}
