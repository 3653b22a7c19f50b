//! Headers that may be sent at most once.

use std::fmt;

use http::HeaderMap;

use crate::model::Rule;

/// A fault of a header.
#[derive(Debug)]
pub enum HeaderFault {
    /// It is sent more than once.
    Twice,
    /// Its value has characters other than visible ASCII.
    NotVisible,
    /// Its value breaks a rule of the model.
    Rule(Rule),
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str("is given twice"),
            Self::NotVisible => f.write_str("must be visible ASCII characters"),
            Self::Rule(rule) => f.write_str(&rule.describe()),
        }
    }
}

/// The value of a header that may be sent at most once.
pub fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, HeaderFault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderFault::Twice);
    }
    value.to_str().map(Some).map_err(|_| HeaderFault::NotVisible)
}
