//! The secret that a caller sends, in the one place where both protocols carry it.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::directory::{Error, TokenFault};

/// The secret of `authorization: Bearer SECRET`; `None` without such a header. Another scheme, or two headers, is a token
/// that is not valid.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let secret = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (secret, values.next()) {
        (Some((scheme, secret)), None) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(secret.trim())),
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
    fn the_secret_follows_the_word_bearer() {
        assert_eq!(bearer(&headers(&[])), Ok(None));
        assert_eq!(bearer(&headers(&["Bearer sk_1"])), Ok(Some("sk_1")));
        assert_eq!(bearer(&headers(&["bearer  sk_1"])), Ok(Some("sk_1")));
        for bad in [&["sk_1"][..], &["Basic sk_1"], &["Bearer"], &["Bearer sk_1", "Bearer sk_2"]] {
            assert_eq!(bearer(&headers(bad)), Err(TokenFault::Invalid.into()), "{bad:?}");
        }
    }
}
