//! A member as this door shows it.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::CallRequest;
use crate::api::http::openapi::values::{self, id, values};
use crate::model::{self, AccountDetails, Row};

/// The id of a member, `mem_…`; `m_…` is accepted too.
pub struct MemberId;

values! {
    MemberId, |g| id(g, &[model::id::MEMBER_PREFIX_ONSI, model::id::MEMBER_PREFIX]);
}

/// A member. A member that was created at another door may lack an e-mail address, a name or a tier, which
/// are empty here.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    email: String,
    #[schemars(with = "MemberId")]
    member_id: String,
    first_name: String,
    last_name: String,
    #[schemars(with = "Option<model::Phone>")]
    phone: Option<String>,
    tier: String,
    #[schemars(with = "Option<model::WorkerId>")]
    worker_id: Option<String>,
    #[schemars(with = "model::Status")]
    status: &'static str,
    account_details: Option<Account>,
    enable_payroll: bool,
    #[schemars(with = "Option<model::Gender>")]
    gender: Option<&'static str>,
    #[schemars(with = "Option<model::Date>")]
    dob: Option<String>,
}

/// Bank details, UK or EU.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[schemars(inline)]
pub enum Account {
    Uk {
        #[schemars(with = "values::AccountHolder")]
        account_holder: String,
        #[schemars(with = "values::SortCode")]
        sort_code: String,
        #[schemars(with = "values::AccountNumber")]
        account_number: String,
    },
    Eu {
        #[schemars(with = "values::AccountHolder")]
        account_holder: String,
        #[schemars(with = "values::Iban")]
        iban: String,
    },
}

/// The member at `row`.
pub fn render(request: &CallRequest, row: Row, member: model::Member) -> Member {
    let profile = member.profile;
    let name = |name: Option<model::Name>| name.map(model::Name::into_string).unwrap_or_default();
    Member {
        email: profile.email.map(model::Email::into_string).unwrap_or_default(),
        member_id: request.directory.sealer().member_id_onsi(request.base, row),
        first_name: name(profile.first_name),
        last_name: name(profile.last_name),
        phone: profile.phone.map(model::Phone::into_string),
        tier: profile.tier.map(model::Tier::into_string).unwrap_or_default(),
        worker_id: profile.worker_id.map(model::WorkerId::into_string),
        status: member.status.as_str(),
        account_details: profile.account_details.map(account),
        enable_payroll: profile.enable_payroll.unwrap_or(false),
        gender: profile.gender.map(model::Gender::as_str),
        dob: profile.dob.map(|dob| dob.to_string()),
    }
}

fn account(details: AccountDetails) -> Account {
    match details {
        AccountDetails::Uk { account_holder, sort_code, account_number } => {
            Account::Uk { account_holder, sort_code, account_number }
        }
        AccountDetails::Eu { account_holder, iban } => Account::Eu { account_holder, iban },
    }
}
