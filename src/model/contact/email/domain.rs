//! The domain of an e-mail address: a host name that can exist, in its own letters or in its DNS form.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The longest label of a domain, in bytes.
const LABEL_MAX_BYTES: usize = 63;
/// The prefix of a non-ASCII label in DNS.
const ACE_PREFIX: &[u8] = b"xn--";

/// Whether `domain` is a host name: labels of letters, digits and inner hyphens, joined by dots. The last
/// label has two or more letters, or is internationalised. Host names have no underscores, so mail domains
/// have none either.
pub(super) fn is_host(domain: &str) -> bool {
    if is_plain(domain) {
        return is_ascii_host(domain.as_bytes());
    }
    ascii(domain).is_some_and(|ascii| is_ascii_host(ascii.as_bytes()))
}

/// Whether these are the characters of a host name without internationalised labels.
pub(super) fn is_plainly_host(domain: impl Iterator<Item = u8>) -> bool {
    let (mut length, mut has_dot, mut is_top, mut before) = (0, false, true, b'.');
    for byte in domain {
        match byte {
            b'.' if (1..=LABEL_MAX_BYTES).contains(&length) && before != b'-' => {
                (length, has_dot, is_top) = (0, true, true);
            }
            b'-' if length > 0 && before != b'-' => (length, is_top) = (length + 1, false),
            b'a'..=b'z' | b'A'..=b'Z' => length += 1,
            b'0'..=b'9' => (length, is_top) = (length + 1, false),
            _ => return false,
        }
        before = byte;
    }
    has_dot && is_top && (2..=LABEL_MAX_BYTES).contains(&length)
}

/// The DNS form of `domain`: ASCII in lower case, by UTS 46 without transitional mappings. `None` if it has
/// no such form.
pub(super) fn ascii(domain: &str) -> Option<Cow<'_, str>> {
    if is_plain(domain) {
        return Some(super::lower::lower(domain));
    }
    let (deny, hyphens, length) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, length).ok()
}

/// Whether no label of `domain` is internationalised, in either form.
pub(super) fn is_plain(domain: &str) -> bool {
    domain.is_ascii() && !domain.as_bytes().windows(2).any(|pair| pair == b"--")
}

/// Whether an earlier version accepted `domain`: hyphens could stand anywhere, and labels had no maximum
/// length.
pub(super) fn was_host(domain: &str) -> bool {
    let Some((labels, last)) = domain.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && labels.split('.').all(is_label)
}

/// Whether a domain that this or an earlier version accepts can begin with `text`.
pub(super) fn may_begin(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        return is_bracketed_ipv4(text) || inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    }
    let may_stand = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    text.chars().all(may_stand) && !text.starts_with('.') && !text.contains("..")
}

/// Works on bytes, because every row with an address comes here.
fn is_ascii_host(domain: &[u8]) -> bool {
    let mut labels = domain.rsplit(|byte| *byte == b'.');
    let Some(last) = labels.next().filter(|last| last.len() < domain.len()) else { return false };
    let is_top = last.starts_with(ACE_PREFIX)
        || ((2..=LABEL_MAX_BYTES).contains(&last.len()) && last.iter().all(u8::is_ascii_alphabetic));
    is_top && labels.all(is_label)
}

fn is_label(label: &[u8]) -> bool {
    (1..=LABEL_MAX_BYTES).contains(&label.len())
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
        && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

pub(super) fn is_bracketed_ipv4(domain: &str) -> bool {
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
    use super::*;

    #[test]
    fn a_domain_has_one_form_in_dns() {
        for (domain, stored) in [
            ("Example.COM", "example.com"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("ПРИМЕР.РФ", "xn--e1afmkfd.xn--p1ai"),
            ("XN--E1AFMKFD.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("ｅｘａｍｐｌｅ．com", "example.com"),
            ("straße.de", "xn--strae-oqa.de"),
            ("r3---sn-a.example.com", "r3---sn-a.example.com"),
        ] {
            assert_eq!(ascii(domain).as_deref(), Some(stored), "{domain}");
            assert!(is_host(domain), "{domain}");
            assert_eq!(ascii(stored).as_deref(), Some(stored), "{domain}");
        }
    }

    #[test]
    fn a_domain_that_cannot_exist_is_not_a_host() {
        let long = "x".repeat(64);
        for domain in [
            "-example.com",
            "example-.com",
            "a.-b.com",
            "exa_mple.com",
            "example..com",
            ".example.com",
            "example.com.",
            "example",
            "example.c",
            "example.c1",
            "example.123",
            "xn--.com",
            "xn--a-ecp.ru.xn--",
            "xn--zzzzzz-.com",
            "-bücher.example",
            "bücher..example",
            "bü_cher.example",
            "bücher.example.",
            "пример",
            "a\u{2ff0}b.com",
            "[127.0.0.1]",
            &format!("{long}.com"),
            &format!("a.{long}"),
            &format!("{}.example", "ü".repeat(60)),
            &format!("{}example.com", "ü.".repeat(60)),
        ] {
            assert!(!is_host(domain), "{domain}");
        }
        assert!(is_host(&format!("{}.com", "x".repeat(63))));
    }
}
