//! The frames of a bundle, byte by byte. `docs/formats.md` has their grammar.

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Uri};

use super::fields;
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};

/// The longest frame in each direction, in bytes, without its length. Requests are read ahead up to 8 KiB,
/// and a member has up to 32 KiB as it is stored.
pub const CALL_MAX_BYTES: usize = 16 * 1024;
pub const REPLY_MAX_BYTES: usize = 256 * 1024;
/// What precedes a frame: its length.
const LENGTH_BYTES: usize = 4;

const CALL: u8 = 1;
const LEAVE: u8 = 2;
const REPLY: u8 = 3;
const BROKEN: u8 = 4;
const STOP: u8 = 5;

/// A frame to the active server.
#[derive(Debug)]
pub enum ToActive {
    /// A call.
    Call { number: u64, address: Bytes, headers: HeaderMap, body: Bytes },
    /// The caller of this call has left.
    Leave { number: u64 },
}

/// A frame from the active server.
#[derive(Debug)]
pub enum FromActive {
    /// The reply to a call.
    Reply { number: u64, reply: Box<Whole> },
    /// A call ended without an answer.
    Broken { number: u64 },
    /// Calls up to this one were begun, and no more will be.
    Stop { last: u64 },
}

/// A whole reply.
#[derive(Debug, Default)]
pub struct Whole {
    /// Its status of HTTP.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Its trailers, which may be none.
    pub trailers: HeaderMap,
}

/// Appends a call. Returns whether it fits; nothing is appended otherwise.
pub fn call(out: &mut Writer, number: u64, head: &Request<()>, address: &str, body: &[u8]) -> bool {
    fitting(out, CALL_MAX_BYTES, CALL, number, |out| {
        out.slice(address.as_bytes());
        let fits = fields::write(out, head.headers());
        out.0.extend_from_slice(body);
        fits
    })
}

/// The address of a call as it stands in its frame.
pub fn address(uri: &Uri) -> String {
    uri.to_string()
}

/// Appends that the caller of a call has left.
pub fn leave(out: &mut Writer, number: u64) {
    fitting(out, CALL_MAX_BYTES, LEAVE, number, |_| true);
}

/// Appends a reply. Returns whether it fits; nothing is appended otherwise.
pub fn reply(out: &mut Writer, number: u64, reply: &Whole) -> bool {
    fitting(out, REPLY_MAX_BYTES, REPLY, number, |out| {
        out.0.extend_from_slice(&reply.status.to_le_bytes());
        let fits = fields::write(out, &reply.headers) && fields::write(out, &reply.trailers);
        out.0.extend_from_slice(&reply.body);
        fits
    })
}

/// Appends that a call ended without an answer.
pub fn broken(out: &mut Writer, number: u64) {
    fitting(out, REPLY_MAX_BYTES, BROKEN, number, |_| true);
}

/// Appends up to which number calls were begun.
pub fn stop(out: &mut Writer, last: u64) {
    fitting(out, REPLY_MAX_BYTES, STOP, last, |_| true);
}

fn fitting(
    out: &mut Writer,
    most: usize,
    kind: u8,
    number: u64,
    rest: impl FnOnce(&mut Writer) -> bool,
) -> bool {
    let start = out.0.len();
    out.0.extend_from_slice(&[0; LENGTH_BYTES]);
    out.u8(kind);
    out.varint(number);
    let fits = rest(out);
    let length = out.0.len() - start - LENGTH_BYTES;
    let place = out.0.get_mut(start..).and_then(|frame| frame.first_chunk_mut());
    match (place, u32::try_from(length)) {
        (Some(place), Ok(bytes)) if fits && length <= most => {
            *place = bytes.to_le_bytes();
            true
        }
        _ => {
            out.0.truncate(start);
            false
        }
    }
}

/// Reads a frame to the active server, without its length.
pub fn to_active(frame: &Bytes) -> Result<ToActive, DecodeError> {
    let mut reader = Reader::new("a frame of a call", frame);
    let (kind, number) = (reader.u8()?, reader.varint()?);
    match kind {
        CALL => {
            let address = frame.slice_ref(reader.slice()?);
            let headers = fields::read(&mut reader, frame)?;
            Ok(ToActive::Call { number, address, headers, body: frame.slice_ref(reader.rest()) })
        }
        LEAVE => reader.end().map(|()| ToActive::Leave { number }),
        _ => Err(reader.damaged("it has an unknown kind")),
    }
}

