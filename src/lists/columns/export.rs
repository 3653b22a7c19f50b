//! The columns that an export writes, and an import recognises.

use crate::lists::cell::Reading;

/// The columns of a CSV file before those that only the server sets.
pub const COLUMNS: [&str; 18] = [
    "ref",
    "email",
    "first_name",
    "last_name",
    "phone",
    "worker_id",
    "tier",
    "status",
    "dob",
    "gender",
    "role",
    "company",
    "enable_payroll",
    "account_holder",
    "sort_code",
    "account_number",
    "iban",
    "attributes",
];
/// Columns of an export that only the server sets.
pub const SERVER_COLUMNS: [&str; 5] = ["id", "member_base_id", "revision", "created_at", "updated_at"];
/// Their order in exports of earlier versions, whose cells have no guards.
const EARLIER_SERVER_COLUMNS: [&str; 5] = ["id", "member_base_id", "created_at", "updated_at", "revision"];
/// Columns that only callers with the right to personal data get.
const PERSONAL: [&str; 5] = ["dob", "account_holder", "sort_code", "account_number", "iban"];

/// How the cells of an export are read: these are its columns, with or without those that need the right to
/// personal data. `None` if it is no export.
#[must_use]
pub fn reading(names: &[String]) -> Option<Reading> {
    if is_header(names, SERVER_COLUMNS) {
        return Some(Reading::Guarded);
    }
    is_header(names, EARLIER_SERVER_COLUMNS).then_some(Reading::Exact)
}

fn is_header(names: &[String], server_columns: [&'static str; 5]) -> bool {
    let has = |column: &str| names.iter().any(|name| name == column);
    let columns = COLUMNS.into_iter().chain(server_columns);
    names.iter().map(String::as_str).eq(columns.filter(|column| has(column) || !PERSONAL.contains(column)))
}

/// All columns of an export, in order.
pub fn header() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(SERVER_COLUMNS)
}
