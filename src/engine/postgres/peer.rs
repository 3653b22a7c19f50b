//! What two servers on one store know, and nobody else: a key.
//!
//! It follows from the id of the owner and that of the store, which only those who can read the tables know.
//! It changes with every takeover, is never stored, and never printed. `docs/formats.md` has its bytes.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::rows::Id;

/// What the key is for.
const PURPOSE: &[u8] = b"memberbase peers";

/// The key between the owner of a store and the servers that stand by. Clones are the same key.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerKey([u8; 32]);

impl PeerKey {
    pub(super) fn of(owner: &Id, store: &Id) -> Self {
        Self(mac(&[&owner[..], &store[..]].concat(), &[PURPOSE]))
    }

    /// The code of these parts, which only holders of the key can make. Parts must not be joined in two ways.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, parts)
    }

    /// Whether `code` is that of these parts.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], code: &[u8]) -> bool {
        self.sign(parts).ct_eq(code).into()
    }

    #[cfg(test)]
    pub(crate) const fn for_tests(byte: u8) -> Self {
        Self([byte; 32])
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerKey(…)")
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length will do, so this does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_has_the_bytes_of_the_documentation() {
        let key = PeerKey::of(&[0xaa; 16], &[0xcc; 16]);
        let digits: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let page = include_str!("../../../docs/formats.md");
        assert!(page.contains(&format!("# the key between servers\n{digits} ")), "{digits}");
        assert_ne!(key, PeerKey::of(&[0xab; 16], &[0xcc; 16]));
    }

    #[test]
    fn a_code_is_that_of_its_parts_and_key() {
        let (key, other) = (PeerKey::for_tests(1), PeerKey::for_tests(2));
        let code = key.sign(&[b"a", b"b"]);
        assert!(key.verify(&[b"a", b"b"], &code));
        assert!(!key.verify(&[b"a", b"c"], &code) && !other.verify(&[b"a", b"b"], &code));
        assert!(!key.verify(&[b"a", b"b"], &code[..31]) && !key.verify(&[b"a", b"b"], &[]));
    }
}
