//! The file in a body: the body itself, or the part `file` of a form.
//!
//! A form may have other parts with short texts, which its call names. They come before the file, so that
//! what they say is known when the file arrives; parts after the file are refused.
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

use super::pieces::Pieces;
use super::rejection::Rejection;

/// The part of a form that has the file.
pub const PART: &str = "file";
/// Bytes that the reader of forms may get before it gives some of them back.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes of the texts of a form, together.
const TEXT_BYTES: usize = 64 * 1024;

/// Why a file cannot be read to its end.
#[derive(Debug)]
pub enum Fault {
    /// The body is rejected.
    Rejected(Rejection),
    /// The form is wrong.
    Form {
        /// The part at fault; empty for the whole.
        part: String,
        /// What is wrong.
        description: String,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected(rejection) => f.write_str(&rejection.message()),
            Self::Form { part, description } => {
                write!(f, "{} {description}", if part.is_empty() { "the body" } else { part.as_str() })
            }
        }
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

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
    /// The names of the parts with texts.
    texts: &'static [&'static str],
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
            SentAs::Form(boundary) => Some(Form::new(&pieces, boundary, &[])),
        };
        Self { pieces, form }
    }

    /// The file in a form with this boundary, which may have texts under these names before it.
    pub fn in_form(pieces: Pieces, boundary: &str, texts: &'static [&'static str]) -> Self {
        let pieces = Arc::new(Mutex::new(pieces));
        let form = Some(Form::new(&pieces, boundary, texts));
        Self { pieces, form }
    }

    /// The texts of the form, read up to the beginning of its file, and the name of the file.
    pub async fn texts(&mut self) -> Result<(Vec<(String, String)>, String), Fault> {
        match &mut self.form {
            Some(form) => form.read_texts().await,
            None => Ok((Vec::new(), String::new())),
        }
    }

    /// The next bytes of the file; `None` once the whole body was read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
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
    fn new(pieces: &Arc<Mutex<Pieces>>, boundary: &str, texts: &'static [&'static str]) -> Self {
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
        Self { parts, part: None, texts, is_found: false, ahead, broken }
    }

    /// The texts before the file, and the name of the file.
    async fn read_texts(&mut self) -> Result<(Vec<(String, String)>, String), Fault> {
        let (mut texts, mut bytes) = (Vec::new(), 0_usize);
        loop {
            let mut part = match self.parts.next_field().await {
                Ok(Some(part)) => part,
                Ok(None) => return Err(refuse(PART, "is required")),
                Err(fault) => return Err(self.failure(&fault).await),
            };
            let Some(name) = part.name().filter(|name| self.texts.contains(name)).map(str::to_owned) else {
                let file_name = part.file_name().unwrap_or_default().to_owned();
                self.begin(part)?;
                return Ok((texts, file_name));
            };
            let mut text = Vec::new();
            loop {
                match part.chunk().await {
                    Ok(Some(more)) => {
                        self.ahead.store(0, Ordering::Relaxed);
                        bytes = bytes.saturating_add(more.len());
                        if bytes > TEXT_BYTES {
                            return Err(refuse(&name, "is too long"));
                        }
                        text.extend_from_slice(&more);
                    }
                    Ok(None) => break,
                    Err(fault) => return Err(self.failure(&fault).await),
                }
            }
            let text = String::from_utf8(text).map_err(|_| refuse(&name, "must be UTF-8"))?;
            texts.push((name, text));
        }
    }

    /// The next bytes of the file; `None` after the last part.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
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

    fn begin(&mut self, part: Field<'static>) -> Result<(), Fault> {
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

    async fn failure(&self, fault: &multer::Error) -> Fault {
        match self.broken.lock().await.take() {
            Some(rejection) => rejection.into(),
            None => refuse("", &format!("is not a valid form: {fault}")),
        }
    }
}

fn refuse(part: &str, description: &str) -> Fault {
    Fault::Form { part: part.to_owned(), description: description.to_owned() }
}

#[cfg(test)]
mod tests;
