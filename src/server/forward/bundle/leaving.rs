//! A reply on its way into a frame: its body is read when there is room for it, so that whatever looks at
//! pieces as they leave, such as the ownership of the store, does so then.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::frame::{REPLY_MAX_BYTES, Whole};

/// See the module documentation.
pub struct Leaving<B> {
    /// The number of the call.
    pub number: u64,
    body: B,
    whole: Whole,
}

/// There is no whole reply: it broke off, or is too long.
pub struct BrokenOff;

impl<B: http_body::Body<Data = Bytes> + Unpin> Leaving<B> {
    /// The reply to this call.
    pub fn new(number: u64, reply: Response<B>) -> Self {
        let (head, body) = reply.into_parts();
        let whole = Whole {
            status: head.status.as_u16(),
            headers: head.headers,
            body: Bytes::new(),
            trailers: HeaderMap::new(),
        };
        Self { number, body, whole }
    }

    /// The reply, once all of it is there.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Whole, BrokenOff>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                return Poll::Ready(Ok(std::mem::take(&mut self.whole)));
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) if self.whole.body.is_empty() => self.whole.body = data,
                Ok(Ok(data)) => self.whole.body = [&self.whole.body[..], &data].concat().into(),
                Ok(Err(other)) => self.whole.trailers = other.into_trailers().unwrap_or_default(),
                Err(_) => return Poll::Ready(Err(BrokenOff)),
            }
            if self.whole.body.len() > REPLY_MAX_BYTES {
                return Poll::Ready(Err(BrokenOff));
            }
        }
    }
}
