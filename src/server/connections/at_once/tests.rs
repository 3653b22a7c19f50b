mod replies;

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use tokio::sync::{mpsc, oneshot};
use tokio::task::Id;

use super::*;

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

#[tokio::test]
async fn a_connection_that_an_answer_woke_lets_others_go_first_once() {
    let calls = Calls::new(LONG);
    let (go, waited, waits) = waiting(false);
    calls.execute(waits);
    calls.execute(pending::<()>());
    let polls = Arc::new(AtomicUsize::new(0));
    let polled = Arc::clone(&polls);
    let connection = poll_fn(move |_| {
        polled.fetch_add(1, Ordering::Relaxed);
        Poll::<()>::Pending
    });
    let mut connection = Box::pin(WithCalls::new(connection, calls));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut poll = || {
        assert!(connection.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        (polls.load(Ordering::Relaxed), woken.0.load(Ordering::Relaxed))
    };
    assert_eq!(poll(), (1, 0), "none was answered");
    go.send(()).unwrap();
    waited.await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!([poll(), poll(), poll()], [(1, 1), (2, 1), (3, 1)]);
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
