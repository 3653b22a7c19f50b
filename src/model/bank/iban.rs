//! IBANs: the structure of each country, and the check number.
//!
//! No IBAN that a bank issued may be refused. So for a country that is not in the table, any account that the
//! standard (ISO 13616) allows is accepted, and only the check number is verified.

/// Whether `iban`, in upper case and without separators, has the structure of its country and a correct check
/// number.
pub(super) fn is_iban(iban: &str) -> bool {
    let Some((head, account)) = iban.split_at_checked(4) else { return false };
    let [c0, c1, k0, k1] = head.as_bytes() else { return false };
    let is_head = [c0, c1].iter().all(|byte| byte.is_ascii_uppercase())
        && [k0, k1].iter().all(|byte| byte.is_ascii_digit());
    is_head && has_structure(head, account) && remainder(head, account) == 1
}

fn has_structure(head: &str, account: &str) -> bool {
    match STRUCTURES.iter().find(|(country, _)| head.starts_with(country)) {
        Some((_, structure)) => matches_structure(account, structure),
        None => (11..=30).contains(&account.len()) && account.bytes().all(is_alphanumeric),
    }
}

/// Whether `account` has a structure, written as in the registry: `4!a6!n` is four letters and six digits;
/// `c` is either.
fn matches_structure(account: &str, structure: &str) -> bool {
    let mut rest = account.as_bytes();
    for part in structure.split_inclusive(['n', 'a', 'c']) {
        let (length, class) = part.split_once('!').unwrap_or_default();
        let is_of_class = match class {
            "n" => |byte: u8| byte.is_ascii_digit(),
            "a" => |byte: u8| byte.is_ascii_uppercase(),
            _ => is_alphanumeric,
        };
        let found = length.parse().ok().and_then(|length| rest.split_at_checked(length));
        match found {
            Some((found, after)) if found.iter().copied().all(is_of_class) => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase()
}

/// The remainder of ISO 7064 by 97: country and check number go last, and letters count as 10 to 35.
fn remainder(head: &str, account: &str) -> u32 {
    account.bytes().chain(head.bytes()).fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    })
}

/// The structure of the accounts of each country, from the SWIFT registry. The crate `iban_validate` 5.0.1
/// lacks HN, so the table is here.
const STRUCTURES: &[(&str, &str)] = &[
    ("AD", "4!n4!n12!c"),
    ("AE", "3!n16!n"),
    ("AL", "8!n16!c"),
    ("AT", "5!n11!n"),
    ("AZ", "4!a20!c"),
    ("BA", "3!n3!n8!n2!n"),
    ("BE", "3!n7!n2!n"),
    ("BG", "4!a4!n2!n8!c"),
    ("BH", "4!a14!c"),
    ("BI", "5!n5!n11!n2!n"),
    ("BR", "8!n5!n10!n1!a1!c"),
    ("BY", "4!c4!n16!c"),
    ("CH", "5!n12!c"),
    ("CR", "4!n14!n"),
    ("CY", "3!n5!n16!c"),
    ("CZ", "4!n6!n10!n"),
    ("DE", "8!n10!n"),
    ("DJ", "5!n5!n11!n2!n"),
    ("DK", "4!n9!n1!n"),
    ("DO", "4!c20!n"),
    ("EE", "2!n2!n11!n1!n"),
    ("EG", "4!n4!n17!n"),
    ("ES", "4!n4!n1!n1!n10!n"),
    ("FI", "3!n11!n"),
    ("FK", "2!a12!n"),
    ("FO", "4!n9!n1!n"),
    ("FR", "5!n5!n11!c2!n"),
    ("GB", "4!a6!n8!n"),
    ("GE", "2!a16!n"),
    ("GI", "4!a15!c"),
    ("GL", "4!n9!n1!n"),
    ("GR", "3!n4!n16!c"),
    ("GT", "4!c20!c"),
    ("HN", "4!a20!n"),
    ("HR", "7!n10!n"),
    ("HU", "3!n4!n1!n15!n1!n"),
    ("IE", "4!a6!n8!n"),
    ("IL", "3!n3!n13!n"),
    ("IQ", "4!a3!n12!n"),
    ("IS", "4!n2!n6!n10!n"),
    ("IT", "1!a5!n5!n12!c"),
    ("JO", "4!a4!n18!c"),
    ("KW", "4!a22!c"),
    ("KZ", "3!n13!c"),
    ("LB", "4!n20!c"),
    ("LC", "4!a24!c"),
    ("LI", "5!n12!c"),
    ("LT", "5!n11!n"),
    ("LU", "3!n13!c"),
    ("LV", "4!a13!c"),
    ("LY", "3!n3!n15!n"),
    ("MC", "5!n5!n11!c2!n"),
    ("MD", "2!c18!c"),
    ("ME", "3!n13!n2!n"),
    ("MK", "3!n10!c2!n"),
    ("MN", "4!n12!n"),
    ("MR", "5!n5!n11!n2!n"),
    ("MT", "4!a5!n18!c"),
    ("MU", "4!a2!n2!n12!n3!n3!a"),
    ("NI", "4!a20!n"),
    ("NL", "4!a10!n"),
    ("NO", "4!n6!n1!n"),
    ("OM", "3!n16!c"),
    ("PK", "4!a16!c"),
    ("PL", "8!n16!n"),
    ("PS", "4!a21!c"),
    ("PT", "4!n4!n11!n2!n"),
    ("QA", "4!a21!c"),
    ("RO", "4!a16!c"),
    ("RS", "3!n13!n2!n"),
    ("RU", "9!n5!n15!c"),
    ("SA", "2!n18!c"),
    ("SC", "4!a2!n2!n16!n3!a"),
    ("SD", "2!n12!n"),
    ("SE", "3!n16!n1!n"),
    ("SI", "5!n8!n2!n"),
    ("SK", "4!n6!n10!n"),
    ("SM", "1!a5!n5!n12!c"),
    ("SO", "4!n3!n12!n"),
    ("ST", "4!n4!n11!n2!n"),
    ("SV", "4!a20!n"),
    ("TL", "3!n14!n2!n"),
    ("TN", "2!n3!n13!n2!n"),
    ("TR", "5!n1!n16!c"),
    ("UA", "6!n19!c"),
    ("VA", "3!n15!n"),
    ("VG", "4!a16!n"),
    ("XK", "4!n10!n2!n"),
    ("YE", "4!a4!n18!c"),
];

#[cfg(test)]
mod tests;
