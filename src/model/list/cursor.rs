//! Cursors: the place where a page ended, encrypted.
//!
//! A cursor is 24 characters of base64url: a version, flags, and one AES-128 block over the position and a
//! 64-bit tag keyed by the store. The block hides the position, which would show how many members a base has.
//! The tag binds the cursor to its base, filter and order. 18 bytes fill 24 characters exactly, so each
//! cursor has exactly one spelling.

use std::hash::Hasher;

use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip::SipHasher24;

use crate::model::filter::Filter;
use crate::model::id::{BaseNumber, Row};
use crate::model::limits::CURSOR_CHARS;
use crate::model::list::page::Direction;
use crate::model::record::RecordKind;
use crate::model::refusal::error::Reason;

/// The key with which a store seals its cursors. It has no `Debug`, so it cannot reach a log.
#[derive(Clone, Copy)]
pub struct CursorKey(pub [u8; 16]);

/// The place where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The row number of the last member that the page examined.
    pub position: u64,
    /// The direction of the list.
    pub direction: Direction,
}

const VERSION: u8 = 1;

/// The keyed number that binds a cursor to the base, filter and order of its list.
pub fn binding(key: &CursorKey, base: BaseNumber, filter: &Filter, direction: Direction) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    hasher.write(&base.0.to_le_bytes());
    hasher.write(&[flags(direction)]);
    filter.digest(&mut hasher);
    hasher.finish()
}

/// The keyed number that binds a cursor to a member's records of one kind, and to their order.
pub fn records_binding(
    key: &CursorKey,
    base: BaseNumber,
    row: Row,
    kind: RecordKind,
    direction: Direction,
) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    hasher.write(b"records");
    hasher.write(&base.0.to_le_bytes());
    hasher.write(&row.0.to_le_bytes());
    hasher.write(&[kind.index(), flags(direction)]);
    hasher.finish()
}

/// The keyed number that binds a cursor to the history of a member.
pub fn history_binding(key: &CursorKey, base: BaseNumber, row: Row) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    hasher.write(b"history");
    hasher.write(&base.0.to_le_bytes());
    hasher.write(&row.0.to_le_bytes());
    hasher.finish()
}

