//! Bodies that are read piece by piece, and never held whole.
//!
//! A body may take as long as it keeps arriving: no pause longer than the patience of a peer, and on average
//! no fewer bytes a second than any other body.
//!
//! The body of a refused request is still read for a moment: a client that is still sending would otherwise
//! see a broken connection instead of the reply.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::rejection::Rejection;

/// Fewest bytes a second of a body that takes longer than a peer may be silent.
pub(super) const SLOWEST_BYTES: u32 = 32 * 1024;
/// How long the rest of a refused body is read.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a body is waited for at least, however slow it was before.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// A body that is read piece by piece.
pub struct Pieces {
    body: Body,
    limit: usize,
    /// The bytes that were read.
    read: usize,
    patience: Duration,
    began: Instant,
    hash: Option<Sha256>,
}

impl Pieces {
    /// The pieces of a body of up to `limit` bytes.
    pub(super) fn new(body: Body, limit: usize, patience: Duration) -> Self {
        Self { body, limit, read: 0, patience, began: Instant::now(), hash: None }
    }

    /// The same, with the SHA-256 of all pieces.
    pub fn hashed(self) -> Self {
        Self { hash: Some(Sha256::new()), ..self }
    }

    /// The SHA-256 of the pieces that were read, if it is computed.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.hash.clone().map(|hash| hash.finalize().into())
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Rejection> {
        loop {
            let granted = u64::try_from(self.read).unwrap_or(u64::MAX) / u64::from(SLOWEST_BYTES);
            let until = self.began + self.patience + Duration::from_secs(granted);
            // Storing what came before may have taken longer than that.
            let until = until.max(Instant::now() + self.patience.min(LEAST_WAIT));
            let frame = match tokio::time::timeout_at(until, self.body.frame()).await {
                Err(_) => return Err(Rejection::TooSlow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Rejection::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            self.read = self.read.saturating_add(data.len());
            if self.read > self.limit {
                return Err(Rejection::TooLarge { limit: self.limit });
            }
            if let Some(hash) = &mut self.hash {
                hash.update(&data);
            }
            return Ok(Some(data));
        }
    }

    /// Reads and discards the rest for a short time, see [`drain`].
    pub async fn drain(&mut self, headers: &HeaderMap) {
        drain(headers, std::mem::take(&mut self.body)).await;
    }
}

/// Reads and discards the rest of a body for a short time. A body that the client sends only after `100
/// Continue` is not read, because nothing of it was sent, and the client sees the reply at once.
pub(super) async fn drain(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(EXPECT) && headers.contains_key(CONTENT_LENGTH) {
        return;
    }
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[&'static str], limit: usize) -> Pieces {
        let texts: Vec<Result<Bytes, std::io::Error>> =
            texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
        Pieces::new(Body::from_stream(tokio_stream::iter(texts)), limit, Duration::from_secs(30))
    }

    #[tokio::test]
    async fn a_body_comes_in_pieces_up_to_the_limit() {
        let mut whole = pieces(&["ab", "cd"], 4).hashed();
        assert_eq!(whole.next().await.unwrap().unwrap(), "ab");
        assert_eq!(whole.next().await.unwrap().unwrap(), "cd");
        assert!(whole.next().await.unwrap().is_none());
        let expected: [u8; 32] = Sha256::digest(b"abcd").into();
        assert_eq!(whole.sha256(), Some(expected));
        let mut long = pieces(&["ab", "cde"], 4);
        long.next().await.unwrap();
        assert!(matches!(long.next().await, Err(Rejection::TooLarge { limit: 4 })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up() {
        let (_sender, stream) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(stream));
        let mut stalled = Pieces::new(body, 4, Duration::from_secs(30));
        assert!(matches!(stalled.next().await, Err(Rejection::TooSlow)));
    }
}
