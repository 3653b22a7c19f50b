//! The address of a collector.

use std::net::Ipv6Addr;

/// The schemes, with the port of an address that names none.
const PLAIN: (&str, u16) = ("http://", 80);
const ENCRYPTED: (&str, u16) = ("https://", 443);

/// Where a collector is.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether connections are encrypted.
    pub is_encrypted: bool,
    /// Host with port.
    pub authority: String,
    /// What follows; may be empty.
    pub path: String,
}

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rule =
            || format!("must be an address such as http://localhost:4318 or https://host, not `{text}`");
        let known = [(false, PLAIN), (true, ENCRYPTED)];
        let found = known.into_iter().find_map(|(is_encrypted, (scheme, port))| {
            text.strip_prefix(scheme).map(|rest| (is_encrypted, rest, port))
        });
        let (is_encrypted, rest, port) = found.ok_or_else(rule)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_path = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
        let authority = with_port(authority, port).filter(|_| is_path).ok_or_else(rule)?;
        Ok(Self { is_encrypted, authority, path: path.to_owned() })
    }
}

/// A host with its port, or with `usual` if it has none; `None` if it is not a host.
fn with_port(authority: &str, usual: u16) -> Option<String> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (format!("[{}]", address.parse::<Ipv6Addr>().ok()?), port),
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(is_plain)).then(|| (host.to_owned(), port))?
        }
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().ok().filter(|port| *port > 0)?,
        None => port.is_empty().then_some(usual)?,
    };
    Some(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_a_host_and_perhaps_a_port_and_a_path() {
        for (text, is_encrypted, authority, path) in [
            ("http://localhost:4318", false, "localhost:4318", ""),
            ("http://one", false, "one:80", ""),
            ("https://one/", true, "one:443", "/"),
            ("https://one:4317/a/b", true, "one:4317", "/a/b"),
            ("http://[::1]:4318", false, "[::1]:4318", ""),
            ("https://[::1]", true, "[::1]:443", ""),
        ] {
            let expected = Address { is_encrypted, authority: authority.into(), path: path.into() };
            assert_eq!(Address::parse(text), Ok(expected), "{text}");
        }
        for text in [
            "http://",
            "https://",
            "http://a b",
            "http://user@host",
            "localhost:4317",
            "ftp://host",
            "http://a/?b",
            "http://:4318",
            "http://a:",
            "http://a:0",
            "http://a:99999",
            "https://a:1:2",
            "http://[::1",
            "http://::1:4318",
            "http://[a]:1",
            "http://][",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
