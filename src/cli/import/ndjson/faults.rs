//! What is wrong with a line, in words of our own: the parser's are those of a program that reads Rust.

use crate::cli::import::RowFailure;
use crate::model::ProfileField;

/// Keys of a line beside those of the profile.
const OTHER_KEYS: [&str; 4] = ["id", "status", "clear_fields", "if_revision"];

/// Why a line, or a cell that has JSON in it, is none.
pub fn fault(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "it ends in the middle of it".to_owned();
    }
    if error.is_syntax() {
        return format!("it stops being JSON at byte {}", error.column());
    }
    match found(&error.to_string()) {
        Some(found) => format!("it is {found}"),
        None => "it is something else".to_owned(),
    }
}

/// Why a line cannot be taken, and the field at fault, which the parser reached by `path`.
pub fn refused(error: &serde_json::Error, path: &str) -> RowFailure {
    if error.is_syntax() || error.is_eof() {
        return RowFailure::new(
            "INVALID_JSON",
            "",
            format!("the line must be a JSON object, and {}", fault(error)),
        );
    }
    let (path, said) = (path.trim_matches('.'), error.to_string());
    let quoted = |before: &str| said.strip_prefix(before).and_then(|rest| rest.split('`').next());
    if let Some(name) = quoted("unknown field `") {
        let parent = path.strip_suffix(name).unwrap_or(path).trim_end_matches('.');
        return RowFailure::new(
            "UNKNOWN_FIELD",
            path,
            format!("{path}: there is no such key; known are {}", known(parent)),
        );
    }
    if let Some(name) = quoted("duplicate field `") {
        // It is found where its object stands.
        let field = if path == name || path.ends_with(&format!(".{name}")) {
            path.to_owned()
        } else {
            format!("{path}.{name}").trim_matches('.').to_owned()
        };
        let message = format!("{field}: the key comes twice");
        return RowFailure::new("INVALID_FIELD", field, message);
    }
    let found = found(&said).map_or(String::new(), |found| format!(", and is {found}"));
    RowFailure::new("INVALID_FIELD", path, format!("{path}: must be {}{found}", wanted(path)))
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

/// What the value at a path has to be.
fn wanted(path: &str) -> &'static str {
    match path {
        "enable_payroll" => "true or false",
        "if_revision" => "a whole number from 0 on",
        "clear_fields" => "a list of names of fields",
        "attributes" | "account_details" | "account_details.uk" | "account_details.eu" => "an object",
        _ => "a text in quotes",
    }
}

/// What the parser says that it found.
fn found(said: &str) -> Option<&'static str> {
    let said = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "))?;
    let kinds = [
        ("null", "null"),
        ("boolean", "true or false"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("number", "a number"),
        ("string", "a text"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    kinds.iter().find(|(word, _)| said.starts_with(word)).map(|(_, found)| *found)
}
