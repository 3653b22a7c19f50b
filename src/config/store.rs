//! The database that holds the store, as an operator names it, and its password.
//!
//! - The text of a [`StoreUrl`] never has a password: [`StoreUrl::parse`] takes it out. So whatever is printed or
//!   logged of the settings shows none, and the rules here repeat nothing of a text that they refuse.
//! - What an address may have is the engine's rule ([`Dsn`]).

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::engine::postgres::{Dsn, DsnError};

/// What an address begins with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What an address must be.
const RULE: &str = "must be an address such as postgres://user@host1,host2/database";
/// The longest address, in bytes.
const URL_MAX_BYTES: usize = 4_096;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text. One line break at its end does not belong to it: files end with one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        Self(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The address of a database, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// Reads an address, and takes the password out of it.
    pub fn parse(text: &str) -> Result<(Self, Option<Secret>), String> {
        if text.len() > URL_MAX_BYTES {
            return Err(format!("must have at most {URL_MAX_BYTES} bytes"));
        }
        Dsn::parse(text).map_err(|fault| match fault {
            // An option is named, unless it may be the rest of a password with a question mark.
            DsnError::UnknownOption(name) if !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') => {
                format!("{RULE}; write special characters of a password as %3F and the like")
            }
            fault => format!("{RULE}: {fault}"),
        })?;
        let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or(RULE)?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) =
            login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        let url = Self(format!("postgres://{user}@{hosts}/{database}{options}"));
        let password = password.map(|password| percent_decode_str(password).decode_utf8_lossy());
        Ok((url, password.map(|password| Secret::of(&password))))
    }

    /// The address, which has no password.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that may contain an address, such as the report of a parser that quotes its input, without the
/// passwords of the addresses in it.
#[must_use]
pub fn without_passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let begins = SCHEMES.iter().filter_map(|scheme| Some(line.find(scheme)? + scheme.len())).min();
        match begins {
            // A fault may have torn the address apart, so nothing that follows is shown.
            Some(begins) => {
                clean.push_str(line.get(..begins).unwrap_or_default());
                clean.push('…');
                clean.push_str(if line.ends_with('\n') { "\n" } else { "" });
            }
            None => clean.push_str(line),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let (url, password) = StoreUrl::parse(text).unwrap_or_else(|rule| panic!("{text}: {rule}"));
        (url.to_string(), password.map(|password| password.reveal().to_owned()))
    }

    #[test]
    fn an_address_is_kept_without_its_password() {
        for (text, url, password) in [
            ("postgres://mb@db/m", "postgres://mb@db/m", None),
            ("postgresql://mb@db/m", "postgres://mb@db/m", None),
            (
                "postgres://mb@a:5433,[::1]/m?sslmode=require",
                "postgres://mb@a:5433,[::1]/m?sslmode=require",
                None,
            ),
            ("postgres://mb:p%40s%3As@db/m", "postgres://mb@db/m", Some("p@s:s")),
            ("postgres://mb:p@ss:word@db/m", "postgres://mb@db/m", Some("p@ss:word")),
            ("postgres://mb:@db/m", "postgres://mb@db/m", Some("")),
            ("postgres://mb:x@/m?host=/run/pg", "postgres://mb@/m?host=/run/pg", Some("x")),
            ("postgres://mb@%2Frun%2Fpg/m?", "postgres://mb@%2Frun%2Fpg/m", None),
        ] {
            assert_eq!(parsed(text), (url.to_owned(), password.map(str::to_owned)), "{text}");
            assert_eq!(parsed(url), (url.to_owned(), None), "{url}");
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_refused_and_not_repeated() {
        for text in [
            "",
            "members",
            "mysql://mb:s3cret@db/m",
            "host=db password=s3cret dbname=m",
            "postgres:/mb:s3cret@db/m",
            "postgres://mb:s3cret@/m",
            "postgres://mb:s3cret@db",
            "postgres://:s3cret@db/m",
            "postgres://mb:s3cret@db/m?sslmode",
            "postgres://mb@db/m?password=s3cret",
            "postgres://mb:12?s3cret@db/m",
            "postgres://mb:%ffs3cret@db/m",
        ] {
            let rule = StoreUrl::parse(text).unwrap_err();
            assert!(!rule.contains("s3cret") && !rule.is_empty(), "{text}: {rule}");
        }
        assert!(StoreUrl::parse(&format!("postgres://mb@db/{}", "m".repeat(URL_MAX_BYTES))).is_err());
    }

    #[test]
    fn secrets_are_not_printed_and_end_before_a_line_break() {
        let (_, password) = StoreUrl::parse("postgres://mb:s3cret@db/m").unwrap();
        assert!(!format!("{password:?}").contains("s3cret"));
        for (text, secret) in [("a b\n", "a b"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", "")] {
            assert_eq!(Secret::of(text).reveal(), secret);
        }
    }

    #[test]
    fn reports_that_quote_an_address_lose_its_end() {
        let report = "1 | store = \"postgres://mb:s3cret@db/m\n  |     ^ no end\n2 | a = 1";
        assert_eq!(without_passwords(report), "1 | store = \"postgres://…\n  |     ^ no end\n2 | a = 1");
        assert_eq!(without_passwords("nothing"), "nothing");
    }
}
