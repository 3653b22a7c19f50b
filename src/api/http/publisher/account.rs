//! Bank details: as callers send them, and as they are shown.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::api::http::json::Object;
use crate::api::http::openapi::{self, values};
use crate::model::{AccountDetails, Reason, Rule, Violations};

/// Bank details as callers send them: exactly one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = |schema: &mut Schema| openapi::one_of(schema, &["uk", "eu"]))]
pub struct Sent {
    uk: Option<Object<UkAccount>>,
    eu: Option<Object<EuAccount>>,
}

/// Bank details as they are shown.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Shown {
    Uk(UkAccount),
    Eu(EuAccount),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct UkAccount {
    #[schemars(with = "values::AccountHolder")]
    account_holder: String,
    #[schemars(with = "values::SortCode")]
    sort_code: String,
    #[schemars(with = "values::AccountNumber")]
    account_number: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EuAccount {
    #[schemars(with = "values::AccountHolder")]
    account_holder: String,
    #[schemars(with = "values::Iban")]
    iban: String,
}

impl Sent {
    /// The details, unless a fault was noted.
    pub fn parse(self, faults: &mut Violations) -> Option<AccountDetails> {
        let (kind, parsed) = match (self.uk, self.eu) {
            (Some(Object(uk)), None) => {
                ("uk", AccountDetails::parse_uk(uk.account_holder, &uk.sort_code, &uk.account_number))
            }
            (None, Some(Object(eu))) => ("eu", AccountDetails::parse_eu(eu.account_holder, &eu.iban)),
            (None, None) | (Some(_), Some(_)) => {
                let text = "must have exactly one of uk and eu";
                faults.add(Reason::BankAccountInvalid, "account_details", text);
                return None;
            }
        };
        let refuse = |parts: Vec<(&str, Rule)>| {
            for (field, rule) in parts {
                faults.add(rule.reason(), format!("account_details.{kind}.{field}"), rule.describe());
            }
        };
        parsed.map_err(refuse).ok()
    }
}

impl From<AccountDetails> for Shown {
    fn from(details: AccountDetails) -> Self {
        match details {
            AccountDetails::Uk { account_holder, sort_code, account_number } => {
                Self::Uk(UkAccount { account_holder, sort_code, account_number })
            }
            AccountDetails::Eu { account_holder, iban } => Self::Eu(EuAccount { account_holder, iban }),
        }
    }
}
