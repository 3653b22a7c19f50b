use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::Id;

use super::*;
use crate::server::connections::{Gathered, Weighing};

const LONG: Duration = Duration::from_secs(30);

/// A connection that starts each of these batches of light calls at one poll, and then ends or stays open.
fn connection(batches: Vec<Vec<Work>>, ends: bool) -> WithCalls<impl Future<Output = ()>> {
    connection_within(LONG, batches, ends)
}

/// The same, with so much time for the calls of one poll.
fn connection_within(
    batch_time: Duration,
    batches: Vec<Vec<Work>>,
    ends: bool,
) -> WithCalls<impl Future<Output = ()>> {
    let calls = Calls { batch_time, ..Calls::new(LONG) };
    let starts = calls.clone();
    let mut batches = batches.into_iter();
    let connection = poll_fn(move |_| {
        match batches.next() {
            Some(batch) => batch.into_iter().for_each(|call| light(&starts, call)),
            None if ends => return Poll::Ready(()),
            None => {}
        }
        Poll::Pending
    });
    WithCalls::new(connection, calls)
}

/// Starts a light call, as a connection does.
fn light(calls: &Calls, call: impl Future<Output = ()> + Send + 'static) {
    weighing::next_is_light();
    calls.execute(call);
}

fn work(call: impl Future<Output = ()> + Send + 'static) -> Work {
    Box::pin(call)
}

/// Calls that tell in which task they are made, and what receives that.
fn telling(calls: usize) -> (Vec<Work>, mpsc::UnboundedReceiver<Id>) {
    let (tell, told) = mpsc::unbounded_channel();
    let call = |tell: mpsc::UnboundedSender<Id>| work(async move { tell.send(tokio::task::id()).unwrap() });
    ((0..calls).map(|_| call(tell.clone())).collect(), told)
}

