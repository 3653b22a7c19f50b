//! A body that ends with its trailers as a frame of data, because web pages cannot read trailers.
//!
//! The frame is a byte of flags, the length in four bytes, and the trailers as lines of HTTP/1.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::body::Body;

/// The flag of a frame with trailers.
const TRAILERS: u8 = 0x80;
/// The length of the flags and of the length, in bytes.
const HEAD_BYTES: usize = 5;

/// A body with its trailers as data.
pub struct InBody(pub Body);

impl http_body::Body for InBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx).map_ok(|frame| match frame.into_trailers() {
            Ok(trailers) => Frame::data(written(&trailers)),
            Err(other) => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    /// Not that of the inner body, which does not count trailers.
    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

fn written(trailers: &HeaderMap) -> Bytes {
    let lines: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum();
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + lines);
    frame.put_u8(TRAILERS);
    // Trailers are limited to some kilobytes where they are made.
    frame.put_u32(u32::try_from(lines).unwrap_or(u32::MAX));
    for (name, value) in trailers {
        frame.put_slice(name.as_str().as_bytes());
        frame.put_u8(b':');
        frame.put_slice(value.as_bytes());
        frame.put_slice(b"\r\n");
    }
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn trailers_are_the_last_frame_of_data() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "5".parse().unwrap());
        trailers.append("x-one", "a b".parse().unwrap());
        let inner = Full::new(Bytes::from("data")).with_trailers(std::future::ready(Some(Ok(trailers))));
        let body = InBody(Body::new(inner));
        assert_eq!(body.size_hint().exact(), None, "the length does not count the trailers");
        let collected = body.collect().await.unwrap();
        assert!(collected.trailers().is_none());
        let text = "grpc-status:5\r\nx-one:a b\r\n";
        let expected = [b"data\x80\0\0\0\x1a".as_slice(), text.as_bytes()].concat();
        assert_eq!(text.len(), 0x1a);
        assert_eq!(collected.to_bytes(), expected);
    }

    #[test]
    fn a_reply_without_a_body_stays_one() {
        let body = InBody(Body::empty());
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}
