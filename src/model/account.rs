//! Bank details, UK or EU.

use std::fmt;

use crate::model::error::Reason;
use crate::model::limits::{
    ACCOUNT_HOLDER_MAX_CHARS, ACCOUNT_NUMBER_DIGITS, BANK_INPUT_MAX_BYTES, SORT_CODE_DIGITS,
};
use crate::model::text::{Limit, checked};
use crate::model::violation::Rule;

/// Where a member's pay goes. Its `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
pub enum AccountDetails {
    /// An account in the United Kingdom.
    Uk {
        /// Name of the holder, 1 to 70 characters.
        account_holder: String,
        /// 6 digits.
        sort_code: String,
        /// 8 digits.
        account_number: String,
    },
    /// An account with an IBAN.
    Eu {
        /// Name of the holder, 1 to 70 characters.
        account_holder: String,
        /// Upper case, without spaces, with a correct check number.
        iban: String,
    },
}

/// A part of bank details that is not valid: the name of the field and its rule.
pub type BankFault = (&'static str, Rule);

impl AccountDetails {
    /// UK details; spaces and hyphens in the numbers are removed. All faults are told.
    pub fn parse_uk(
        account_holder: impl Into<String>,
        sort_code: &str,
        account_number: &str,
    ) -> Result<Self, Vec<BankFault>> {
        let holder = holder(account_holder.into());
        let sort_code = digits(sort_code, SORT_CODE_DIGITS, "6 digits");
        let account_number = digits(account_number, ACCOUNT_NUMBER_DIGITS, "8 digits");
        match (holder, sort_code, account_number) {
            (Ok(account_holder), Ok(sort_code), Ok(account_number)) => {
                Ok(Self::Uk { account_holder, sort_code, account_number })
            }
            (holder, sort_code, account_number) => Err([
                ("account_holder", holder.err()),
                ("sort_code", sort_code.err()),
                ("account_number", account_number.err()),
            ]
            .into_iter()
            .filter_map(|(field, rule)| Some((field, rule?)))
            .collect()),
        }
    }

    /// EU details; spaces and hyphens in the IBAN are removed. All faults are told.
    pub fn parse_eu(account_holder: impl Into<String>, iban: &str) -> Result<Self, Vec<BankFault>> {
        match (holder(account_holder.into()), parse_iban(iban)) {
            (Ok(account_holder), Ok(iban)) => Ok(Self::Eu { account_holder, iban }),
            (holder, iban) => Err([("account_holder", holder.err()), ("iban", iban.err())]
                .into_iter()
                .filter_map(|(field, rule)| Some((field, rule?)))
                .collect()),
        }
    }
}

impl fmt::Debug for AccountDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uk { .. } => "AccountDetails(UK)",
            Self::Eu { .. } => "AccountDetails(EU)",
        })
    }
}

fn holder(text: String) -> Result<String, Rule> {
    checked(Reason::BankAccountInvalid, Limit::Chars(ACCOUNT_HOLDER_MAX_CHARS), text)
}

/// `text` in upper case without spaces and hyphens.
fn compact(text: &str) -> Result<String, Rule> {
    let text = checked(Reason::BankAccountInvalid, Limit::Bytes(BANK_INPUT_MAX_BYTES), text.to_owned())?;
    Ok(text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).map(|c| c.to_ascii_uppercase()).collect())
}

fn digits(text: &str, count: usize, rule: &'static str) -> Result<String, Rule> {
    let digits = compact(text)?;
    if digits.len() == count && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(Rule::must_be(Reason::BankAccountInvalid, rule))
    }
}

/// An IBAN whose length is its country's and whose check number is right.
fn parse_iban(text: &str) -> Result<String, Rule> {
    let iban = compact(text)?;
    let shape_fits = match iban.as_bytes() {
        [c0, c1, k0, k1, account @ ..] => {
            c0.is_ascii_uppercase()
                && c1.is_ascii_uppercase()
                && k0.is_ascii_digit()
                && k1.is_ascii_digit()
                && account.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
                && length_fits([*c0, *c1], iban.len())
        }
        _ => false,
    };
    if shape_fits && mod_97(&iban) == 1 {
        Ok(iban)
    } else {
        Err(Rule::must_be(Reason::BankAccountInvalid, "an IBAN with a correct check number"))
    }
}

/// A country that joins the registry later is accepted with any length that the standard (ISO 13616) allows.
fn length_fits(country: [u8; 2], length: usize) -> bool {
    match IBAN_LENGTHS
        .iter()
        .find(|(_, codes)| codes.as_bytes().chunks(3).any(|code| code.starts_with(&country)))
    {
        Some((expected, _)) => length == *expected,
        None => (15..=34).contains(&length),
    }
}

/// The remainder of ISO 7064: the first four characters go last, and letters count as 10 to 35.
fn mod_97(iban: &str) -> u32 {
    let (head, tail) = iban.split_at_checked(4).unwrap_or((iban, ""));
    tail.bytes().chain(head.bytes()).fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    })
}

/// Lengths of IBANs by country, from the SWIFT registry. A table of our own rather than a crate: the registry's account
/// structures are not promised by our contract, only the check number is.
const IBAN_LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH CR HR LI LV"),
    (22, "BG BH DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];
