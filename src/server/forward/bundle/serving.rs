//! The side of the active server: the calls of one bundle.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use futures_util::future::AbortHandle;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use hyper::service::Service;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use tonic::body::Body;

use super::ended::{Ended, work};
use super::frame::{self, CALL_MAX_BYTES, Cutter, ToActive};
use super::leaving::Leaving;
use crate::server::connections::at_once::{self, Until};
use crate::server::connections::stall::{self, Seen};
use crate::stored::bytes::Writer;
use crate::tasks::{Within, Work};

/// Most calls of a bundle that run at a time; the next ones are not read. Standbys have fewer.
const CALLS_MAX: usize = 256;
/// How long the calls of one poll may take: as long as those of a full bundle usually do.
const BATCH_TIME: Duration = Duration::from_micros(500);
/// How much of replies is collected before it leaves, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// The calls of one bundle. As a body, it is the frames of their replies.
pub struct Calls<S, B> {
    service: Arc<S>,
    /// The frames of calls as they arrive, as long as they are read.
    arriving: Option<Body>,
    cutter: Cutter,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The number of the last call that was begun.
    last: u64,
    /// The address of the last call. Nearly all calls have the same.
    address: (Bytes, Uri),
    /// Calls that are about to begin, and those that wait.
    batch: Vec<Work>,
    waiting: FuturesUnordered<Within>,
    /// All calls whose replies have not left, wherever they run.
    running: HashMap<u64, AbortHandle>,
    ended: Arc<Ended<B>>,
    leaving: Vec<Leaving<B>>,
    /// Frames that are about to leave.
    out: Writer,
}

impl<S, B> Calls<S, B> {
    /// Calls whose frames arrive in this body.
    pub fn new(service: Arc<S>, arriving: Body, stopping: WaitForCancellationFutureOwned) -> Self {
        Self {
            service,
            arriving: Some(arriving),
            cutter: Cutter::new(CALL_MAX_BYTES),
            stopping: Box::pin(stopping),
            last: 0,
            address: (Bytes::new(), Uri::default()),
            batch: Vec::new(),
            waiting: FuturesUnordered::new(),
            running: HashMap::new(),
            ended: Arc::default(),
            leaving: Vec::new(),
            out: Writer::default(),
        }
    }
}

impl<S, B> Calls<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended.is_looked_at();
        let mut until = Until::new(BATCH_TIME);
        loop {
            self.look_whether_to_stop(cx);
            let has_read = self.read(cx)?;
            let (batch, waiting) = (&mut self.batch, &mut self.waiting);
            let has_worked = stall::apart(|| {
                at_once::begin(batch, waiting, &mut until) | at_once::go_on(waiting, &mut until, cx)
            });
            let has_ended = stall::apart(|| self.collect(cx));
            if !self.out.0.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.out.0).into()))));
            }
            if self.arriving.is_none() && self.running.is_empty() {
                return Poll::Ready(None);
            }
            if !(has_read || has_worked || has_ended) && self.ended.waits(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Says once which calls were begun, and reads no more, if the server stops.
    fn look_whether_to_stop(&mut self, cx: &mut Context<'_>) {
        if self.arriving.is_some() && self.stopping.as_mut().poll(cx).is_ready() {
            self.arriving = None;
            frame::stop(&mut self.out, self.last);
        }
    }

    /// Reads frames, and prepares their calls. Returns whether there were any.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Status> {
        let mut any = false;
        loop {
            let Some(arriving) = &mut self.arriving else { return Ok(any) };
            if self.running.len() >= CALLS_MAX {
                return Ok(any);
            }
            if let Some(frame) = self.cutter.next().map_err(broken)? {
                self.take(&frame)?;
                any = true;
                continue;
            }
            match Pin::new(arriving).poll_frame(cx)? {
                Poll::Ready(Some(piece)) => {
                    piece.into_data().into_iter().for_each(|data| self.cutter.push(data));
                }
                Poll::Ready(None) if self.cutter.is_empty() => self.arriving = None,
                Poll::Ready(None) => return Err(broken("it ends within a frame")),
                Poll::Pending => return Ok(any),
            }
        }
    }

    fn take(&mut self, frame: &Bytes) -> Result<(), Status> {
        match frame::to_active(frame).map_err(broken)? {
            ToActive::Leave { number } => self.running.get(&number).into_iter().for_each(AbortHandle::abort),
            ToActive::Call { number, address, headers, body } => {
                if number <= self.last {
                    return Err(broken("the numbers of its calls do not grow"));
                }
                let request = self.request(address, headers, body)?;
                let (call, abort) = work(Arc::clone(&self.service), request, number, &self.ended);
                self.last = number;
                self.running.insert(number, abort);
                self.batch.push(call);
            }
        }
        Ok(())
    }

    /// The request that the active server would have got.
    fn request(&mut self, address: Bytes, headers: HeaderMap, body: Bytes) -> Result<Request<Body>, Status> {
        if self.address.0 != address {
            let uri = Uri::from_maybe_shared(address.clone()).map_err(broken)?;
            self.address = (Bytes::copy_from_slice(&address), uri);
        }
        let mut request = Request::new(Body::new(Full::new(body)));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.address.1.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Makes frames of the replies that are there. Returns whether any call has ended.
    fn collect(&mut self, cx: &mut Context<'_>) -> bool {
        let Self { ended, running, leaving, out, .. } = self;
        let mut any = false;
        for (number, reply) in ended.take() {
            match reply {
                Some(reply) => leaving.push(Leaving::new(number, reply)),
                None => {
                    running.remove(&number);
                    frame::broken(out, number);
                    any = true;
                }
            }
        }
        leaving.retain_mut(|reply| {
            if out.0.len() >= PIECE_BYTES {
                return true;
            }
            let Poll::Ready(whole) = reply.poll(cx) else { return true };
            let fits = whole.is_ok_and(|whole| frame::reply(out, reply.number, &whole));
            if !fits {
                frame::broken(out, reply.number);
            }
            running.remove(&reply.number);
            any = true;
            false
        });
        any
    }
}

impl<S, B> http_body::Body for Calls<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = self.poll(cx);
        stall::note(match &polled {
            Poll::Pending => Seen::HadNothing,
            Poll::Ready(Some(_)) => Seen::Gave,
            Poll::Ready(None) => Seen::Ended,
        });
        polled
    }
}

/// The end of a bundle whose frames make no sense.
fn broken(why: impl std::fmt::Display) -> Status {
    Status::internal(format!("a bundle of calls ends: {why}"))
}
