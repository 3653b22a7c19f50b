//! Bank details, UK or EU.

use std::fmt;

use crate::model::bank::iban::is_iban;
use crate::model::limits::{
    ACCOUNT_HOLDER_MAX_CHARS, ACCOUNT_NUMBER_DIGITS, BANK_INPUT_MAX_BYTES, SORT_CODE_DIGITS,
};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::invisible::trimmed;
use crate::model::value::separator::is_separator;
use crate::model::value::text::{Limit, checked};

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
        /// Upper case, without separators, with the structure of its country and a correct check number.
        iban: String,
    },
}

/// An invalid part of bank details: the name of the field and the rule that it breaks.
pub type BankFault = (&'static str, Rule);

impl AccountDetails {
    /// Parses UK details and removes separators from the numbers. Reports every fault.
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

    /// Parses EU details and removes separators from the IBAN. Reports every fault.
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
    checked(Reason::BankAccountInvalid, Limit::Chars(ACCOUNT_HOLDER_MAX_CHARS), trimmed(text))
}

/// `text` in upper case and without separators.
fn compact(text: &str) -> Result<String, Rule> {
    let text = checked(Reason::BankAccountInvalid, Limit::Bytes(BANK_INPUT_MAX_BYTES), text.to_owned())?;
    Ok(text.chars().filter(|c| !is_separator(*c)).map(|c| c.to_ascii_uppercase()).collect())
}

fn digits(text: &str, count: usize, rule: &'static str) -> Result<String, Rule> {
    let digits = compact(text)?;
    if digits.len() == count && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(Rule::must_be(Reason::BankAccountInvalid, rule))
    }
}

fn parse_iban(text: &str) -> Result<String, Rule> {
    let iban = compact(text)?;
    if is_iban(&iban) {
        Ok(iban)
    } else {
        let what = "an IBAN with the structure of its country and a correct check number";
        Err(Rule::must_be(Reason::BankAccountInvalid, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iban_of(details: AccountDetails) -> String {
        match details {
            AccountDetails::Eu { iban, .. } => iban,
            AccountDetails::Uk { .. } => panic!("not an EU account"),
        }
    }

    #[test]
    fn an_iban_is_compacted() {
        for iban in [
            "GB29 NWBK 6016 1331 9268 19",
            "gb29nwbk60161331926819",
            "GB29\u{a0}NWBK\u{202f}6016\u{2009}1331 9268 19",
            "GB29-NWBK-6016–1331\u{2011}9268-19",
            "GB29.NWBK.6016/1331.9268.19",
        ] {
            let details = AccountDetails::parse_eu("Zoë", iban).unwrap();
            assert_eq!(iban_of(details), "GB29NWBK60161331926819", "{iban}");
        }
    }

    #[test]
    fn a_text_that_is_not_an_iban_is_refused() {
        for iban in [
            "",
            "DE",
            "DE89",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "DE88370400440532013000",
            "D189370400440532013000",
            "DE8937040044053201300é",
            "DE89,3704,0044,0532,0130,00",
            "DE89(3704)00440532013000",
            "89DE370400440532013000",
            // The check numbers are correct, but these countries have no such accounts.
            "GB25123456789012345678",
            "DE06ABCDEFGHIJKLMNOPQR",
        ] {
            let faults = AccountDetails::parse_eu("Zoë", iban).unwrap_err();
            assert_eq!(faults.iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["iban"], "{iban}");
        }
    }

    #[test]
    fn uk_numbers_lose_their_separators() {
        let expected = AccountDetails::Uk {
            account_holder: "Zoë Müller".to_owned(),
            sort_code: "123456".to_owned(),
            account_number: "12345678".to_owned(),
        };
        for (sort_code, account_number) in [
            ("12-34-56", "1234 5678"),
            ("12–34–56", "1234\u{2011}5678"),
            ("12\u{2011}34\u{2011}56", "1234\u{202f}5678"),
            ("12/34/56", "12.34.56.78"),
            ("12\u{2009}34\u{2009}56", "\u{202d}12345678\u{202c}"),
        ] {
            let details = AccountDetails::parse_uk("Zoë Müller", sort_code, account_number).unwrap();
            assert!(details == expected, "{sort_code} {account_number}");
        }
    }

    #[test]
    fn every_fault_of_an_account_is_reported() {
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
}
