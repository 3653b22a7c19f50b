//! A member as this door shows it.

use serde::Serialize;

use super::call::Asked;
use crate::model::{self, AccountDetails, Row};

/// A member. Those that were made at other doors may lack an address, a name or a tier, which are empty here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    email: String,
    member_id: String,
    first_name: String,
    last_name: String,
    phone: Option<String>,
    tier: String,
    worker_id: Option<String>,
    status: &'static str,
    account_details: Option<Account>,
    enable_payroll: bool,
    gender: Option<&'static str>,
    dob: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Account {
    Uk { account_holder: String, sort_code: String, account_number: String },
    Eu { account_holder: String, iban: String },
}

/// The member at `row`.
pub fn render(asked: &Asked, row: Row, member: model::Member) -> Member {
    let profile = member.profile;
    let name = |name: Option<model::Name>| name.map(model::Name::into_string).unwrap_or_default();
    Member {
        email: profile.email.map(model::Email::into_string).unwrap_or_default(),
        member_id: asked.directory.sealer().member_id_onsi(asked.base, row),
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
