//! The header `Content-Digest` (RFC 9530): the SHA-256 of a body, so that a damaged body is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

/// The name of the header.
pub const CONTENT_DIGEST: &str = "content-digest";

/// What is wrong with the header.
const FAULT: &str = "must have the form sha-256=:BASE64:";

/// The SHA-256 that the header has. Digests of other algorithms are ignored, as the RFC allows.
pub fn sha256(headers: &HeaderMap) -> Result<Option<[u8; 32]>, &'static str> {
    let mut found = None;
    for value in headers.get_all(CONTENT_DIGEST) {
        let text = value.to_str().map_err(|_| FAULT)?;
        for member in text.split(',') {
            let (name, digest) = member.trim().split_once('=').ok_or(FAULT)?;
            if name != "sha-256" {
                continue;
            }
            let coded = digest.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).ok_or(FAULT)?;
            let bytes = STANDARD.decode(coded).map_err(|_| FAULT)?;
            found = Some(bytes.try_into().map_err(|_| FAULT)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Option<[u8; 32]>, &'static str> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(CONTENT_DIGEST, text.parse().unwrap());
        }
        sha256(&headers)
    }

    #[test]
    fn the_digest_is_found_among_others() {
        let text = format!("sha-256=:{}:", STANDARD.encode([7; 32]));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[&text]), Ok(Some([7; 32])));
        assert_eq!(read(&[&format!("sha-512=:AA==:, {text}")]), Ok(Some([7; 32])));
        assert_eq!(read(&["md5=:AA==:", &text]), Ok(Some([7; 32])));
        assert_eq!(read(&["md5=:AA==:"]), Ok(None));
        for wrong in ["sha-256", "sha-256=AA==", "sha-256=:AA==:", "sha-256=:*:", "sha-256=:"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
    }
}
