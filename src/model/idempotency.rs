//! Requests that name themselves, so that sending them again is safe.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::model::import::ImportId;
use crate::model::text::RequestId;

/// What a request is called, so that it is known when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// The name that its caller gave it.
    Given(RequestId),
    /// A chunk of an import, by the client's number for it.
    Chunk(ImportId, u64),
}

impl IdempotencyKey {
    /// The field of a request that the name stands in.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Given(_) => "request_id",
            Self::Chunk(..) => "chunk",
        }
    }
}

/// What tells a repeat of a request from another request under the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestIdentity {
    /// Its name, unique among the requests of one caller.
    pub name: IdempotencyKey,
    /// A fingerprint of all that it asks for. Stored, so what it is made of never changes.
    pub fingerprint: u128,
    /// Whether the answer is kept too when none of its rows was written. A named call may be mended and sent again under its name,
    /// unless it asks for this; a chunk counts once, whatever became of it.
    pub keeps_failures: bool,
}

impl RequestIdentity {
    /// The mark of a request named `id` that asks for `call` with this payload.
    #[must_use]
    pub fn new(id: RequestId, call: &str, payload: &[u8]) -> Self {
        let mut asked = Payload::of(call);
        asked.add(payload);
        Self { name: IdempotencyKey::Given(id), fingerprint: asked.fingerprint(), keeps_failures: false }
    }

    /// The same request, whose answer is kept also when none of its rows was written. How long an answer is worth something is no part
    /// of what is asked for, so it is known under its name either way.
    #[must_use]
    pub fn keeping_failures(self, keeps_failures: bool) -> Self {
        Self { keeps_failures, ..self }
    }

    /// The mark of a chunk of an import.
    #[must_use]
    pub fn chunk(import: ImportId, number: u64, asked: Payload) -> Self {
        let name = IdempotencyKey::Chunk(import, number);
        Self { name, fingerprint: asked.fingerprint(), keeps_failures: true }
    }
}

/// All that a request asks for, piece by piece.
pub struct Payload(SipHasher13);

impl Payload {
    /// That of a request for `call`, with nothing in it yet.
    #[must_use]
    pub fn of(call: &str) -> Self {
        // A caller who looks for collisions deceives nobody else, so the key may be known.
        let mut hasher = SipHasher13::new();
        hasher.write(&u64::try_from(call.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(call.as_bytes());
        Self(hasher)
    }

    /// Adds its next bytes; where one piece ends and the next begins makes no difference.
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
