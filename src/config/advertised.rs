//! Where other servers on the same store reach a server.

use std::fmt;

use http::Uri;
use http::uri::Authority;

/// What an address must be.
const RULE: &str =
    "must be the address of this server alone, such as http://host:50051 or https://host:50051";
/// The longest address, in bytes: the row of the database has room for that.
const MAX_BYTES: usize = 255;

/// The address of a server for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// Whether connections to it are encrypted.
    pub is_encrypted: bool,
    /// Its host and port.
    pub authority: Authority,
    /// Its port.
    pub port: u16,
}

impl Advertised {
    /// Reads an address: a scheme, a host and a port, and nothing else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rule = || RULE.to_owned();
        if text.len() > MAX_BYTES {
            return Err(format!("must have at most {MAX_BYTES} bytes"));
        }
        let uri: Uri = text.parse().map_err(|_| rule())?;
        let is_encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(rule()),
        };
        let authority = uri.authority().ok_or_else(rule)?.clone();
        let port = authority.port_u16().filter(|port| *port > 0).ok_or_else(rule)?;
        let has_more = uri.path_and_query().is_some_and(|rest| rest.as_str() != "/");
        let is_nowhere = ["", "0.0.0.0", "[::]"].contains(&authority.host());
        if has_more || is_nowhere || authority.as_str().contains('@') || text.contains('#') {
            return Err(rule());
        }
        Ok(Self { is_encrypted, authority, port })
    }

    /// Its host, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Its scheme.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }
}

impl fmt::Display for Advertised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        for (text, host, port, is_encrypted) in [
            ("http://mb1:50051", "mb1", 50051, false),
            ("https://mb1.example.com:443/", "mb1.example.com", 443, true),
            ("http://10.0.0.7:1", "10.0.0.7", 1, false),
            ("https://[fd00::1]:50051", "fd00::1", 50051, true),
        ] {
            let read = Advertised::parse(text).unwrap();
            assert_eq!((read.host(), read.port, read.is_encrypted), (host, port, is_encrypted), "{text}");
            assert_eq!(Advertised::parse(&read.to_string()), Ok(read));
        }
        let long = format!("http://{}:1", "m".repeat(MAX_BYTES));
        for text in [
            "",
            "mb1:50051",
            "http://mb1",
            "http://mb1:0",
            "http://mb1:70000",
            "ftp://mb1:1",
            "http://:1",
            "http://0.0.0.0:1",
            "http://[::]:1",
            "http://a@mb1:1",
            "http://mb1:1/path",
            "http://mb1:1?a=b",
            "http://mb1:1#a",
            &long,
        ] {
            assert!(Advertised::parse(text).is_err(), "{text}");
        }
    }
}
