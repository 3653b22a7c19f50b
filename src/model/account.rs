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
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IBANS: &[&str] = &[
        "AD1200012030200359100100",
        "AE070331234567890123456",
        "AT611904300234573201",
        "BE68539007547034",
        "BG80BNBG96611020345678",
        "CH9300762011623852957",
        "CY17002001280000001200527600",
        "CZ6508000000192000145399",
        "DE89370400440532013000",
        "DK5000400440116243",
        "EE382200221020145685",
        "ES9121000418450200051332",
        "FI2112345600000785",
        "FR1420041010050500013M02606",
        "GB29NWBK60161331926819",
        "GI75NWBK000000007099453",
        "GR1601101250000000012300695",
        "HR1210010051863000160",
        "HU42117730161111101800000000",
        "IE29AIBK93115212345678",
        "IS140159260076545510730339",
        "IT60X0542811101000000123456",
        "LI21088100002324013AA",
        "LT121000011101001000",
        "LU280019400644750000",
        "LV80BANK0000435195001",
        "MC5811222000010123456789030",
        "MT84MALT011000012345MTLCAST001S",
        "NL91ABNA0417164300",
        "NO9386011117947",
        "PL61109010140000071219812874",
        "PT50000201231234567890154",
        "RO49AAAA1B31007593840000",
        "SE4550000000058398257466",
        "SI56263300012039086",
        "SK3112000000198742637541",
        "BR1800360305000010009795493C1",
        "CR05015202001026284066",
        "KW81CBKU0000000000001234560101",
        "LC55HEMM000100010012001200023015",
        "SA0380000000608010167519",
        "SC18SSCB11010000000000001497USD",
        "TR330006100519786457841326",
        "UA213223130000026007233566001",
        "VG96VPVG0000012345678901",
        "SM86U0322509800000000270100",
    ];

    fn iban_of(details: AccountDetails) -> String {
        match details {
            AccountDetails::Eu { iban, .. } => iban,
            AccountDetails::Uk { .. } => panic!("not an EU account"),
        }
    }

    #[test]
    fn ibans_of_every_country_are_accepted_and_compacted() {
        for iban in IBANS {
            let spaced =
                iban.as_bytes().chunks(4).map(|part| str::from_utf8(part).unwrap()).collect::<Vec<_>>();
            let spaced = spaced.join(" ").to_lowercase();
            assert_eq!(iban_of(AccountDetails::parse_eu("Zoë", &spaced).unwrap()), *iban);
        }
    }

    #[test]
    fn an_iban_that_is_none_is_refused() {
        for iban in [
            "",
            "DE",
            "DE89",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "DE88370400440532013000",
            "D189370400440532013000",
            "DE8937040044053201300é",
            "DE89.3704.0044.0532.0130.00",
            "89DE370400440532013000",
        ] {
            let faults = AccountDetails::parse_eu("Zoë", iban).unwrap_err();
            assert_eq!(faults.iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["iban"], "{iban}");
        }
    }

    #[test]
    fn an_iban_of_a_country_to_come_is_judged_by_its_check_number() {
        assert_eq!(iban_of(AccountDetails::parse_eu("Zoë", "ZZ33123456789012345").unwrap()).len(), 19);
        assert!(AccountDetails::parse_eu("Zoë", "ZZ34123456789012345").is_err());
    }

    #[test]
    fn uk_numbers_lose_their_separators() {
        let details = AccountDetails::parse_uk("Zoë Müller", "12-34-56", "1234 5678").unwrap();
        let expected = AccountDetails::Uk {
            account_holder: "Zoë Müller".to_owned(),
            sort_code: "123456".to_owned(),
            account_number: "12345678".to_owned(),
        };
        assert!(details == expected);
    }

    #[test]
    fn every_fault_of_an_account_is_told() {
        let faults = AccountDetails::parse_uk("é".repeat(71), "12345", "1234567a").unwrap_err();
        assert_eq!(
            faults.iter().map(|(field, rule)| (*field, rule.describe())).collect::<Vec<_>>(),
            [
                ("account_holder", "must be at most 70 characters long, not 71".to_owned()),
                ("sort_code", "must be 6 digits".to_owned()),
                ("account_number", "must be 8 digits".to_owned()),
            ]
        );
        assert!(faults.iter().all(|(_, rule)| rule.reason() == Reason::BankAccountInvalid));
        let faults = AccountDetails::parse_eu("", "x").unwrap_err();
        assert_eq!(faults.iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["account_holder", "iban"]);
        assert!(AccountDetails::parse_uk("é".repeat(70), "123456", "12345678").is_ok());
    }

    #[test]
    fn no_country_is_listed_twice() {
        let mut codes: Vec<&str> = IBAN_LENGTHS.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        assert!(codes.iter().all(|code| code.len() == 2));
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((codes.len(), listed), (89, 89));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_never_goes_unnoticed(which in 0..IBANS.len(), place in 4..15_usize, digit in b'0'..=b'9') {
            let mut iban = IBANS[which].as_bytes().to_vec();
            prop_assume!(iban[place].is_ascii_digit() && iban[place] != digit);
            iban[place] = digit;
            let typed = String::from_utf8(iban).unwrap();
            prop_assert!(AccountDetails::parse_eu("Zoë", &typed).is_err());
        }
    }
}
