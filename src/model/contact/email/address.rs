//! The rules of an e-mail address.

use std::borrow::Cow;

use compact_str::CompactString;

use super::domain;
use super::fold::Fold;
use crate::model::limits::EMAIL_MAX_BYTES;
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::invisible::is_invisible;
use crate::model::value::text::{self, Given, Limit, text_type};

text_type!(
    /// An e-mail address without invisible characters. The local part consists of runs of characters joined
    /// by single dots, or is one quoted string. The domain is a host name that can exist, in its own letters
    /// or in its DNS form, or an IPv4 address in brackets.
    Email, given read
);

impl Email {
    /// The folded address, by which addresses are compared. Borrowed if it is already folded.
    pub fn folded(&self, fold: Fold) -> Cow<'_, str> {
        fold.of(self.as_str())
    }
}

fn read<T: Given>(text: T) -> Result<CompactString, Rule> {
    check(text.as_ref()).map(|()| text.into())
}

/// Whether `text` is an e-mail address.
pub(in crate::model) fn check(text: &str) -> Result<(), Rule> {
    if is_plainly_one(text) { Ok(()) } else { check_each_rule(text) }
}

/// Whether `text` certainly is an address. Reads each byte once, because nearly every row has an address
/// without quotes, letters beyond ASCII and internationalised labels.
fn is_plainly_one(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut after_dot = true;
    loop {
        match bytes.next() {
            Some(b'@') if !after_dot => break,
            Some(b'.') if !after_dot => after_dot = true,
            Some(b'.') | None => return false,
            Some(byte) if byte.is_ascii_graphic() && may_stand_unquoted(byte) => after_dot = false,
            Some(_) => return false,
        }
    }
    text.len() <= EMAIL_MAX_BYTES && domain::is_plainly_host(bytes)
}

fn check_each_rule(text: &str) -> Result<(), Rule> {
    text::check(Reason::EmailInvalid, Limit::Bytes(EMAIL_MAX_BYTES), text)?;
    if !text.is_ascii() && text.chars().any(is_invisible) {
        return Err(Rule::must_be(Reason::EmailInvalid, "an e-mail address without invisible characters"));
    }
    // A domain has no `@`, so the last `@` separates the parts; a quoted local part may have more.
    let fits = text.rsplit_once('@').is_some_and(|(local, domain)| {
        (is_dot_atom(local) || is_quoted(local))
            && (domain::is_host(domain) || domain::is_bracketed_ipv4(domain))
    });
    if fits { Ok(()) } else { Err(Rule::must_be(Reason::EmailInvalid, "an e-mail address")) }
}

/// Whether some store may have the address `text`: it is valid today, or was under an earlier version's
/// rules. Those accepted invisible characters, and domains that only look like a host name.
pub(in crate::model) fn may_be_stored(text: &str) -> bool {
    has_size(text)
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            (is_dot_atom(local) || is_quoted(local))
                && (domain::was_host(domain) || domain::is_host(domain) || domain::is_bracketed_ipv4(domain))
        })
}

/// Whether an address that some store may have can begin with `text`.
pub(in crate::model) fn may_begin(text: &str) -> bool {
    // Between quotes every character is allowed, even `@`.
    let is_quoted = text.starts_with('"');
    let begins = || match text.split_once('@') {
        Some((local, domain)) => is_dot_atom(local) && domain::may_begin(domain),
        None => is_dot_atom(text.strip_suffix('.').unwrap_or(text)),
    };
    has_size(text) && (is_quoted || begins())
}

fn has_size(text: &str) -> bool {
    text::check(Reason::EmailInvalid, Limit::Bytes(EMAIL_MAX_BYTES), text).is_ok()
}

/// Works on bytes, because every row with an address comes here.
fn is_dot_atom(local: &str) -> bool {
    if !local.is_ascii() && local.chars().any(is_space_beyond_ascii) {
        return false;
    }
    let mut after_dot = true;
    for byte in local.bytes() {
        let is_dot = byte == b'.';
        if (is_dot && after_dot) || !may_stand_unquoted(byte) {
            return false;
        }
        after_dot = is_dot;
    }
    !after_dot
}

fn is_space_beyond_ascii(character: char) -> bool {
    !character.is_ascii() && (character.is_whitespace() || character == '\u{feff}')
}

fn may_stand_unquoted(byte: u8) -> bool {
    !matches!(byte, b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'\\' | b',' | b';' | b':' | b'@' | b'"' | b' ')
}

