//! API tokens: who calls, and with which rights.
//!
//! A caller has a secret; the store has its hash. The secret has 256 random bits and cannot be guessed, so a
//! fast hash is as safe as a slow one. Neither [`Secret`] nor [`SecretHash`] can be printed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::model::id::{BaseNumber, IdError, read_random, write_random};
use crate::model::limits::{TOKEN_DESCRIPTION_MAX_CHARS, TOKEN_RATE_MAX};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::text::{Limit, checked, text_type};
use crate::model::value::time::Timestamp;

/// Prefix of token ids.
pub const TOKEN_PREFIX: &str = "atok_";
/// Prefix of secrets.
const SECRET_PREFIX: &str = "sk_";

/// What a caller may do. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Reads and lists.
    Read,
    /// Changes members and their records.
    Write,
    /// Manages tokens and memberbases.
    Admin,
}

impl AccessLevel {
    /// Every level, each at its [`AccessLevel::index`].
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The level with this word.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or(Rule::must_be(Reason::FieldInvalid, "one of read, write, admin"))
    }

    /// Its index in [`AccessLevel::ALL`]. It is stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Admin => 2,
        }
    }

    /// The level with this index.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// Whether the holder of a token of this level sees bank details and dates of birth by default.
    pub fn sees_pii(self) -> bool {
        self >= Self::Write
    }
}

text_type!(
    /// The purpose of a token, in the words of its maker.
    TokenDescription, |text| checked(Reason::FieldInvalid, Limit::Chars(TOKEN_DESCRIPTION_MAX_CHARS), text)
);

/// The id of a token: a random number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub u128);

impl TokenId {
    /// Parses an id. Case makes no difference.
    pub fn parse(id: &str) -> Result<Self, IdError> {
        read_random(TOKEN_PREFIX, id).map(Self)
    }
}

/// Writes `atok_` and 26 characters.
impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&write_random(TOKEN_PREFIX, self.0))
    }
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What its holder may do.
    pub access: AccessLevel,
    /// Whether its holder sees bank details and dates of birth.
    pub pii: bool,
    /// The only memberbase that it gives access to, if it is bound to one.
    pub base: Option<BaseNumber>,
    /// Its purpose.
    pub description: Option<TokenDescription>,
    /// Its limits per second.
    pub limits: TokenLimits,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// Whether its stored form cannot be read. Such a token has no rights, and only its id is known.
    pub is_damaged: bool,
}

impl Token {
    /// A token whose stored form cannot be read.
    #[must_use]
    pub fn damaged(id: TokenId) -> Self {
        Self {
            id,
            access: AccessLevel::Read,
            pii: false,
            base: None,
            description: None,
            limits: TokenLimits::default(),
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            is_damaged: true,
        }
    }
}

/// The limits of a token per second, on average. After a pause its holder can use up to one second's worth at
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenLimits {
    /// Requests, where a stream counts as one; `None` for no limit.
    pub requests_per_second: Option<u32>,
    /// Rows, keys and events in bulk calls and streams; `None` for no limit.
    pub rows_per_second: Option<u32>,
}

impl TokenLimits {
    /// Parses a limit.
    pub fn parse(limit: u32) -> Result<u32, Rule> {
        let fits = (1..=TOKEN_RATE_MAX).contains(&limit);
        if fits {
            Ok(limit)
        } else {
            Err(Rule::must_be(Reason::FieldInvalid, "a whole number from 1 to 10000000"))
        }
    }
}

/// The secret of a token, as its holder sends it.
pub struct Secret(String);

impl Secret {
    /// Makes a secret of random bytes: `sk_` and 43 characters of base64url.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text, for the one reply that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its hash, which the store holds.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

/// The SHA-256 of a secret. Comparisons take constant time.
#[derive(Clone)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of any text that a caller sent.
    pub fn of(sent: &str) -> Self {
        Self(Sha256::digest(sent.as_bytes()).into())
    }

    /// Its first 64 bits, by which it is found.
    pub fn short(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_documented_form_and_its_hash_finds_it() {
        let secret = Secret::from_random([0xa5; 32]);
        assert_eq!(secret.reveal().len(), 3 + 43);
        assert!(secret.reveal().starts_with("sk_"));
        assert!(secret.hash() == SecretHash::of(secret.reveal()));
        assert!(secret.hash() != Secret::from_random([0xa4; 32]).hash());
    }

    #[test]
    fn the_hash_is_sha_256() {
        let expected = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];
        assert_eq!(SecretHash::of("abc").short(), u64::from_be_bytes(expected));
    }

    #[test]
    fn ids_come_back_without_regard_to_case() {
        let id = TokenId(0x0123_4567_89ab_cdef);
        let text = id.to_string();
        assert!(text.starts_with("atok_") && text.len() == 5 + 26);
        assert_eq!(TokenId::parse(&text.to_ascii_uppercase()), Ok(id));
        assert_eq!(TokenId::parse("mb_1"), Err(IdError::WrongPrefix { expected: TOKEN_PREFIX }));
    }

    #[test]
    fn each_level_includes_those_before_it() {
        assert!(AccessLevel::Admin > AccessLevel::Write && AccessLevel::Write > AccessLevel::Read);
        for level in AccessLevel::ALL {
            assert_eq!(AccessLevel::from_index(level.index()), Some(level));
            assert_eq!(AccessLevel::parse(level.as_str()), Ok(level));
        }
        assert!(AccessLevel::parse("root").is_err());
    }
}
