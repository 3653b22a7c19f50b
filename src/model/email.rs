//! E-mail addresses: stored as given, compared folded.

use std::borrow::Cow;

use crate::model::error::Reason;
use crate::model::limits::EMAIL_MAX_BYTES;
use crate::model::text::{Limit, checked, text_type};
use crate::model::violation::Rule;

/// The version of [`fold`], kept in a store's meta record. A store's e-mail lookup holds hashes of folded addresses, so
/// whoever changes what `fold` returns for any address raises this number and rebuilds the lookups of older stores.
pub const FOLD_VERSION: u32 = 1;

text_type!(
    /// An e-mail address. The local part is runs of characters joined by single dots, or one quoted string; the domain
    /// is dotted labels that end in two or more letters, or an IPv4 address in brackets.
    Email, parse
);

impl Email {
    /// The address as it is compared: in lower case. Borrowed when it is in lower case already.
    pub fn folded(&self) -> Cow<'_, str> {
        fold(self.as_str())
    }
}

/// `address` in lower case, character by character (no rule looks at a neighbour, so folding is a homomorphism).
pub fn fold(address: &str) -> Cow<'_, str> {
    if address.is_ascii() {
        if address.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(address.to_ascii_lowercase());
        }
        return Cow::Borrowed(address);
    }
    Cow::Owned(address.chars().flat_map(char::to_lowercase).collect())
}

fn parse(text: String) -> Result<String, Rule> {
    let text = checked(Reason::EmailInvalid, Limit::Bytes(EMAIL_MAX_BYTES), text)?;
    // A domain has no `@`, so the last one is the one that counts; a quoted local part may have more.
    let fits = text.rsplit_once('@').is_some_and(|(local, domain)| {
        (is_dot_atom(local) || is_quoted(local)) && (is_host(domain) || is_bracketed_ipv4(domain))
    });
    if fits { Ok(text) } else { Err(Rule::must_be(Reason::EmailInvalid, "an e-mail address")) }
}

fn is_dot_atom(local: &str) -> bool {
    let mut after_dot = true;
    for character in local.chars() {
        if character == '.' {
            if after_dot {
                return false;
            }
            after_dot = true;
        } else {
            if !may_stand_unquoted(character) {
                return false;
            }
            after_dot = false;
        }
    }
    !after_dot
}

fn may_stand_unquoted(character: char) -> bool {
    match character {
        '<' | '>' | '(' | ')' | '[' | ']' | '\\' | ',' | ';' | ':' | '@' | '"' | ' ' | '\u{feff}' => false,
        _ => character.is_ascii() || !character.is_whitespace(),
    }
}

fn is_quoted(local: &str) -> bool {
    local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).is_some_and(|inner| !inner.is_empty())
}

fn is_host(domain: &str) -> bool {
    let Some((labels, last)) = domain.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && labels.split('.').all(is_label)
}

fn is_bracketed_ipv4(domain: &str) -> bool {
    let Some(inner) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    let is_octet = |part: &str| {
        (1..=3).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u16>().is_ok_and(|octet| octet <= 255)
    };
    inner.split('.').count() == 4 && inner.split('.').all(is_octet)
}
