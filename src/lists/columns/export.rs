//! The columns that an export writes, and an import recognises.

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
pub const SERVER_COLUMNS: [&str; 5] = ["id", "member_base_id", "created_at", "updated_at", "revision"];
/// Columns that only callers with the right to personal data get.
const PERSONAL: [&str; 5] = ["dob", "account_holder", "sort_code", "account_number", "iban"];

/// Whether these are the columns of an export, with or without those that need the right to personal data.
#[must_use]
pub fn is_header(names: &[String]) -> bool {
    let has = |column: &str| names.iter().any(|name| name == column);
    names.iter().map(String::as_str).eq(header().filter(|column| has(column) || !PERSONAL.contains(column)))
}

/// All columns of an export, in order.
pub fn header() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(SERVER_COLUMNS)
}
