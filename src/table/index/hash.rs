//! The keyed hashes of one store.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{self, Hasher128};

use crate::model::token::TokenId;
use crate::model::{Email, Fold, IdempotencyKey, MatchKey, MemberRow, UpsertOptions};
use crate::stored::meta::Meta;
use crate::table::index::lookup::LookupKind;

/// A bit of the first byte that is hashed of a request: set for chunks of imports.
const CHUNK_NAME: u8 = 2;

/// Hashes values for lookups, and computes fingerprints, under the keys of the store.
#[derive(Clone)]
pub struct Hashes {
    lookup: SipHasher13,
    fingerprint: (u64, u64),
    fold: Fold,
}

impl Hashes {
    /// The hashes of the store that `meta` belongs to.
    pub fn new(meta: &Meta) -> Self {
        let (low, high) = halves(&meta.fingerprint_key);
        // Opening the store refused unknown versions already.
        let fold = Fold::from_version(meta.fold_version).unwrap_or(Fold::NEWEST);
        Self { lookup: SipHasher13::new_with_key(&meta.hash_key), fingerprint: (low, high), fold }
    }

    /// The rule by which the store compares e-mail addresses.
    pub fn fold(&self) -> Fold {
        self.fold
    }

    /// The hash of a value in a lookup. E-mail addresses must be folded already.
    pub fn value(&self, kind: LookupKind, value: &str) -> u64 {
        let mut hasher = self.lookup;
        hasher.write(&[kind.number()]);
        hasher.write(value.as_bytes());
        hasher.finish()
    }

    /// The hash of an e-mail address: the same for all spellings that fold to the same.
    pub fn email(&self, email: &Email) -> u64 {
        self.text(LookupKind::Email, email.as_str())
    }

    /// The hash of a value in a lookup, as a row says it.
    pub fn text(&self, kind: LookupKind, value: &str) -> u64 {
        match kind {
            LookupKind::Email => self.value(kind, &self.fold.of(value)),
            LookupKind::Ref | LookupKind::WorkerId => self.value(kind, value),
        }
    }

    /// The hash of the key that a row is matched by.
    pub fn match_key(&self, key: MatchKey<'_>) -> (LookupKind, u64) {
        match key {
            MatchKey::Ref(value) => (LookupKind::Ref, self.value(LookupKind::Ref, value.as_str())),
            MatchKey::Email(value) => (LookupKind::Email, self.email(value)),
            MatchKey::WorkerId(value) => {
                (LookupKind::WorkerId, self.value(LookupKind::WorkerId, value.as_str()))
            }
        }
    }

    /// The hash of the idempotency key of a request by the holder of the token `scope`. The first byte hashed
    /// keeps the kinds of keys apart.
    pub fn request(&self, scope: Option<TokenId>, name: &IdempotencyKey) -> u128 {
        let (low, high) = self.fingerprint;
        let mut hasher = sip128::SipHasher13::new_with_keys(low, high);
        let of_a_token = u8::from(scope.is_some());
        hasher.write(&match name {
            IdempotencyKey::Given(_) => [of_a_token],
            IdempotencyKey::Chunk(..) => [CHUNK_NAME | of_a_token],
        });
        hasher.write(&scope.map_or(0, |token| token.0).to_le_bytes());
        match name {
            IdempotencyKey::Given(id) => hasher.write(id.as_str().as_bytes()),
            IdempotencyKey::Chunk(import, number) => {
                hasher.write(&import.0.to_le_bytes());
                hasher.write(&number.to_le_bytes());
            }
        }
        hasher.finish128().as_u128()
    }

    /// The fingerprint of a row and the options that it is applied with; never 0.
    pub fn fingerprint(&self, row: &MemberRow, options: &UpsertOptions) -> u128 {
        row.fingerprint(options, self.fingerprint)
    }
}

fn halves(key: &[u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *key;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes([i, j, k, l, m, n, o, p]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ImportId, RequestId};
    use crate::stored::documented::assert_documented;
    use crate::stored::meta;

    /// The golden values were made with another program. If hashes changed, a store could not find its data
    /// any more.
    #[test]
    fn hashes_never_change() {
        let hashes = Hashes::new(&meta::sample());
        let values = [
            (hashes.value(LookupKind::Ref, "Zoë"), 0x7c89_70a5_a9d1_95f7),
            (hashes.email(&Email::parse("A@b.cd").unwrap()), 0x266b_dda7_0b8e_7f70),
        ];
        for (hash, golden) in values {
            assert_eq!(hash, golden);
            assert_documented(&hash.to_be_bytes());
        }
        let given = IdempotencyKey::Given(RequestId::parse("import-7").unwrap());
        let chunk = IdempotencyKey::Chunk(ImportId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), 300);
        let token = Some(TokenId(77));
        for (hash, golden) in [
            (hashes.request(None, &given), 0xd015_10ad_8e56_dac8_78e4_ccb5_097d_863d),
            (hashes.request(token, &given), 0x8341_4f12_c881_350e_d2ca_9802_6f0a_e7a0),
            (hashes.request(token, &chunk), 0x0b39_b231_570b_b1f3_0f15_50ce_7a16_882b),
        ] {
            assert_eq!(hash, golden);
            assert_documented(&hash.to_be_bytes());
        }
    }
}
