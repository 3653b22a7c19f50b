//! The columns that an export writes, and an import recognises.

/// What a CSV file starts with, before the fields that only the server sets.
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
pub const SERVER_COLUMNS: [&str; 5] = ["id", "member_base_id", "created_at", "updated_at", "revision"];
/// Columns that a caller without the right to personal data does not get.
const PERSONAL: [&str; 5] = ["dob", "account_holder", "sort_code", "account_number", "iban"];

/// Whether these are the columns of an export, be it one that lacks what its caller had no right to see.
pub fn is_header(names: &[String]) -> bool {
    let has = |column: &str| names.iter().any(|name| name == column);
    names.iter().map(String::as_str).eq(header().filter(|column| has(column) || !PERSONAL.contains(column)))
}

pub fn header() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(SERVER_COLUMNS)
}
