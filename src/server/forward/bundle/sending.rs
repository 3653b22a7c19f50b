//! The side of the standby: calls that it sends in a bundle, and who waits for their replies.

use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tonic::Status;

use super::frame::{self, Cutter, FromActive, REPLY_MAX_BYTES, Whole};
use crate::stored::DecodeError;
use crate::stored::bytes::Writer;
use crate::tasks;

/// Most calls of a bundle at a time.
const CALLS_MAX: u32 = 64;
/// How much may wait to be sent, in bytes: the frames of all these calls. Only if the active server reads
/// nothing do calls that left leave more behind.
const WAITING_BYTES: usize = 1024 * 1024;

/// An open bundle. Dropping it ends it, after the replies to its calls.
pub struct Bundle {
    line: Arc<Line>,
    running: Arc<AtomicU32>,
}

/// Why a call has no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It was not begun, and will not be: it does not fit, or the bundle has ended.
    Unbegun,
    /// It may have been done.
    Lost,
}

type Answer = Result<Whole, Unanswered>;

/// What callers, the connection and the reader of replies share.
struct Line(Mutex<State>);

struct State {
    /// Frames that the connection has not taken yet.
    out: Writer,
    /// The number of the next call, and that of the first call which the connection has not taken yet.
    next: u64,
    unsent: u64,
    /// Who waits for replies.
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    /// Whether calls are sent.
    is_open: bool,
    /// The connection, if it waits for frames.
    connection: Option<Waker>,
}

impl Bundle {
    /// A bundle that was not opened yet, and the body of the request that opens it.
    pub fn new() -> (Self, Frames) {
        let line = Arc::new(Line(Mutex::new(State {
            out: Writer::default(),
            next: 1,
            unsent: 1,
            waiting: HashMap::new(),
            is_open: true,
            connection: None,
        })));
        (Self { line: Arc::clone(&line), running: Arc::default() }, Frames(line))
    }

    /// The bundle was opened: replies are read from now on.
    pub fn begin(&self, replies: Incoming) {
        let line = Arc::clone(&self.line);
        tasks::for_caller(async move {
            if let Err(error) = line.read(replies).await {
                tracing::debug!(error, "a bundle of calls ended");
            }
            line.end();
        });
    }

    /// A place for a call, unless the bundle has ended or has as many as it may have. It is given back by
    /// subtracting one.
    pub fn place(&self) -> Option<Arc<AtomicU32>> {
        if self.running.load(Ordering::Relaxed) >= CALLS_MAX || !self.line.state().is_open {
            return None;
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&self.running))
    }

    /// Sends a call, and waits for its reply. If this is dropped before, the call ends.
    pub async fn call(&self, head: &Request<()>, body: &[u8]) -> Answer {
        let (number, answered) = self.line.send(head, body)?;
        let mut asking = Asking { line: &self.line, number, is_over: false };
        let answer = answered.await.unwrap_or(Err(Unanswered::Lost));
        asking.is_over = true;
        answer
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let mut state = self.line.state();
        state.is_open = false;
        state.wake();
    }
}

/// A call that waits.
struct Asking<'a> {
    line: &'a Line,
    number: u64,
    is_over: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut state = self.line.state();
            if state.waiting.remove(&self.number).is_some() {
                frame::leave(&mut state.out, self.number);
                state.wake();
            }
        }
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, head: &Request<()>, body: &[u8]) -> Result<(u64, oneshot::Receiver<Answer>), Unanswered> {
        let (tell, answered) = oneshot::channel();
        let address = frame::address(head.uri());
        let mut state = self.state();
        let number = state.next;
        let has_room = state.is_open && state.out.0.len() < WAITING_BYTES;
        if !has_room || !frame::call(&mut state.out, number, head, &address, body) {
            return Err(Unanswered::Unbegun);
        }
        state.next += 1;
        state.waiting.insert(number, tell);
        state.wake();
        Ok((number, answered))
    }

    /// Gives replies to those who wait for them, until there are no more.
    async fn read(&self, mut replies: Incoming) -> Result<(), String> {
        let mut cutter = Cutter::new(REPLY_MAX_BYTES);
        while let Some(piece) = replies.frame().await {
            let piece = piece.map_err(|error| error.to_string())?;
            let Ok(data) = piece.into_data() else { continue };
            cutter.push(data);
            self.state().answer(&mut cutter).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// There are no more replies.
    fn end(&self) {
        let mut state = self.state();
        let unsent = state.unsent;
        state.close(|number| if number < unsent { Unanswered::Lost } else { Unanswered::Unbegun });
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.wake();
        }
    }

    fn answer(&mut self, cutter: &mut Cutter) -> Result<(), DecodeError> {
        while let Some(frame) = cutter.next()? {
            // Copied, because a caller may keep it, and it would keep all that came with it.
            let (number, answer) = match frame::from_active(&Bytes::copy_from_slice(&frame))? {
                FromActive::Reply { number, reply } => (number, Ok(*reply)),
                FromActive::Broken { number } => (number, Err(Unanswered::Lost)),
                FromActive::Stop { last } => {
                    self.stop(last);
                    continue;
                }
            };
            // The others have left.
            if let Some(caller) = self.waiting.remove(&number) {
                let _ = caller.send(answer);
            }
        }
        Ok(())
    }

    /// Calls after this one are not begun, and no more are sent.
    fn stop(&mut self, last: u64) {
        let (begun, others): (HashMap<_, _>, HashMap<_, _>) =
            mem::take(&mut self.waiting).into_iter().partition(|(number, _)| *number <= last);
        self.waiting = others;
        self.close(|_| Unanswered::Unbegun);
        self.waiting = begun;
    }

    /// Sends no more, and tells everybody who waits why there is no reply.
    fn close(&mut self, why: impl Fn(u64) -> Unanswered) {
        self.is_open = false;
        self.out.0.clear();
        for (number, caller) in mem::take(&mut self.waiting) {
            let _ = caller.send(Err(why(number)));
        }
        self.wake();
    }
}