/// Reads a frame from the active server, without its length.
pub fn from_active(frame: &Bytes) -> Result<FromActive, DecodeError> {
    let mut reader = Reader::new("a frame of a reply", frame);
    let (kind, number) = (reader.u8()?, reader.varint()?);
    match kind {
        REPLY => {
            let status = u16::from_le_bytes([reader.u8()?, reader.u8()?]);
            let headers = fields::read(&mut reader, frame)?;
            let trailers = fields::read(&mut reader, frame)?;
            let body = frame.slice_ref(reader.rest());
            let reply = Box::new(Whole { status, headers, body, trailers });
            Ok(FromActive::Reply { number, reply })
        }
        BROKEN => reader.end().map(|()| FromActive::Broken { number }),
        STOP => reader.end().map(|()| FromActive::Stop { last: number }),
        _ => Err(reader.damaged("it has an unknown kind")),
    }
}

/// Cuts what arrives into frames.
#[derive(Debug)]
pub struct Cutter {
    /// Bytes that were not cut yet.
    rest: Bytes,
    /// The longest frame, in bytes.
    most: usize,
}

impl Cutter {
    /// Nothing has arrived.
    pub fn new(most: usize) -> Self {
        Self { rest: Bytes::new(), most }
    }

    /// These bytes have arrived.
    pub fn push(&mut self, piece: Bytes) {
        self.rest = if self.rest.is_empty() { piece } else { [&self.rest[..], &piece].concat().into() };
    }

    /// Whether no part of a frame is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next frame, without its length, if all of it has arrived.
    pub fn next(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let Some((length, arrived)) = self.rest.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > self.most {
            return Err(DecodeError::Damaged { value: "a frame of a bundle", detail: "it is too long" });
        }
        if arrived.len() < length {
            return Ok(None);
        }
        self.rest.advance(LENGTH_BYTES);
        Ok(Some(self.rest.split_to(length)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::stored::documented::assert_documented;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let named = |(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value));
        fields.iter().copied().map(named).collect()
    }

    fn head(fields: &[(&'static str, &'static str)]) -> Request<()> {
        let mut head = Request::post("http://mb/a").body(()).unwrap();
        *head.headers_mut() = map(fields);
        head
    }

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut out = Writer::default();
        write(&mut out);
        out.0
    }

    const MESSAGE: &[u8] = &[0, 0, 0, 0, 1, 10];

    fn a_call() -> Vec<u8> {
        let head = head(&[("te", "trailers"), ("x-a", "b")]);
        written(|out| assert!(call(out, 300, &head, &address(head.uri()), MESSAGE)))
    }

    fn a_reply() -> Vec<u8> {
        let whole = Whole {
            status: 200,
            headers: map(&[("content-type", "application/grpc")]),
            body: Bytes::from_static(MESSAGE),
            trailers: map(&[("grpc-status", "0")]),
        };
        written(|out| assert!(reply(out, 300, &whole)))
    }

    /// The frames that these bytes are cut into, if they arrive in pieces of this size.
    fn cut(bytes: &[u8], most: usize, piece: usize) -> Result<Vec<Bytes>, DecodeError> {
        let (mut cutter, mut frames) = (Cutter::new(most), Vec::new());
        for piece in bytes.chunks(piece) {
            cutter.push(Bytes::copy_from_slice(piece));
            while let Some(frame) = cutter.next()? {
                frames.push(frame);
            }
        }
        let whole: usize = frames.iter().map(|frame| frame.len() + LENGTH_BYTES).sum();
        assert_eq!(cutter.is_empty(), bytes.len() == whole);
        Ok(frames)
    }

    #[test]
    fn frames_have_the_bytes_of_the_documentation() {
        assert_documented(&a_call());
        assert_documented(&written(|out| leave(out, 300)));
        assert_documented(&a_reply());
        assert_documented(&written(|out| broken(out, 300)));
        assert_documented(&written(|out| stop(out, 300)));
    }