async fn all(mut told: mpsc::UnboundedReceiver<Id>) -> Vec<Id> {
    let mut ids = Vec::new();
    while let Some(id) = told.recv().await {
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn light_calls_are_made_in_the_task_of_their_connection_and_others_are_not() {
    let (batch, told) = telling(2);
    let served = tasks::for_caller(connection(vec![batch], false));
    assert_eq!(all(told).await, vec![served.id(); 2]);
    let (mut heavy, told) = telling(1);
    let calls = Calls::new(LONG);
    let starts = calls.clone();
    let served = tasks::for_caller(WithCalls::new(
        poll_fn(move |_| {
            heavy.drain(..).for_each(|call| starts.execute(call));
            Poll::<()>::Pending
        }),
        calls,
    ));
    let ids = all(told).await;
    assert!(ids.len() == 1 && !ids.contains(&served.id()));
}

#[tokio::test]
async fn two_hundred_calls_of_one_read_are_made_before_the_connection_sends() {
    let made = Arc::new(AtomicUsize::new(0));
    let batch = (0..200).map(|_| {
        let made = Arc::clone(&made);
        // More often than a task may go on without letting others go first.
        work(async move {
            tokio::task::consume_budget().await;
            made.fetch_add(1, Ordering::Relaxed);
        })
    });
    let waiting = FuturesUnordered::new();
    assert!(begin(&mut batch.collect(), &waiting, &mut Until { batch_time: LONG, end: None }));
    assert_eq!((made.load(Ordering::Relaxed), waiting.len()), (200, 0));
}

#[tokio::test]
async fn calls_that_came_while_others_were_made_are_made_too() {
    let ((first, first_told), (second, second_told)) = (telling(1), telling(1));
    let served = tasks::for_caller(connection(vec![first, second], true));
    assert_eq!(all(first_told).await, vec![served.id()]);
    assert_eq!(all(second_told).await.len(), 1);
    served.await.unwrap();
}

#[tokio::test]
async fn a_call_that_panics_ends_alone() {
    let (after, told) = telling(1);
    let mut batch = vec![work(async { panic!("a call") })];
    batch.extend(after);
    let served = tasks::for_caller(connection(vec![batch], true));
    assert_eq!(all(told).await.len(), 1);
    served.await.unwrap();
}

/// A call that waits, then tells in which task it is made, and then panics if it should.
fn waiting(panics: bool) -> (oneshot::Sender<()>, oneshot::Receiver<Id>, Work) {
    let ((go, gone), (tell, told)) = (oneshot::channel(), oneshot::channel());
    let call = work(async move {
        gone.await.unwrap();
        tell.send(tokio::task::id()).unwrap();
        assert!(!panics, "a call");
    });
    (go, told, call)
}

#[tokio::test]
async fn a_call_that_waits_holds_up_no_other_and_goes_on_with_its_connection() {
    let ((go, waited, waits), (others, told)) = (waiting(false), telling(2));
    let mut batch = vec![work(pending()), waits];
    batch.extend(others);
    let served = tasks::for_caller(connection(vec![batch], false));
    assert_eq!(all(told).await, vec![served.id(); 2]);
    go.send(()).unwrap();
    assert_eq!(waited.await.unwrap(), served.id());
}

#[tokio::test]
async fn a_call_that_waited_and_panics_ends_alone() {
    let ((go, waited, panics), (go_on, others_waited, other)) = (waiting(true), waiting(false));
    let served = tasks::for_caller(connection(vec![vec![panics, other]], false));
    go.send(()).unwrap();
    waited.await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(others_waited.await.unwrap(), served.id());
}

#[tokio::test]
async fn a_call_that_turns_out_to_be_large_gets_a_task() {
    let (go, waited, waits) = waiting(false);
    let large = work(async move {
        tasks::want_task();
        waits.await;
    });
    let served = tasks::for_caller(connection(vec![vec![large]], false));
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    assert_ne!(waited.await.unwrap(), served.id());
}

#[tokio::test]
async fn calls_that_waited_when_their_connection_ended_go_on_in_tasks() {
    let (go, waited, waits) = waiting(false);
    let served = tasks::for_caller(connection(vec![vec![waits], Vec::new()], true));
    let id = served.id();
    tokio::task::yield_now().await;
    // The connection begins no call at its second poll. The call wakes it, and it ends.
    go.send(()).unwrap();
    served.await.unwrap();
    assert_ne!(waited.await.unwrap(), id);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn calls_that_wait_let_others_go_first_after_the_time_of_a_batch() {
    let mut waiting: FuturesUnordered<_> = (0..3).map(|_| Within::new(work(async {}))).collect();
    for (batch_time, expected) in [(Duration::ZERO, (false, 3, 1)), (LONG, (true, 0, 0))] {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let any = go_on(&mut waiting, &mut Until { batch_time, end: None }, &mut Context::from_waker(&waker));
        assert_eq!((any, waiting.len(), woken.0.load(Ordering::Relaxed)), expected);
    }
}

#[tokio::test]
async fn what_wakes_a_call_during_its_first_poll_is_not_lost() {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let mut polls = 0;
    let call = poll_fn(move |cx: &mut Context<'_>| {
        polls += 1;
        if polls == 1 {
            // Nobody wakes it again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        tell.take().unwrap().send(polls).unwrap();
        Poll::Ready(())
    });
    tasks::for_caller(connection(vec![vec![work(call)]], false));
    assert_eq!(told.await.unwrap(), 2);
}

#[tokio::test]
async fn calls_that_are_left_after_the_time_of_a_batch_get_tasks() {
    let (batch, told) = telling(3);
    let served = tasks::for_caller(connection_within(Duration::ZERO, vec![batch], false));
    let ids = all(told).await;
    assert!(ids.len() == 3 && !ids.contains(&served.id()));
}

#[tokio::test]
async fn calls_that_were_not_begun_when_their_connection_ended_get_tasks() {
    let (mut batch, told) = telling(2);
    let calls = Calls::new(LONG);
    let starts = calls.clone();
    let ending = poll_fn(move |_| {
        batch.drain(..).for_each(|call| light(&starts, call));
        Poll::Ready(())
    });
    WithCalls::new(ending, calls).await;
    assert_eq!(all(told).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_waits_for_its_peer_does_not_end_the_connection() {
    let gave = work(poll_fn(|_| {
        stall::note(stall::Seen::Gave);
        Poll::Pending
    }));
    let watched = stall::watch(connection(vec![vec![gave]], false), LONG);
    assert!(tokio::time::timeout(10 * LONG, watched).await.is_err());
}

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
async fn reply(request: Request<Incoming>, go: Arc<Notify>) -> Result<Response<Full<Bytes>>, Infallible> {
    match request.uri().path() {
        "/wait" => go.notified().await,
        "/panic" => panic!("a call"),
        _ => {}
    }
    Ok(Response::new(Full::from(vec![7; 400])))
}

#[tokio::test]
async fn replies_to_calls_that_came_together_leave_together() {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (count, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let stream = Gathered::new(Writes { stream: ours, count: Arc::clone(&count) });
    let calls = Calls { batch_time: LONG, ..Calls::new(LONG) };
    let notified = Arc::clone(&go);
    let inner = Arc::new(service_fn(move |request| Box::pin(reply(request, Arc::clone(&notified)))));
    let service = Weighing { inner, is_light: |_| true };
    let started = calls.clone();
    tasks::for_caller(async move {
        let mut builder = auto::Builder::new(started.clone());
        builder.http2().max_concurrent_streams(300);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let _ = WithCalls::new(connection, started).await;
    });
    let executor = TokioExecutor::new();
    let (client, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(executor, TokioIo::new(theirs))
            .await
            .unwrap();
    tasks::for_caller(connection);
    let call = async |path: &str| {
        let request = Request::get(format!("http://localhost{path}")).body(Empty::new()).unwrap();
        Ok::<_, hyper::Error>(
            client.clone().send_request(request).await?.into_body().collect().await?.to_bytes(),
        )
    };
    assert_eq!(call("/first").await.unwrap().len(), 400);
    let before = count.load(Ordering::Relaxed);
    let waits = join_all((0..100).map(|_| call("/wait")));
    let others = join_all((0..100).map(|n| call(if n == 50 { "/panic" } else { "/" })));
    let done = async {
        let replies = others.await;
        // Those that wait hold up no other.
        go.notify_waiters();
        replies
    };
    let (waited, replies) = tokio::join!(waits, done);
    assert_eq!(waited.iter().flatten().filter(|body| body.len() == 400).count(), 100);
    assert_eq!(replies.iter().flatten().filter(|body| body.len() == 400).count(), 99, "one panicked");
    let writes = count.load(Ordering::Relaxed) - before;
    assert!(writes < 40, "{writes} for 200 replies");
}