/// The frames of calls, as the body of the request that opens a bundle.
pub struct Frames(Arc<Line>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut state = self.0.state();
        if !state.out.0.is_empty() {
            state.unsent = state.next;
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut state.out.0).into()))));
        }
        if !state.is_open {
            return Poll::Ready(None);
        }
        state.connection = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_util::FutureExt;
    use http_body::Body;

    use super::super::frame::{CALL_MAX_BYTES, ToActive};
    use super::*;

    /// The frames of a bundle that is not connected.
    struct Sent(Frames, Cutter);

    impl Sent {
        fn new() -> (Bundle, Self) {
            let (bundle, frames) = Bundle::new();
            (bundle, Self(frames, Cutter::new(CALL_MAX_BYTES)))
        }

        /// The kinds and numbers of the frames that the connection takes now.
        fn taken(&mut self) -> Vec<(&'static str, u64)> {
            let mut cx = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut self.0).poll_frame(&mut cx) {
                self.1.push(frame.into_data().unwrap());
            }
            let mut taken = Vec::new();
            while let Some(frame) = self.1.next().unwrap() {
                taken.push(match frame::to_active(&frame).unwrap() {
                    ToActive::Call { number, .. } => ("call", number),
                    ToActive::Leave { number } => ("leave", number),
                });
            }
            taken
        }
    }

    impl Bundle {
        /// The active server sends these frames.
        fn told(&self, write: impl FnOnce(&mut Writer)) -> Result<(), DecodeError> {
            let (mut out, mut cutter) = (Writer::default(), Cutter::new(REPLY_MAX_BYTES));
            write(&mut out);
            cutter.push(out.0.into());
            self.line.state().answer(&mut cutter)
        }
    }

    fn head() -> Request<()> {
        Request::post("http://mb/a").body(()).unwrap()
    }

    fn reply(out: &mut Writer, number: u64) {
        assert!(frame::reply(out, number, &Whole { status: 200, ..Whole::default() }));
    }

    #[track_caller]
    fn assert_answered(answer: Option<Answer>) {
        assert_eq!(answer.unwrap().unwrap().status, 200);
    }

    #[track_caller]
    fn unanswered(answer: Option<Answer>) -> Unanswered {
        answer.unwrap().unwrap_err()
    }

    #[test]
    fn a_stop_says_which_calls_go_elsewhere() {
        let (head, (bundle, mut sent)) = (head(), Sent::new());
        let [mut first, mut second, mut third] = std::array::from_fn(|_| Box::pin(bundle.call(&head, b"a")));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        assert_eq!(sent.taken(), [("call", 1), ("call", 2)]);
        assert!(third.as_mut().now_or_never().is_none());
        bundle.told(|out| frame::stop(out, 1)).unwrap();
        assert_eq!(unanswered(second.now_or_never()), Unanswered::Unbegun);
        assert_eq!(unanswered(third.now_or_never()), Unanswered::Unbegun, "it was not even sent");
        assert!(first.as_mut().now_or_never().is_none() && bundle.place().is_none());
        assert_eq!(unanswered(bundle.call(&head, b"a").now_or_never()), Unanswered::Unbegun);
        bundle.told(|out| reply(out, 1)).unwrap();
        assert_answered(first.now_or_never());
        assert_eq!(sent.taken(), []);
    }

    #[test]
    fn the_end_of_a_bundle_loses_only_what_was_sent() {
        let (head, (bundle, mut sent)) = (head(), Sent::new());
        let [mut lost, mut broken, mut unsent] = std::array::from_fn(|_| Box::pin(bundle.call(&head, b"a")));
        assert!(lost.as_mut().now_or_never().is_none() && broken.as_mut().now_or_never().is_none());
        assert_eq!(sent.taken(), [("call", 1), ("call", 2)]);
        assert!(unsent.as_mut().now_or_never().is_none());
        bundle.told(|out| frame::broken(out, 2)).unwrap();
        assert_eq!(unanswered(broken.now_or_never()), Unanswered::Lost);
        assert!(bundle.told(|out| out.0.extend_from_slice(&[2, 0, 0, 0, 9, 1])).is_err());
        bundle.line.end();
        assert_eq!(unanswered(lost.now_or_never()), Unanswered::Lost);
        assert_eq!(unanswered(unsent.now_or_never()), Unanswered::Unbegun);
    }

    #[test]
    fn a_caller_that_leaves_says_so_and_what_nobody_takes_has_a_limit() {
        let (head, (bundle, mut sent)) = (head(), Sent::new());
        let [mut answered, mut left] = std::array::from_fn(|_| Box::pin(bundle.call(&head, b"a")));
        assert!(answered.as_mut().now_or_never().is_none() && left.as_mut().now_or_never().is_none());
        bundle.told(|out| reply(out, 1)).unwrap();
        assert_answered(answered.now_or_never());
        drop(left);
        assert_eq!(sent.taken(), [("call", 1), ("call", 2), ("leave", 2)]);
        // A reply to nobody.
        bundle.told(|out| reply(out, 2)).unwrap();
        let message = vec![0; 8 * 1024];
        let refused = (0..1_000).find(|_| bundle.call(&head, &message).now_or_never().is_some());
        assert!(refused.is_some_and(|calls| (100..200).contains(&calls)), "{refused:?}");
        let places: Vec<_> = std::iter::from_fn(|| bundle.place()).collect();
        assert_eq!(places.len(), 64);
        places[0].fetch_sub(1, Ordering::Relaxed);
        assert!(bundle.place().is_some());
    }
}