    #[test]
    fn frames_are_read_back_however_they_arrive() {
        let calls = [a_call(), written(|out| leave(out, 300)), a_call()].concat();
        let replies = [a_reply(), written(|out| broken(out, 1)), written(|out| stop(out, 7))].concat();
        for piece in [1, 2, 3, 7, 1_000] {
            let frames = cut(&calls, CALL_MAX_BYTES, piece).unwrap();
            let [first, left, last] = frames.try_into().unwrap();
            for frame in [first, last] {
                let ToActive::Call { number, address, headers, body } = to_active(&frame).unwrap() else {
                    panic!()
                };
                assert_eq!((number, &address[..], &body[..]), (300, &b"http://mb/a"[..], MESSAGE));
                assert_eq!(headers, map(&[("te", "trailers"), ("x-a", "b")]));
            }
            assert!(matches!(to_active(&left), Ok(ToActive::Leave { number: 300 })));
            let frames = cut(&replies, REPLY_MAX_BYTES, piece).unwrap();
            let [first, lost, end] = frames.try_into().unwrap();
            let FromActive::Reply { number, reply } = from_active(&first).unwrap() else { panic!() };
            assert_eq!((number, reply.status, &reply.body[..]), (300, 200, MESSAGE));
            assert_eq!(reply.headers, map(&[("content-type", "application/grpc")]));
            assert_eq!(reply.trailers, map(&[("grpc-status", "0")]));
            assert!(matches!(from_active(&lost), Ok(FromActive::Broken { number: 1 })));
            assert!(matches!(from_active(&end), Ok(FromActive::Stop { last: 7 })));
        }
    }

    #[test]
    fn a_frame_that_ends_too_early_or_has_anything_unknown_is_refused() {
        // A body may have any length, so what is cut off at its end is not missed.
        for (frame, body) in [(a_call(), MESSAGE.len()), (a_reply(), MESSAGE.len())] {
            let frame = Bytes::from(frame).slice(4..);
            for length in 0..frame.len() - body {
                let cut = frame.slice(..length);
                assert!(to_active(&cut).is_err() && from_active(&cut).is_err(), "{length}");
            }
        }
        for (bytes, to) in [
            (&[LEAVE, 1, 0][..], true),
            (&[9, 1], true),
            (&[REPLY, 1], true),
            (&[CALL, 1, 0, 1, 15, 0], true),
            (&[CALL, 1, 0, 1, 0, 1, b'\n', 0], true),
            (&[CALL, 1, 0, 1, 1, 1, b'\n'], true),
            (&[CALL, 1, 0, 0xff, 0x7f], true),
            (&[BROKEN, 1, 0], false),
            (&[STOP, 1, 0], false),
            (&[CALL, 1, 0, 0], false),
        ] {
            let frame = Bytes::from_static(bytes);
            assert!(if to { to_active(&frame).is_err() } else { from_active(&frame).is_err() }, "{bytes:?}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_neither_written_nor_read() {
        let mut out = Writer::default();
        let head = head(&[]);
        let fits = |out: &mut Writer, bytes: usize| call(out, 1, &head, "", &vec![0; bytes]);
        assert!(!fits(&mut out, CALL_MAX_BYTES - 3) && out.0.is_empty());
        assert!(fits(&mut out, CALL_MAX_BYTES - 4));
        assert_eq!(cut(&out.0, CALL_MAX_BYTES, 5_000).unwrap().len(), 1);
        assert!(cut(&out.0, CALL_MAX_BYTES - 1, 5_000).is_err());
        assert!(cut(&[0xff; 4], REPLY_MAX_BYTES, 4).is_err());
        // Fields that are too many.
        let mut many = Request::new(());
        for _ in 0..129 {
            many.headers_mut().append("a", HeaderValue::from_static("b"));
        }
        assert!(!call(&mut Writer::default(), 1, &many, "", b""));
        let mut few = Request::new(());
        for _ in 0..128 {
            few.headers_mut().append("a", HeaderValue::from_static("b"));
        }
        assert!(call(&mut Writer::default(), 1, &few, "", b""));
    }
}
