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

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use proptest::prelude::*;
    use siphasher::sip::SipHasher13;

    use super::*;

    #[test]
    fn addresses_are_accepted_as_given() {
        for text in [
            "a@b.cd",
            "First.Last@Example.COM",
            "o'neill+tag@sub.example-host.co.uk",
            "!#$%&'*+/=?^_`{|}~-@example.com",
            "zoë@example.com",
            "用户@example.com",
            "m1f.ab12@mail63.example.com",
            "-@-.ab",
            "a@1.2.abc",
            "\"quoted string\"@example.com",
            "\"a@b\"@example.com",
            "\"\"\"@example.com",
            "user@[127.0.0.1]",
            "user@[255.255.255.255]",
            &format!("{}@example.com", "x".repeat(242)),
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b.cd",
            "a@b",
            "a@b.c",
            "a@b.c1",
            "a@b..cd",
            "a@.cd",
            "a@b.cd.",
            "a@b_c.de",
            "a@exämple.com",
            "a@example.côm",
            ".a@b.cd",
            "a.@b.cd",
            "a..b@b.cd",
            "a b@b.cd",
            "a\u{a0}b@b.cd",
            "a\u{feff}@b.cd",
            "a@b@c.de",
            "a,b@c.de",
            "a;b@c.de",
            "<a@c.de>",
            "a(b)@c.de",
            "a\\b@c.de",
            "a:b@c.de",
            "\"@b.cd",
            "\"\"@b.cd",
            "a\"b\"@b.cd",
            "\"a\"b@b.cd",
            "\"a\n\"@b.cd",
            " a@b.cd",
            "a@b.cd ",
            "a@b.cd\n",
            "a@[127.0.0]",
            "a@[127.0.0.1.1]",
            "a@[127.0.0.256]",
            "a@[127.0.0.+1]",
            "a@[127.0.0.0001]",
            "a@[127.0.0.]",
            "a@127.0.0.1",
            "a@[127.0.0.1",
            &format!("{}@example.com", "x".repeat(243)),
        ] {
            let rule = Email::parse(text).map(Email::into_string).unwrap_err();
            assert_eq!(rule.reason(), Reason::EmailInvalid, "{text:?}");
        }
    }

    #[test]
    fn addresses_that_differ_in_case_fold_to_one() {
        for (text, folded) in [
            ("a@b.cd", "a@b.cd"),
            ("A.B@C.De", "a.b@c.de"),
            ("ZOË@example.com", "zoë@example.com"),
            ("ΣΑΣ@example.com", "σασ@example.com"),
            ("İ@example.com", "i\u{307}@example.com"),
            ("ß@example.com", "ß@example.com"),
        ] {
            assert_eq!(Email::parse(text).unwrap().folded(), folded);
        }
        assert!(matches!(Email::parse("a@b.cd").unwrap().folded(), Cow::Borrowed(_)));
    }

    /// Stores hold hashes of folded addresses: when this fails, see [`FOLD_VERSION`]. Scripts that have been complete in
    /// Unicode for decades, so that a newer compiler alone does not fail it.
    #[test]
    fn folding_changes_with_its_version_only() {
        let mut hasher = SipHasher13::new();
        for (first, last) in
            [('\0', '\u{17f}'), ('\u{386}', '\u{3ce}'), ('\u{400}', '\u{45f}'), ('\u{531}', '\u{586}')]
        {
            let all: String = (first..=last).collect();
            hasher.write(fold(&all).as_bytes());
        }
        assert_eq!((FOLD_VERSION, hasher.finish()), (1, 2_139_402_859_379_874_531));
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in any::<String>()) {
            let once = fold(&text).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
        }

        #[test]
        fn folding_looks_at_one_character_at_a_time(left in any::<String>(), right in any::<String>()) {
            let whole = format!("{left}{right}");
            prop_assert_eq!(fold(&whole), format!("{}{}", fold(&left), fold(&right)));
        }

        #[test]
        fn any_text_may_be_parsed(text in any::<String>()) {
            if let Ok(email) = Email::parse(text.clone()) {
                prop_assert_eq!(email.as_str(), text.as_str());
                prop_assert!(text.contains('@'));
            }
        }
    }
}
