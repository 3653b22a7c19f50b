//! Requests with a request id, and chunks of imports: they can be sent again safely.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::model::request::import::ImportId;
use crate::model::value::text::RequestId;

/// The key by which a repeat of a request is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// The request id from the caller.
    Given(RequestId),
    /// A chunk of an import, with the number that the client gave it.
    Chunk(ImportId, u64),
}

impl IdempotencyKey {
    /// The field of the request that has the key.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Given(_) => "request_id",
            Self::Chunk(..) => "chunk",
        }
    }
}

/// The identity of a request: it distinguishes a repeat from another request with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestIdentity {
    /// Its key, unique among the requests of one caller.
    pub key: IdempotencyKey,
    /// A fingerprint of its whole content. It is stored, so its encoding never changes.
    pub fingerprint: u128,
    /// Whether the result is stored even if no row was written. By default a caller may correct such a
    /// request and send it again with the same request id. A chunk of an import is never run twice, whatever
    /// its result was.
    pub keeps_failures: bool,
}

impl RequestIdentity {
    /// The identity of a request to `call` with the request id `id` and this payload.
    #[must_use]
    pub fn new(id: RequestId, call: &str, payload: &[u8]) -> Self {
        let mut content = Payload::of(call);
        content.add(payload);
        Self { key: IdempotencyKey::Given(id), fingerprint: content.fingerprint(), keeps_failures: false }
    }

    /// The identity of one part of this request, for a request that takes several operations.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let key = match &self.key {
            // No caller sends a request id with a space.
            IdempotencyKey::Given(id) => {
                IdempotencyKey::Given(RequestId::from_stored(format!("{} {name}", id.as_str())))
            }
            IdempotencyKey::Chunk(import, number) => IdempotencyKey::Chunk(*import, *number),
        };
        Self { key, ..self.clone() }
    }

    /// The same request, with or without its result stored if no row was written. This is not part of the
    /// fingerprint, so a repeat is recognised either way.
    #[must_use]
    pub fn keeping_failures(self, keeps_failures: bool) -> Self {
        Self { keeps_failures, ..self }
    }

    /// The identity of a chunk of an import.
    #[must_use]
    pub fn chunk(import: ImportId, number: u64, content: Payload) -> Self {
        let key = IdempotencyKey::Chunk(import, number);
        Self { key, fingerprint: content.fingerprint(), keeps_failures: true }
    }
}

/// The content of a request, hashed piece by piece.
pub struct Payload(SipHasher13);

impl Payload {
    /// The payload of a request to `call`, still empty.
    #[must_use]
    pub fn of(call: &str) -> Self {
        // A caller that constructs collisions harms only itself, so the hash needs no secret key.
        let mut hasher = SipHasher13::new();
        hasher.write(&u64::try_from(call.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(call.as_bytes());
        Self(hasher)
    }

    /// Adds the next bytes. The division into pieces makes no difference.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn fingerprint(self) -> u128 {
        self.0.finish128().as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(call: &str, payload: &[u8]) -> u128 {
        RequestIdentity::new(RequestId::parse("a").unwrap(), call, payload).fingerprint
    }

    #[test]
    fn call_and_payload_both_count() {
        assert_eq!(fingerprint("get", b"x"), fingerprint("get", b"x"));
        let different = [("get", "x"), ("get", "y"), ("ge", "tx"), ("", "getx"), ("get", "")];
        let different = different.map(|(call, payload)| fingerprint(call, payload.as_bytes()));
        let unique: std::collections::HashSet<_> = different.iter().collect();
        assert_eq!(unique.len(), different.len());
    }

    #[test]
    fn a_payload_in_pieces_is_the_payload() {
        let mut pieces = Payload::of("get");
        pieces.add(b"o");
        pieces.add(b"ne");
        assert_eq!(pieces.fingerprint(), fingerprint("get", b"one"));
    }

    #[test]
    fn golden_fingerprint() {
        assert_eq!(
            fingerprint("CreateMember", b"payload"),
            178_885_349_253_574_319_643_469_430_891_207_366_241
        );
        let golden = fingerprint("CreateMember", b"payload").to_be_bytes();
        crate::stored::documented::assert_documented(&golden);
    }
}