fn is_quoted(local: &str) -> bool {
    local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).is_some_and(|inner| !inner.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            "-@a.ab",
            "user@xn--e1afmkfd.xn--p1ai",
            "user@пример.рф",
            "user@bücher.example",
            "a@exämple.com",
            "a@a--b.example.com",
            "a@1.2.abc",
            "a@1and1.com",
            "a@163.com",
            "a@x.museum",
            "a@x.xn--vermgensberatung-pwb",
            "a@münchen.de",
            "a@例子.广告",
            "a@उदाहरण.भारत",
            "a@مثال.إختبار",
            "a@דוגמה.טעסט",
            "a@παράδειγμα.ελ",
            "a@☃.net",
            "1@2.ab",
            "a_b-c.d@x-y.example",
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
    fn a_text_that_is_not_an_address_is_refused() {
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
            "a@-example.com",
            "a@example-.com",
            "-@-.ab",
            "a@xn--.com",
            &format!("a@{}.com", "x".repeat(64)),
            &format!("a@{}.example", "ü".repeat(60)),
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
    fn invisible_characters_are_refused() {
        for invisible in [
            '\u{ad}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202e}',
            '\u{2060}',
            '\u{2064}',
            '\u{feff}',
            '\u{fffd}',
            '\u{fff9}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{378}',
            '\u{ffff}',
            '\u{e0041}',
            '\u{3164}',
            '\u{fe0f}',
        ] {
            for text in [
                format!("a{invisible}b@example.com"),
                format!("{invisible}ab@example.com"),
                format!("ab{invisible}@example.com"),
                format!("ab@exam{invisible}ple.com"),
                format!("ab@example.com{invisible}"),
                format!("\"a{invisible}b\"@example.com"),
            ] {
                let rule = Email::parse(text.clone()).map(Email::into_string).unwrap_err();
                let rule_text = "must be an e-mail address without invisible characters".to_owned();
                assert_eq!((rule.reason(), rule.describe()), (Reason::EmailInvalid, rule_text), "{text:?}");
            }
        }
    }

    #[test]
    fn only_a_former_or_present_address_may_be_stored() {
        for text in ["a@-example.com", "a@x-.com", "a\u{200b}@b.cd", &format!("a@{}.com", "x".repeat(64))] {
            assert!(Email::parse(text).is_err() && may_be_stored(text), "{text:?}");
        }
        for text in [
            "", "a", "@", "a@", "@b.cd", "a@b", "a@b@c.de", "a b@c.de", "a@b c.de", "a@b_c.de", "a@b..cd",
            "a@b.c1",
        ] {
            assert!(!may_be_stored(text), "{text:?}");
        }
    }

    #[test]
    fn beginnings_of_addresses_are_recognised() {
        for text in [
            "a",
            "a.",
            "A@",
            "a@b",
            "a@b.",
            "a@b.c",
            "\"",
            "\"a b@c@",
            "a@[12",
            "a@[1.2.3.4]",
            "a@ü",
            "a@-",
            "ü",
        ] {
            assert!(may_begin(text), "{text:?}");
        }
        for text in [
            "@", ".", ".a", "a..", "a.@", "a b", " a", "a@.", "a@b..", "a@b@", "a@b ", "a@b_", "a@[x",
            "a@[1]", "a,", "a\n",
        ] {
            assert!(!may_begin(text), "{text:?}");
        }
        assert!(may_begin(&"x".repeat(254)) && !may_begin(&"x".repeat(255)));
    }

    /// Valid and nearly valid addresses.
    fn nearly() -> impl Strategy<Value = String> {
        "[a.\"@ ü\u{200b}]{0,4}@?(\\[?[a1.\\-ü _]{0,6}\\]?|b)(\\.com|\\.рф)?"
    }

    #[test]
    fn usual_addresses_are_read_once() {
        for text in ["member.7@mail.example.com", "M1-x+y@x-y.co.uk", "o'neill@1and1.com"] {
            assert!(is_plainly_one(text) && check_each_rule(text).is_ok(), "{text}");
        }
        for text in ["a@a--b.com", "\"a\"@b.cd", "zoë@b.cd", "a@bü.cd", "a@[127.0.0.1]", ""] {
            assert!(!is_plainly_one(text), "{text}");
        }
        let long = |bytes: usize| format!("{}@b.cd", "x".repeat(bytes - 5));
        assert!(is_plainly_one(&long(EMAIL_MAX_BYTES)) && !is_plainly_one(&long(EMAIL_MAX_BYTES + 1)));
    }

    proptest! {
        #[test]
        fn what_is_plainly_an_address_keeps_every_rule(
            local in "[aB9.\\-@ \"!\u{1}]{0,3}[aB9.\\-]{0,3}",
            domain in "@?[aB9.\\-_]{0,5}[.@]?([a-z]{0,3}|[a.]{60,66}|x{60,66})",
        ) {
            let text = local + &domain;
            prop_assert!(!is_plainly_one(&text) || check_each_rule(&text).is_ok(), "{:?}", text);
        }

        #[test]
        fn every_beginning_of_an_address_is_one(text in nearly()) {
            let is_stored = may_be_stored(&text);
            prop_assert!(is_stored || Email::parse(text.clone()).is_err(), "{:?}", text);
            for (end, character) in text.char_indices().filter(|_| is_stored) {
                let beginning = &text[..end + character.len_utf8()];
                prop_assert!(may_begin(beginning), "{:?} of {:?}", beginning, text);
            }
        }

        #[test]
        fn any_text_may_be_parsed(text in any::<String>()) {
            if let Ok(email) = Email::parse(text.clone()) {
                prop_assert_eq!(email.as_str(), text.as_str());
                prop_assert!(text.contains('@'));
                // A folded address is an address too.
                let folded = Email::parse(email.folded(Fold::NEWEST)).unwrap();
                prop_assert_eq!(folded.folded(Fold::NEWEST), folded.as_str());
            }
        }
    }
}
