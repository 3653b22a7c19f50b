//! Calls of a bundle and how they end, wherever they run.

use std::convert::Infallible;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::service::Service;
use tonic::body::Body;

use crate::tasks::Work;

/// Calls that have ended and were not collected, each with its reply, if it has one.
pub type Replies<B> = Vec<(u64, Option<Response<B>>)>;

/// Makes a call, until it has a reply or is aborted.
pub fn work<S, B>(
    service: Arc<S>,
    request: Request<Body>,
    number: u64,
    ended: &Arc<Ended<B>>,
) -> (Work, AbortHandle)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    let ending = Ending { ended: Arc::clone(ended), number, reply: None };
    let call = async move {
        // Within the call, so that whatever it does as it begins belongs to it.
        let Ok(reply) = service.call(request).await;
        ending.with(reply);
    };
    let (abort, aborted) = AbortHandle::new_pair();
    (Box::pin(Abortable::new(call, aborted).map(drop)), abort)
}

/// The end of a call, which comes when this is dropped: with its reply, or without one if it was aborted or
/// has panicked.
struct Ending<B> {
    ended: Arc<Ended<B>>,
    number: u64,
    reply: Option<Response<B>>,
}

impl<B> Ending<B> {
    fn with(mut self, reply: Response<B>) {
        self.reply = Some(reply);
    }
}

impl<B> Drop for Ending<B> {
    fn drop(&mut self) {
        self.ended.replies().push((self.number, self.reply.take()));
        self.ended.waker.wake();
    }
}

/// What calls leave behind for their bundle.
pub struct Ended<B> {
    replies: Mutex<Replies<B>>,
    /// The bundle, if it waits.
    waker: AtomicWaker,
}

impl<B> Default for Ended<B> {
    fn default() -> Self {
        Self { replies: Mutex::default(), waker: AtomicWaker::new() }
    }
}

impl<B> Ended<B> {
    /// The bundle is being polled, and need not be woken.
    pub fn is_looked_at(&self) {
        drop(self.waker.take());
    }

    /// Takes all of them.
    pub fn take(&self) -> Replies<B> {
        mem::take(&mut *self.replies())
    }

    /// Whether there are none. This task is woken once there are.
    pub fn waits(&self, cx: &Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.replies().is_empty()
    }

    fn replies(&self) -> MutexGuard<'_, Replies<B>> {
        // Nothing panics while it holds this lock.
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
