//! Encodes and decodes messages with prost, and reports faults of a message with our reasons.
//!
//! tonic's own codec returns INTERNAL for bytes that do not decode; here they are reported as the caller's
//! fault. Limits of size are not checked here: a message has passed [`super::receiving`], which also takes
//! the memory for its decoded form.
//!
//! tonic decodes within a poll, so nothing can be awaited here: a large message is decoded in place, after
//! the other tasks of the thread have been handed to another thread.

use std::any::Any;
use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::receiving::{Arriving, Ready, SentMembers};
use super::v1;
use crate::api::error;
use crate::compute::{self, Size};
use crate::model::Reason;

/// The initial size of a buffer and its growth, in bytes. Most replies about one member fit.
const BUFFER_BYTES: usize = 8 * 1024;
/// A stream sends its encoded messages once it has this many bytes.
const YIELD_BYTES: usize = 64 * 1024;

/// The codec that the generated code uses.
#[derive(Debug)]
pub struct WireCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for WireCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for WireCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = WireEncoder<T>;
    type Decoder = WireDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        WireEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        WireDecoder { arriving: Arriving::now(), message: PhantomData }
    }
}

/// Encodes one message.
#[derive(Debug)]
pub struct WireEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for WireEncoder<T> {
    type Item = T;
    type Error = tonic::Status;

    fn encode(&mut self, message: T, bytes: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        // prost writes byte by byte. A vector of the right size takes a third less time for a page than
        // tonic's growing buffer.
        bytes.put_slice(&message.encode_to_vec());
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}

/// Passes on a message that was encoded before.
#[derive(Debug, Default)]
pub struct Encoded;

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, message: Bytes, bytes: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        bytes.put_slice(&message);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}

/// Decodes one message.
pub struct WireDecoder<U> {
    /// The call whose requests it decodes; none for replies, which clients decode.
    arriving: Option<Arriving>,
    message: PhantomData<U>,
}

impl<U: Message + Default + 'static> Decoder for WireDecoder<U> {
    type Item = U;
    type Error = tonic::Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, tonic::Status> {
        // tonic passes a message in one piece. Decoding from the slice avoids the buffer's work for every
        // byte.
        let message = bytes.chunk();
        if message.is_empty()
            && let Some(large) = self.arriving.as_ref().and_then(Arriving::take)
        {
            let decode = || {
                let mut message = U::default();
                if let Some(others) = self.set_aside(&message, &large) {
                    return fill(message, &others).map(Some);
                }
                make_room(&mut message, large.entries);
                fill_large(message, &large.bytes, large.entries).map(Some)
            };
            return if large.size == Size::Large { compute::in_place(decode) } else { decode() };
        }
        let (decoded, length) = (decode(message).map(Some), message.len());
        bytes.advance(length);
        decoded
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}

impl<U> WireDecoder<U> {
    /// Sets the members of a chunk of an import aside for its call. Returns the other fields of its message.
    fn set_aside(&self, message: &dyn Any, large: &Ready) -> Option<Vec<u8>> {
        let arriving = self.arriving.as_ref().filter(|_| message.is::<v1::ImportMembersRequest>())?;
        let (members, others) = SentMembers::split(&large.bytes, large.entries)?;
        arriving.set_aside(members);
        Some(others)
    }
}

/// A message of these bytes, which are light.
pub fn decode<U: Message + Default>(message: &[u8]) -> Result<U, tonic::Status> {
    fill(U::default(), message)
}

/// The members of a chunk that were set aside, decoded after all.
pub fn members(sent: &SentMembers) -> Result<Vec<v1::MemberInput>, tonic::Status> {
    let members = Vec::with_capacity(sent.count());
    let whole = fill(v1::ImportMembersRequest { members, ..Default::default() }, sent.message())?;
    Ok(whole.members)
}

fn fill<U: Message>(mut message: U, bytes: &[u8]) -> Result<U, tonic::Status> {
    message.merge(bytes).map_err(|fault| refuse(&fault))?;
    Ok(message)
}

/// Decodes a large message. A piece of a file shares the bytes of its message. Lists are decoded from the
/// slice.
fn fill_large<U: Message + 'static>(
    mut message: U,
    bytes: &Bytes,
    entries: usize,
) -> Result<U, tonic::Status> {
    let any: &mut dyn Any = &mut message;
    match any.downcast_mut::<v1::SyncMembersRequest>().filter(|_| entries == 0) {
        Some(piece) => piece.merge(bytes.clone()).map_err(|fault| refuse(&fault))?,
        None => return fill(message, bytes),
    }
    Ok(message)
}

/// Allocates the rows of calls that may have many: a list that grows while it is decoded takes three times
/// the memory, because it is copied into lists of twice the size.
fn make_room(message: &mut dyn Any, entries: usize) {
    if let Some(upsert) = message.downcast_mut::<v1::BulkUpsertMembersRequest>() {
        upsert.members.reserve_exact(entries);
    } else if let Some(chunk) = message.downcast_mut::<v1::ImportMembersRequest>() {
        chunk.members.reserve_exact(entries);
    }
}

fn settings() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

/// prost distinguishes its faults only by their texts, so this looks for a word in the text; a test fails if
/// prost changes it. A text names the field and never contains the value.
fn refuse(fault: &prost::DecodeError) -> tonic::Status {
    let text = fault.to_string();
    let reason = if text.contains("UTF-8") { Reason::InvalidUtf8 } else { Reason::MessageMalformed };
    error::status(reason, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> tonic::Status {
        decode::<String>(bytes).unwrap_err()
    }

    #[test]
    fn invalid_utf8_and_malformed_bytes_are_distinguished_and_are_the_callers_fault() {
        let utf8 = refused(&[0x0a, 0x02, 0xff, 0xfe]);
        assert_eq!(utf8.code(), tonic::Code::InvalidArgument);
        assert_eq!(error::reason_of(&utf8).as_deref(), Some("INVALID_UTF8"));
        let cut = refused(&[0x0a, 0x05, b'a']);
        assert_eq!(cut.code(), tonic::Code::InvalidArgument);
        assert_eq!(error::reason_of(&cut).as_deref(), Some("MESSAGE_MALFORMED"));
    }

    #[test]
    fn a_piece_of_a_file_shares_the_bytes_of_its_message() {
        let options = Some(v1::SyncOptions { name: "nightly".to_owned(), ..Default::default() });
        let sent = v1::SyncMembersRequest { data: vec![7; 100_000].into(), options, ..Default::default() };
        let bytes = Bytes::from(sent.encode_to_vec());
        for entries in [0, 1] {
            let piece = fill_large(v1::SyncMembersRequest::default(), &bytes, entries).unwrap();
            assert_eq!(piece, sent);
            let is_shared = bytes.as_ptr_range().contains(&piece.data.as_ptr());
            assert_eq!(is_shared, entries == 0);
        }
        let cut = fill_large(v1::SyncMembersRequest::default(), &bytes.slice(..9_000), 0).unwrap_err();
        assert_eq!(error::reason_of(&cut).as_deref(), Some("MESSAGE_MALFORMED"));
    }
}
