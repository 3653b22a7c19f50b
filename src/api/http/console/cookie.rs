//! The cookie that holds the sealed session of a person.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::model::session::SESSION_MICROS;

/// Its name.
const NAME: &str = "memberbase_console";

/// The sealed session of a request. Two cookies of this name count as none: another server of the same domain
/// may have set one of them.
pub fn session(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut sessions = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value.to_owned());
    sessions.next().filter(|_| sessions.next().is_none())
}

/// The header that gives a person this session.
pub fn begin(sealed: &str, is_encrypted: bool) -> Option<HeaderValue> {
    header(sealed, SESSION_MICROS / 1_000_000, is_encrypted)
}

/// The header that takes the session of a person away.
pub fn end(is_encrypted: bool) -> Option<HeaderValue> {
    header("", 0, is_encrypted)
}

fn header(value: &str, seconds: i64, is_encrypted: bool) -> Option<HeaderValue> {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let text = format!("{NAME}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cookies: &[&str]) -> Option<String> {
        session(&cookies.iter().map(|text| (COOKIE, text.parse().unwrap())).collect())
    }

    #[test]
    fn one_cookie_of_the_name_is_the_session() {
        let one = Some("abc".to_owned());
        assert_eq!(found(&["memberbase_console=abc"]), one);
        assert_eq!(found(&["a=b; memberbase_console=abc; memberbase_console2=x"]), one);
        assert_eq!(found(&["a=b", "memberbase_console=abc"]), one);
        for none in [
            &[][..],
            &["a=b"],
            &["memberbase_console"],
            &["memberbase_console=abc; memberbase_console=abc"],
            &["memberbase_console=abc", "memberbase_console=def"],
        ] {
            assert_eq!(found(none), None, "{none:?}");
        }
    }

    #[test]
    fn no_script_and_no_page_of_another_server_has_the_cookie() {
        let cookie = begin("abc", true).unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "memberbase_console=abc; Path=/console; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(cookie.is_sensitive());
        assert!(!begin("abc", false).unwrap().to_str().unwrap().contains("Secure"));
        assert!(end(true).unwrap().to_str().unwrap().contains("Max-Age=0"));
        assert!(begin("a\nb", true).is_none());
    }
}
