//! The file in a body: the body itself, or the part `file` of a form.
//!
//! A form is read through a stream that gives one piece at a time, and only so many bytes beyond those that
//! were taken out of it: the reader of forms would hold whatever it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::{Field, Multipart};
use tokio::sync::Mutex;

use super::failure::Failure;
use super::issue::{Code, Issue};
use crate::api::http::pieces::Pieces;
use crate::api::http::rejection::Rejection;

/// The part of a form that has the file.
pub const PART: &str = "file";
/// Bytes that the reader of forms may get before it gives some of them back.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;

/// How the file is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentAs {
    /// As the body.
    Body,
    /// As a part of a form with this boundary.
    Form(String),
}

impl SentAs {
    /// Reads the content type.
    pub fn of(headers: &HeaderMap) -> Result<Self, &'static str> {
        const FAULT: &str =
            "must be text/csv, application/octet-stream, or multipart/form-data with a boundary";
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let value = values.next().filter(|_| values.next().is_none());
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "text/csv" | "application/octet-stream" => Ok(Self::Body),
            "multipart/form-data" => multer::parse_boundary(text).map(Self::Form).map_err(|_| FAULT),
            _ => Err(FAULT),
        }
    }
}

/// A file that arrives.
pub struct File {
    pieces: Arc<Mutex<Pieces>>,
    form: Option<Form>,
}

struct Form {
    parts: Multipart<'static>,
    part: Option<Field<'static>>,
    is_found: bool,
    /// Bytes that the reader of forms got since it last gave some back.
    ahead: Arc<AtomicUsize>,
    /// Why the body cannot be read any further.
    broken: Arc<Mutex<Option<Rejection>>>,
}

impl File {
    /// The file in the body that these pieces are.
    pub fn new(pieces: Pieces, sent_as: &SentAs) -> Self {
        let pieces = Arc::new(Mutex::new(pieces));
        let form = match sent_as {
            SentAs::Body => None,
            SentAs::Form(boundary) => Some(Form::new(&pieces, boundary)),
        };
        Self { pieces, form }
    }

    /// The next bytes of the file; `None` once the whole body was read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(form) = &mut self.form
            && let Some(bytes) = form.next().await?
        {
            return Ok(Some(bytes));
        }
        let mut pieces = self.pieces.lock().await;
        if self.form.is_none() {
            return Ok(pieces.next().await?);
        }
        // What follows a form counts for the digest of the body.
        while pieces.next().await?.is_some() {}
        Ok(None)
    }

    /// The SHA-256 of the body as far as it was read, if it is computed.
    pub async fn sha256(&self) -> Option<[u8; 32]> {
        self.pieces.lock().await.sha256()
    }

    /// Reads and discards the rest of a body whose request is refused, for a short time.
    pub async fn drain(self, headers: &HeaderMap) {
        drop(self.form);
        self.pieces.lock().await.drain(headers).await;
    }
}

impl Form {
    fn new(pieces: &Arc<Mutex<Pieces>>, boundary: &str) -> Self {
        let (ahead, broken) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let state = (Arc::clone(pieces), Arc::clone(&ahead), Arc::clone(&broken));
        let body = stream::unfold(state, |(pieces, ahead, broken)| async move {
            // The reader of forms takes pieces until one is not there yet.
            tokio::task::yield_now().await;
            let next = pieces.lock().await.next().await;
            let bytes = match next {
                Ok(None) => return None,
                Ok(Some(bytes)) if ahead.load(Ordering::Relaxed) <= AHEAD_BYTES => {
                    ahead.fetch_add(bytes.len(), Ordering::Relaxed);
                    Ok(bytes)
                }
                Ok(Some(_)) => Err("the head of a part is too long"),
                Err(rejection) => {
                    *broken.lock().await = Some(rejection);
                    Err("the body broke")
                }
            };
            Some((bytes.map_err(std::io::Error::other), (pieces, ahead, broken)))
        });
        let parts = Multipart::new(body, boundary);
        Self { parts, part: None, is_found: false, ahead, broken }
    }

    /// The next bytes of the file; `None` after the last part.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(part) = &mut self.part else {
                match self.parts.next_field().await {
                    Ok(Some(part)) => self.begin(part)?,
                    Ok(None) if self.is_found => return Ok(None),
                    Ok(None) => return Err(refuse(PART, "is required")),
                    Err(fault) => return Err(self.failure(&fault).await),
                }
                continue;
            };
            match part.chunk().await {
                Ok(Some(bytes)) => {
                    self.ahead.store(0, Ordering::Relaxed);
                    return Ok(Some(bytes));
                }
                Ok(None) => self.part = None,
                Err(fault) => return Err(self.failure(&fault).await),
            }
        }
    }

    fn begin(&mut self, part: Field<'static>) -> Result<(), Failure> {
        match part.name() {
            Some(PART) if std::mem::replace(&mut self.is_found, true) => {
                return Err(refuse(PART, "is given twice"));
            }
            Some(PART) => {}
            Some(other) => return Err(refuse(other, "is not a part of this call")),
            None => return Err(refuse("", "has a part without a name")),
        }
        self.part = Some(part);
        Ok(())
    }

    async fn failure(&self, fault: &multer::Error) -> Failure {
        match self.broken.lock().await.take() {
            Some(rejection) => rejection.into(),
            None => refuse("", &format!("is not a valid form: {fault}")),
        }
    }
}

fn refuse(path: &str, description: &str) -> Failure {
    let issue = Issue::at(Code::BodyValidation, path.to_owned(), description);
    Failure::new(http::StatusCode::BAD_REQUEST, vec![issue])
}

#[cfg(test)]
mod tests;