impl Cursor {
    /// The cursor as text, bound to `binding`.
    pub fn seal(&self, key: &CursorKey, binding: u64) -> String {
        let flags = flags(self.direction);
        let mut plain = [0_u8; 16];
        let (position, tag) = plain.split_at_mut(8);
        position.copy_from_slice(&self.position.to_be_bytes());
        tag.copy_from_slice(&keyed_tag(key, flags, binding));
        let mut block = plain.into();
        Aes128::new(&key.0.into()).encrypt_block(&mut block);
        let mut bytes = [0_u8; 18];
        let (head, body) = bytes.split_at_mut(2);
        head.copy_from_slice(&[VERSION, flags]);
        body.copy_from_slice(&block);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens the cursor `text`; `CursorInvalid` if it was not sealed with this key and binding.
    pub fn open(text: &str, key: &CursorKey, binding: u64) -> Result<Self, Reason> {
        Self::read(text, key, binding).ok_or(Reason::CursorInvalid)
    }

    fn read(text: &str, key: &CursorKey, binding: u64) -> Option<Self> {
        if text.len() != CURSOR_CHARS {
            return None;
        }
        let bytes: [u8; 18] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let [VERSION, flags, body @ ..] = bytes else { return None };
        let direction = match flags {
            0 => Direction::Ascending,
            1 => Direction::Descending,
            _ => return None,
        };
        let mut block = body.into();
        Aes128::new(&key.0.into()).decrypt_block(&mut block);
        let (position, tag) = block.split_first_chunk::<8>()?;
        (tag == keyed_tag(key, flags, binding))
            .then_some(Self { position: u64::from_be_bytes(*position), direction })
    }
}

fn flags(direction: Direction) -> u8 {
    match direction {
        Direction::Ascending => 0,
        Direction::Descending => 1,
    }
}

/// The block hides the tag, so a comparison that is not constant-time gives an attacker nothing to forge
/// with.
fn keyed_tag(key: &CursorKey, flags: u8, binding: u64) -> [u8; 8] {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    hasher.write(&[VERSION, flags]);
    hasher.write(&binding.to_le_bytes());
    hasher.finish().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::filter::{Condition, Field, Operand, Operator};

    const KEY: CursorKey = CursorKey(*b"fedcba9876543210");

    fn direction() -> impl Strategy<Value = Direction> {
        prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)]
    }

    /// Made with another program, from the layout in the module's documentation.
    #[test]
    fn cursors_never_change() {
        let up = Cursor { position: 499, direction: Direction::Ascending };
        let down = Cursor { position: u64::MAX, direction: Direction::Descending };
        assert_eq!(up.seal(&KEY, 1), "AQA2zt6kUnHsIPxDxtbMnJEr");
        assert_eq!(down.seal(&KEY, 2), "AQEDIo_UkJ_53bsDAA6CbIAP");
        [up.seal(&KEY, 1), down.seal(&KEY, 2)]
            .iter()
            .for_each(|cursor| crate::stored::documented::assert_text_documented(cursor));
    }

    #[test]
    fn a_text_that_is_not_a_cursor_is_refused() {
        for text in
            ["", "eyJpZCI6Im1fMTIzNCJ9", "AAAAAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAAA=", "é", "AQ"]
        {
            assert_eq!(Cursor::open(text, &KEY, 1), Err(Reason::CursorInvalid), "{text}");
        }
    }

    #[test]
    fn a_cursor_is_bound_to_base_filter_and_order() {
        let gold = Filter::Condition(Condition {
            field: Field::Tier,
            op: Operator::Eq(Operand::Text("Gold".to_owned())),
        });
        let bindings = [
            binding(&KEY, BaseNumber(1), &Filter::True, Direction::Ascending),
            binding(&KEY, BaseNumber(2), &Filter::True, Direction::Ascending),
            binding(&KEY, BaseNumber(1), &gold, Direction::Ascending),
            binding(&KEY, BaseNumber(1), &Filter::True, Direction::Descending),
            binding(&CursorKey([0; 16]), BaseNumber(1), &Filter::True, Direction::Ascending),
        ];
        let cursor = Cursor { position: 7, direction: Direction::Ascending };
        for (sealed, with) in bindings.iter().enumerate() {
            for (opened, other) in bindings.iter().enumerate() {
                let result = Cursor::open(&cursor.seal(&KEY, *with), &KEY, *other);
                assert_eq!(result.is_ok(), sealed == opened);
            }
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ";
        let sealed = Cursor { position: 499, direction: Direction::Descending }.seal(&KEY, 9);
        for place in 0..sealed.len() {
            for character in ALPHABET {
                let mut text = sealed.clone().into_bytes();
                text[place] = *character;
                let text = String::from_utf8(text).unwrap();
                assert_eq!(Cursor::open(&text, &KEY, 9).is_ok(), text == sealed, "{text}");
            }
            let mut shorter = sealed.clone();
            shorter.remove(place);
            assert!(Cursor::open(&shorter, &KEY, 9).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_cursor_opens_to_what_was_sealed(
            position: u64,
            direction in direction(),
            key: [u8; 16],
            binding: u64,
        ) {
            let (cursor, key) = (Cursor { position, direction }, CursorKey(key));
            let text = cursor.seal(&key, binding);
            prop_assert_eq!(text.len(), CURSOR_CHARS);
            prop_assert_eq!(Cursor::open(&text, &key, binding), Ok(cursor));
            prop_assert!(Cursor::open(&text, &key, binding ^ 1).is_err());
        }

        #[test]
        fn any_text_may_be_opened(text in ".{0,30}", binding: u64) {
            prop_assert!(Cursor::open(&text, &KEY, binding).is_err());
        }
    }
}
