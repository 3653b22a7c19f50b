//! The members of the wire from rows of a list.

use std::collections::BTreeMap;

use prost_types::Struct;

use super::missing::Keys;
use crate::api::grpc::v1;
use crate::cli::import::failure;
use crate::cli::json;
use crate::cli::list::RowFailure;
use crate::lists::{ListRow, RowAttributes, RowFault};
use crate::model::{Change, RawAccount, RawEuAccount, RawRow, RawUkAccount};

/// The member that a row describes. Empty cells and nulls mean "not given". Only what cannot be put on the
/// wire fails here; all other rules are checked by the server.
pub fn member(row: &ListRow, keys: &Keys) -> Result<v1::MemberInput, RowFailure> {
    failure::check(row.earlier().as_ref())?;
    let raw = row.read().map_err(failed)?;
    keys.check(&raw)?;
    let RawRow { id, status, clear_fields, if_revision, enable_payroll, account_details, .. } = raw;
    Ok(v1::MemberInput {
        id,
        r#ref: given(raw.ref_),
        email: given(raw.email),
        first_name: given(raw.first_name),
        last_name: given(raw.last_name),
        phone: given(raw.phone),
        worker_id: given(raw.worker_id),
        tier: given(raw.tier),
        status,
        dob: given(raw.dob),
        gender: given(raw.gender),
        role: given(raw.role),
        company: given(raw.company),
        enable_payroll: given(enable_payroll),
        account_details: given(account_details).map(account),
        attributes: attributes(raw.attributes),
        clear_fields,
        if_revision,
    })
}

fn failed(fault: RowFault) -> RowFailure {
    RowFailure::new(fault.rule.code(), fault.column, fault.message)
}

fn given<T>(change: Change<T>) -> Option<T> {
    match change {
        Change::Set(value) => Some(value),
        Change::Clear | Change::Keep => None,
    }
}

/// The attributes that are given.
fn attributes(attributes: RowAttributes) -> Option<Struct> {
    let given = attributes.values.into_iter().filter_map(|(key, value)| Some((key, json::to_wire(value?))));
    let fields: BTreeMap<_, _> = given.collect();
    (!fields.is_empty()).then_some(Struct { fields })
}

fn account(account: RawAccount) -> v1::AccountDetails {
    let RawAccount { uk, eu } = account;
    v1::AccountDetails {
        uk: uk.map(|RawUkAccount { account_holder, sort_code, account_number }| v1::UkAccount {
            account_holder,
            sort_code,
            account_number,
        }),
        eu: eu.map(|RawEuAccount { account_holder, iban }| v1::EuAccount { account_holder, iban }),
    }
}
