//! Reads the secret of a token from the headers of a request, the same for every protocol.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::directory::{Error, TokenFault};

/// The secret of `authorization: Bearer SECRET`; `None` without the header. Another scheme, or two headers,
/// count as an invalid token.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let secret = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (secret, values.next()) {
        (Some((scheme, secret)), None) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(secret.trim())),
        _ => Err(TokenFault::Invalid.into()),
    }
}

/// The header in which the Onsi door accepts a secret.
pub const API_KEY: &str = "x-api-key";

/// The secret of `x-api-key: SECRET`, or else of [`bearer`]. An empty key counts as absent; two different
/// secrets, or two keys, count as an invalid token.
pub fn api_key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let token = bearer(headers)?;
    let mut values = headers.get_all(API_KEY).iter();
    let Some(value) = values.next().filter(|value| !value.is_empty()) else { return Ok(token) };
    match (value.to_str(), values.next()) {
        (Ok(key), None) if token.is_none_or(|token| token == key) => Ok(Some(key)),
        _ => Err(TokenFault::Invalid.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_stands_in_a_header_of_its_own_or_as_a_bearer() {
        let found = |pairs: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            api_key(&headers).map(|secret| secret.map(str::to_owned))
        };
        let sk_1 = Ok(Some("sk_1".to_owned()));
        assert_eq!(found(&[]), Ok(None));
        assert_eq!(found(&[(API_KEY, "")]), Ok(None));
        assert_eq!(found(&[(API_KEY, "sk_1")]), sk_1);
        assert_eq!(found(&[("authorization", "Bearer sk_1")]), sk_1);
        assert_eq!(found(&[(API_KEY, "sk_1"), ("authorization", "Bearer sk_1")]), sk_1);
        for bad in [
            &[(API_KEY, "sk_1"), ("authorization", "Bearer sk_2")][..],
            &[(API_KEY, "sk_1"), (API_KEY, "sk_1")],
            &[("authorization", "sk_1")],
        ] {
            assert_eq!(found(bad), Err(TokenFault::Invalid.into()), "{bad:?}");
        }
    }

    #[test]
    fn the_secret_follows_the_word_bearer() {
        assert_eq!(bearer(&headers(&[])), Ok(None));
        assert_eq!(bearer(&headers(&["Bearer sk_1"])), Ok(Some("sk_1")));
        assert_eq!(bearer(&headers(&["bearer  sk_1"])), Ok(Some("sk_1")));
        for bad in [&["sk_1"][..], &["Basic sk_1"], &["Bearer"], &["Bearer sk_1", "Bearer sk_2"]] {
            assert_eq!(bearer(&headers(bad)), Err(TokenFault::Invalid.into()), "{bad:?}");
        }
    }
}
