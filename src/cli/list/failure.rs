//! Why a row failed, and how a file of failed rows says it.

use std::borrow::Cow;
use std::path::Path;

use serde_json::json;

use crate::api::grpc::v1;
use crate::lists::{FAILED, fields, one_line};
use crate::model::words;

/// Why a row failed, in the importer or on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFailure {
    pub reason: Cow<'static, str>,
    pub field: String,
    pub message: String,
}

impl RowFailure {
    pub fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: Cow::Borrowed(reason), field: field.into(), message: message.into() }
    }

    /// The error that the server reports for a row. `name` turns a field and what is wrong with it into the
    /// words of the file.
    pub fn of(error: v1::RowError, name: impl Fn(String, String) -> (String, String)) -> Self {
        let v1::RowError { reason, message, violations, member_id, .. } = error;
        let faults: Vec<_> =
            violations.into_iter().map(|fault| name(fault.field, fault.description)).collect();
        let field = faults.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", ");
        // The message consists of the first faults, so it adds nothing to them.
        let mut texts: Vec<_> = faults.iter().map(|(field, rule)| format!("{field}: {rule}")).collect();
        if texts.is_empty() {
            texts.push(message);
        }
        // The member that has the value already. If several values are taken, the server reports the member
        // for the first.
        if let Some(first) = texts.first_mut().filter(|_| !member_id.is_empty()) {
            *first = format!("{first} ({member_id})");
        }
        Self { reason: Cow::Owned(reason), field, message: texts.join("; ") }
    }

    /// The cells of a failed row under [`FAILURE_COLUMNS`](crate::lists::columns::FAILURE_COLUMNS).
    pub fn cells<'a>(&'a self, line: &'a str) -> [&'a str; 4] {
        [line, &self.reason, &self.field, &self.message]
    }
}

/// A failed row of NDJSON: the row with one more field or, if it is not an object, with its text. The failure
/// of an earlier import is removed.
pub fn annotated(line: u64, text: &str, failure: &RowFailure) -> String {
    one_line(&with_failure(line, text, failure)).into_owned()
}

fn with_failure(line: u64, text: &str, failure: &RowFailure) -> String {
    let why =
        json!({ "line": line, "reason": failure.reason, "field": failure.field, "message": failure.message });
    let Some((fields, rest)) = fields(text).zip(text.strip_prefix('{')) else {
        return json!({ "failed": why, "text": text }).to_string();
    };
    if fields.iter().all(|(name, _)| name != FAILED) {
        return format!("{{\"{FAILED}\":{why}{}{rest}", if fields.is_empty() { "" } else { "," });
    }
    let own = fields.iter().filter(|(name, _)| name != FAILED);
    let own = own.map(|(name, value)| format!(",{}:{value}", json!(name)));
    format!("{{\"{FAILED}\":{why}{}}}", own.collect::<String>())
}

/// Where the failed rows are, in a sentence.
pub fn where_failed(rows: u64, path: &Path) -> String {
    let what = words::some(rows, ["row failed; it is", "rows failed; they are"]);
    let why = if rows == 1 { "its reason" } else { "the reason of each" };
    format!("{what} in {} with {why}", path.display())
}
