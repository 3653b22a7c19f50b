//! The keys of the store itself: metadata, next base number and tokens.

use super::table::{META, NEXT_BASE, TOKEN, TOKEN_USE};
use crate::engine::{Key, KeyRange};

/// The key of the metadata.
#[must_use]
pub fn meta() -> Key {
    vec![META]
}

/// The key of the number that the next base gets.
#[must_use]
pub fn next_base() -> Key {
    vec![NEXT_BASE]
}

/// The key of a token. Tokens are numbered in the order of their creation.
#[must_use]
pub fn token(number: u32) -> Key {
    numbered(TOKEN, number)
}

/// Every token, oldest first.
#[must_use]
pub fn tokens() -> KeyRange {
    KeyRange::prefix(&[TOKEN])
}

/// The key of the time when a token was last used.
#[must_use]
pub fn token_use(number: u32) -> Key {
    numbered(TOKEN_USE, number)
}

/// The times when tokens were last used.
#[must_use]
pub fn token_uses() -> KeyRange {
    KeyRange::prefix(&[TOKEN_USE])
}

/// The number in the key of a token's last use.
#[must_use]
pub fn token_use_number(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.strip_prefix(&[TOKEN_USE])?.try_into().ok()?))
}

/// The number in the key of a token.
#[must_use]
pub fn token_number(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.strip_prefix(&[TOKEN])?.try_into().ok()?))
}

fn numbered(table: u8, number: u32) -> Key {
    let mut key = vec![table];
    key.extend_from_slice(&number.to_be_bytes());
    key
}
