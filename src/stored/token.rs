//! A token: everything but its secret, of which only the hash is stored; and, as a value of its own, the time
//! of its last use.

use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use crate::model::token::{AccessLevel, SecretHash, Token, TokenDescription, TokenId, TokenLimits};
use crate::model::{BaseNumber, Timestamp};

const VALUE: &str = "token";
const USE: &str = "last use of a token";
/// Version 2 added the limits.
const VERSION: u8 = 2;
const USE_VERSION: u8 = 1;

/// The stored form. `last_used_at` and `is_damaged` are not part of it.
#[must_use]
pub fn encode(token: &Token, hash: &SecretHash) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(128));
    w.u8(VERSION);
    w.u128(token.id.0);
    w.0.extend_from_slice(&hash.0);
    w.u8(token.access.index());
    w.u8(u8::from(token.pii));
    w.varint(token.base.map_or(0, |base| u64::from(base.0) + 1));
    w.slice(token.description.as_ref().map_or("", TokenDescription::as_str).as_bytes());
    w.time(token.created_at);
    [token.expires_at, token.revoked_at].into_iter().for_each(|time| w.optional_time(time));
    for limit in [token.limits.requests_per_second, token.limits.rows_per_second] {
        // 0 stands for no limit.
        w.varint(limit.unwrap_or_default().into());
    }
    w.0
}

/// The id in a stored form that may be damaged, if it is long enough to contain one.
#[must_use]
pub fn salvage_id(bytes: &[u8]) -> Option<TokenId> {
    let id = bytes.get(1..)?.first_chunk::<16>()?;
    Some(TokenId(u128::from_le_bytes(*id)))
}

/// Reads the stored form.
pub fn decode(bytes: &[u8]) -> Result<(Token, SecretHash), DecodeError> {
    let version = bytes.first().copied().unwrap_or_default();
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let id = TokenId(r.u128()?);
    let hash = r.take(32)?.try_into().map_err(|_| r.damaged("its hash is not 32 bytes long"))?;
    let access = AccessLevel::from_index(r.u8()?).ok_or_else(|| r.damaged("its access level is unknown"))?;
    let pii = r.u8()? != 0;
    let base = match r.varint()? {
        0 => None,
        next => Some(BaseNumber(
            u32::try_from(next - 1).map_err(|_| r.damaged("the number of its memberbase is too large"))?,
        )),
    };
    let description = Some(r.text()?).filter(|text| !text.is_empty());
    let mut token = Token {
        id,
        access,
        pii,
        base,
        description: description.map(|text| TokenDescription::from_stored(text.to_owned())),
        limits: TokenLimits::default(),
        created_at: r.time()?,
        expires_at: r.optional_time()?,
        revoked_at: r.optional_time()?,
        last_used_at: None,
        is_damaged: false,
    };
    if version >= 2 {
        token.limits = TokenLimits { requests_per_second: limit(&mut r)?, rows_per_second: limit(&mut r)? };
    }
    Ok((token, SecretHash(hash)))
}

fn limit(r: &mut Reader<'_>) -> Result<Option<u32>, DecodeError> {
    let limit = u32::try_from(r.varint()?).map_err(|_| r.damaged("a limit is too large"))?;
    Ok((limit > 0).then_some(limit))
}

/// The stored form of the time at which a token was last used.
#[must_use]
pub fn encode_use(at: Timestamp) -> Vec<u8> {
    let mut w = Writer::default();
    w.u8(USE_VERSION);
    w.time(at);
    w.0
}

/// Reads the time at which a token was last used.
pub fn decode_use(bytes: &[u8]) -> Result<Timestamp, DecodeError> {
    Reader::new(USE, versioned(USE, USE_VERSION, bytes)?).time()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

    fn token() -> Token {
        Token {
            id: TokenId(77),
            access: AccessLevel::Write,
            pii: true,
            base: Some(BaseNumber(u32::MAX)),
            description: Some(TokenDescription::parse("nightly sync").unwrap()),
            limits: TokenLimits { requests_per_second: Some(5), rows_per_second: Some(300) },
            created_at: Timestamp::from_micros(1),
            expires_at: Some(Timestamp::from_micros(2)),
            revoked_at: Some(Timestamp::from_micros(3)),
            last_used_at: None,
            is_damaged: false,
        }
    }

    #[test]
    fn a_token_comes_back_and_every_truncation_is_refused() {
        let plain = Token {
            base: None,
            description: None,
            limits: TokenLimits::default(),
            expires_at: None,
            revoked_at: None,
            ..token()
        };
        for token in [token(), plain] {
            let hash = SecretHash([9; 32]);
            let bytes = encode(&token, &hash);
            let (read, read_hash) = decode(&bytes).unwrap();
            assert!(read == token && read_hash == hash);
            assert_eq!(salvage_id(&bytes[..17]), Some(token.id));
            assert_eq!(salvage_id(&bytes[..16]), None);
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_token_has_its_golden_bytes() {
        let token = Token { base: Some(BaseNumber(4)), revoked_at: None, ..token() };
        let bytes = encode(&token, &SecretHash([0xee; 32]));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = [
            "02",
            "4d000000000000000000000000000000",
            &"ee".repeat(32),
            "01",
            "01",
            "05",
            "0c6e696768746c792073796e63",
            "0100000000000000",
            "010200000000000000",
            "00",
            "05",
            "ac02",
        ];
        assert_eq!(hex, expected.concat());
        assert_documented(&bytes);
    }

    #[test]
    fn a_token_of_the_first_version_has_no_limits() {
        let mut bytes = encode(&token(), &SecretHash([0xee; 32]));
        bytes.truncate(bytes.len() - 3);
        bytes[0] = 1;
        assert!(decode(&bytes).unwrap().0 == Token { limits: TokenLimits::default(), ..token() });
    }

    #[test]
    fn the_time_of_a_use_comes_back() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!(decode_use(&encode_use(at)), Ok(at));
        let golden = encode_use(Timestamp::from_micros(300));
        assert_eq!(golden, [1, 0x2c, 1, 0, 0, 0, 0, 0, 0]);
        assert_documented(&golden);
        assert!(decode_use(&[1]).is_err());
    }
}
