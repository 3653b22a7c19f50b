//! Requests that name themselves, so that sending them again is safe.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::model::text::RequestId;

/// What tells a repeat of a request from another request under the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMark {
    /// Its name, unique among the requests of one caller.
    pub id: RequestId,
    /// A fingerprint of all that it asks for. Stored, so what it is made of never changes.
    pub fingerprint: u128,
}

impl RequestMark {
    /// The mark of a request named `id` that asks for `call` with this payload.
    #[must_use]
    pub fn new(id: RequestId, call: &str, payload: &[u8]) -> Self {
        // A caller who looks for collisions deceives nobody else, so the key may be known.
        let mut hasher = SipHasher13::new();
        hasher.write(&u64::try_from(call.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(call.as_bytes());
        hasher.write(payload);
        Self { id, fingerprint: hasher.finish128().as_u128() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(call: &str, payload: &[u8]) -> u128 {
        RequestMark::new(RequestId::parse("a").unwrap(), call, payload).fingerprint
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
    fn golden_fingerprint() {
        assert_eq!(
            fingerprint("CreateMember", b"payload"),
            178_885_349_253_574_319_643_469_430_891_207_366_241
        );
    }
}
