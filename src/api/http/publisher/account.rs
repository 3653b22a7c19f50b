//! Bank details: as callers send them, and as they are shown.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::api::http::json::Object;
use crate::api::http::openapi::{self, values};
use crate::model::{AccountDetails, RawAccount, RawEuAccount, RawUkAccount};

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
    /// The details, not yet parsed.
    pub fn raw(self) -> RawAccount {
        let Self { uk, eu } = self;
        RawAccount {
            uk: uk.map(|Object(UkAccount { account_holder, sort_code, account_number })| RawUkAccount {
                account_holder,
                sort_code,
                account_number,
            }),
            eu: eu.map(|Object(EuAccount { account_holder, iban })| RawEuAccount { account_holder, iban }),
        }
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
