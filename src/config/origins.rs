//! The origins of web pages that may call the server.

use std::fmt;

/// Most origins in the list.
const ORIGINS_MAX: usize = 64;
/// What allows the pages of every origin.
const ANY: &str = "*";
/// What each item of the list must be.
const RULE: &str = "must be origins such as https://app.example.com, separated by commas, or *";

/// The origins of web pages that may call the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origins {
    /// None: gRPC-Web is off.
    #[default]
    None,
    /// These, as browsers write them: in lower case, without the usual port and without a path.
    Listed(Vec<String>),
    /// Every origin.
    Any,
}

impl Origins {
    /// Reads a list, separated by commas, or `*`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == ANY {
            return Ok(Self::Any);
        }
        let listed: Option<Vec<String>> = text.split(',').map(|item| origin(item.trim())).collect();
        match listed {
            Some(listed) if listed.len() > ORIGINS_MAX => {
                Err(format!("must be at most {ORIGINS_MAX} origins"))
            }
            Some(listed) => Ok(Self::Listed(listed)),
            None => Err(RULE.to_owned()),
        }
    }

    /// Whether the list has this origin, as a browser sent it. `*` lists none.
    #[must_use]
    pub fn lists(&self, origin: &[u8]) -> bool {
        matches!(self, Self::Listed(listed) if listed.iter().any(|listed| listed.as_bytes() == origin))
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Listed(listed) => f.write_str(&listed.join(",")),
            Self::Any => f.write_str(ANY),
        }
    }
}

/// An origin as browsers write it; `None` if it is none. `null` is none: pages of many kinds send it.
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (authority, None),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    let port = port.filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    is_host.then(|| format!("{scheme}://{host}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        for (text, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            (
                "HTTPS://App.Example.com:443, http://localhost:5173",
                "https://app.example.com,http://localhost:5173",
            ),
            (
                "http://10.0.0.1:80,http://[::1]:8080,http://[::1]",
                "http://10.0.0.1,http://[::1]:8080,http://[::1]",
            ),
            (" * ", "*"),
        ] {
            let origins = Origins::parse(text).unwrap();
            assert_eq!(origins.to_string(), expected, "{text}");
            assert_eq!(Origins::parse(expected), Ok(origins));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://*.example.com",
            "https://user@app.example.com",
            "https://app.example.com:99999",
            "https://app.example.com:",
            "https://[::1",
            "https://b\u{fc}cher.example",
            "ftp://app.example.com",
            "https://a.example,,https://b.example",
            "https://a.example,*",
            "null",
        ] {
            assert_eq!(Origins::parse(text), Err(RULE.to_owned()), "{text}");
        }
        let many = vec!["https://a.example"; ORIGINS_MAX + 1].join(",");
        assert!(Origins::parse(&many).unwrap_err().contains("64"));
    }

    #[test]
    fn only_listed_origins_are_listed() {
        let origins = Origins::parse("https://app.example.com").unwrap();
        assert!(origins.lists(b"https://app.example.com"));
        for other in
            ["http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.example"]
        {
            assert!(!origins.lists(other.as_bytes()), "{other}");
        }
        assert!(!Origins::Any.lists(b"https://app.example.com") && !Origins::None.lists(b""));
    }
}
