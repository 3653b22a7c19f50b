//! Explains faults of a line to people who write files.

use crate::lists::row_fault::{RowFault, RowRule};
use crate::model::ProfileField;
use crate::model::faulty_json::{Fault, Faulty, Kind};

/// Keys of a line that are not in the profile.
const OTHER_KEYS: [&str; 4] = ["id", "status", "clear_fields", "if_revision"];

/// Why a line, or a cell with JSON, cannot be parsed.
pub fn fault(faulty: &Faulty) -> String {
    if faulty.error.is_eof() {
        return "it ends too early".to_owned();
    }
    match &faulty.fault {
        Fault::Syntax => format!("it is not valid JSON at byte {}", faulty.error.column()),
        other => match found(other) {
            Some(found) => format!("it is {found}"),
            None => "it is something else".to_owned(),
        },
    }
}

/// Why a line is rejected, and the field at fault.
pub fn refused(faulty: &Faulty) -> RowFault {
    let path = faulty.path.to_string();
    let path = path.trim_matches('.');
    match &faulty.fault {
        Fault::Syntax => {
            let message = format!("the line must be a JSON object, but {}", fault(faulty));
            RowFault::new(RowRule::InvalidJson, "", message)
        }
        Fault::Unknown(name) => {
            let parent = path.strip_suffix(name.as_str()).unwrap_or(path).trim_end_matches('.');
            let message = format!("{path}: unknown key; known keys are {}", known(parent));
            RowFault::new(RowRule::UnknownField, path, message)
        }
        Fault::Twice(name) => {
            // The parser reports a duplicate key either at its own path or at that of its object.
            let field = if path == name || path.ends_with(&format!(".{name}")) {
                path.to_owned()
            } else {
                format!("{path}.{name}").trim_matches('.').to_owned()
            };
            let message = format!("{field}: duplicate key");
            RowFault::new(RowRule::InvalidField, field, message)
        }
        other => {
            let found = found(other).map_or(String::new(), |found| format!(", but is {found}"));
            RowFault::new(RowRule::InvalidField, path, format!("{path}: must be {}{found}", wanted(path)))
        }
    }
}

/// The keys that an object may have.
fn known(path: &str) -> String {
    let names: Vec<&str> = match path {
        "account_details" => vec!["uk", "eu"],
        "account_details.uk" => vec!["account_holder", "sort_code", "account_number"],
        "account_details.eu" => vec!["account_holder", "iban"],
        _ => ProfileField::ALL.into_iter().map(ProfileField::as_str).chain(OTHER_KEYS).collect(),
    };
    names.join(", ")
}

/// The type that the value at a path must have.
fn wanted(path: &str) -> &'static str {
    match path {
        "enable_payroll" => "true or false",
        "if_revision" => "a whole number, 0 or more",
        "clear_fields" => "a list of field names",
        "attributes" | "account_details" | "account_details.uk" | "account_details.eu" => "an object",
        _ => "text in quotes",
    }
}

/// The type that the value has instead.
fn found(fault: &Fault) -> Option<&'static str> {
    let (Fault::Kind { sent, .. } | Fault::Value { sent, .. }) = fault else { return None };
    sent.map(|kind| match kind {
        Kind::Null => "null",
        Kind::Bool => "true or false",
        Kind::Number => "a number",
        Kind::Text => "text",
        Kind::List => "a list",
        Kind::Object => "an object",
    })
}
