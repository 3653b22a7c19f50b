//! Sessions of the console: which token a person signed in with, and when.
//!
//! - A sealed session is a text that only the store can make. It holds the id of the token, never its secret,
//!   and grants nothing by itself: whoever opens it looks the token up.
//! - The proof of a form belongs to one sealed session, and to no other.
//! - Both are keyed by the store's cursor key, each under words of its own, so that no cursor, session or
//!   proof can stand for another.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::model::access::token::TokenId;
use crate::model::list::cursor::CursorKey;
use crate::model::value::time::Timestamp;

/// How long a session lasts, in microseconds: twelve hours, a working day.
pub const SESSION_MICROS: i64 = 12 * 3600 * 1_000_000;

const VERSION: u8 = 1;
/// Version, token id, time and random bytes.
const PLAIN_BYTES: usize = 1 + 16 + 8 + 16;
/// The code that authenticates them.
const CODE_BYTES: usize = 32;
/// What a session's code is keyed for.
const OF_SESSION: &[u8] = b"console session";
/// What the proof of a form is keyed for.
const OF_FORM: &[u8] = b"console form";

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The token that the person signed in with.
    pub token: TokenId,
    /// When.
    pub began: Timestamp,
    /// Random bytes, so that no session is sealed as another.
    pub salt: [u8; 16],
}

impl Session {
    /// The session as a text of 98 characters of base64url.
    #[must_use]
    pub fn seal(&self, key: &CursorKey) -> String {
        let mut bytes = Vec::with_capacity(PLAIN_BYTES + CODE_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.token.0.to_be_bytes());
        bytes.extend_from_slice(&self.began.micros().to_be_bytes());
        bytes.extend_from_slice(&self.salt);
        let code = code(key, OF_SESSION, &bytes);
        bytes.extend_from_slice(&code);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The session that this text is; `None` if it was not sealed with this key.
    #[must_use]
    pub fn open(text: &str, key: &CursorKey) -> Option<Self> {
        let bytes: [u8; PLAIN_BYTES + CODE_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (plain, sent) = bytes.split_first_chunk::<PLAIN_BYTES>()?;
        if !bool::from(code(key, OF_SESSION, plain).as_slice().ct_eq(sent)) {
            return None;
        }
        let [VERSION, rest @ ..] = plain else { return None };
        let (token, rest) = rest.split_first_chunk::<16>()?;
        let (began, salt) = rest.split_first_chunk::<8>()?;
        let began = Timestamp::from_micros(i64::from_be_bytes(*began));
        Some(Self { token: TokenId(u128::from_be_bytes(*token)), began, salt: salt.try_into().ok()? })
    }

    /// Whether it is over. A session that began later than now is one of another clock, and over too.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        !(0..SESSION_MICROS).contains(&now.micros().saturating_sub(self.began.micros()))
    }
}

/// What a form carries to prove that a page of the same session made it. It cannot be printed by accident.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FormProof([u8; CODE_BYTES]);

impl FormProof {
    /// The proof for the forms of a sealed session; without one, for those of a server without tokens.
    #[must_use]
    pub fn of(key: &CursorKey, sealed: Option<&str>) -> Self {
        Self(code(key, OF_FORM, sealed.unwrap_or_default().as_bytes()))
    }

    /// As forms carry it: 43 characters of base64url.
    #[must_use]
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether a form carries this proof.
    #[must_use]
    pub fn is(self, sent: &str) -> bool {
        self.to_text().as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl fmt::Debug for FormProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormProof")
    }
}

fn code(key: &CursorKey, of: &[u8], bytes: &[u8]) -> [u8; CODE_BYTES] {
    // A key of HMAC may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key.0) else { return [0; CODE_BYTES] };
    mac.update(of);
    mac.update(&[0]);
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: CursorKey = CursorKey(*b"fedcba9876543210");

    fn session() -> Session {
        let began = Timestamp::from_micros(1_770_091_445_123_456);
        Session { token: TokenId(9), began, salt: [7; 16] }
    }

    /// Made with another program, from the layout in `docs/formats.md`.
    #[test]
    fn sealed_sessions_and_proofs_never_change() {
        let sealed = session().seal(&KEY);
        assert_eq!(
            sealed,
            "AQAAAAAAAAAAAAAAAAAAAAkABknjh855gAcHBwcHBwcHBwcHBwcHBwdsowLad727pJWc3p42NH-bCzzyqLeQdSWptusbVdV03Q"
        );
        let proof = FormProof::of(&KEY, Some(&sealed)).to_text();
        assert_eq!(proof, "QY5HypITVmD02eS_fZn2ecwhLIv88O1MHvTFKz5PqcQ");
        for text in [&sealed, &proof] {
            crate::stored::documented::assert_text_documented(text);
        }
    }

    #[test]
    fn a_session_with_any_other_character_does_not_open() {
        let sealed = session().seal(&KEY);
        assert_eq!(Session::open(&sealed, &KEY), Some(session()));
        assert_eq!(Session::open(&sealed, &CursorKey([0; 16])), None);
        for place in 0..sealed.len() {
            for other in [b'A', b'B', b'_', b'='] {
                let mut text = sealed.clone().into_bytes();
                text[place] = other;
                let text = String::from_utf8(text).unwrap();
                assert_eq!(Session::open(&text, &KEY).is_some(), text == sealed, "{text}");
            }
        }
        let proof = FormProof::of(&KEY, Some(&sealed));
        assert!(proof.is(&proof.to_text()) && !proof.is("") && !proof.is(&sealed));
        assert_ne!(proof, FormProof::of(&KEY, None));
        assert_eq!(format!("{proof:?}"), "FormProof");
    }

    #[test]
    fn a_session_is_over_after_twelve_hours_and_before_it_began() {
        let began = session().began.micros();
        for (at, is_over) in [
            (began, false),
            (began + SESSION_MICROS - 1, false),
            (began + SESSION_MICROS, true),
            (began - 1, true),
        ] {
            assert_eq!(session().is_over(Timestamp::from_micros(at)), is_over, "{at}");
        }
    }

    proptest! {
        #[test]
        fn a_session_opens_to_what_was_sealed(token: u128, began in 0..i64::MAX / 2, salt: [u8; 16], key: [u8; 16]) {
            let began = Timestamp::from_micros(began);
            let session = Session { token: TokenId(token), began, salt };
            let sealed = session.seal(&CursorKey(key));
            prop_assert_eq!(sealed.len(), 98);
            prop_assert_eq!(Session::open(&sealed, &CursorKey(key)), Some(session));
        }

        #[test]
        fn any_text_may_be_opened(text in ".{0,120}") {
            prop_assert_eq!(Session::open(&text, &KEY), None);
        }
    }
}
