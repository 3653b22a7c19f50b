//! Creates members and changes them: all rows or none.

use schemars::JsonSchema;
use serde::Serialize;

use super::failure::{Failure, Fault, named};
use super::member::MemberId;
use super::sent::ROWS;
use crate::api::http::rows::{BadRow, NoneApplied, Rows, none_applied};
use crate::api::untaken;
use crate::compute::{self, Size};
use crate::directory::{self, Arrival, Directory, Error, RowOutcome, WriteMode};
use crate::model::{
    BaseNumber, Email, MatchBy, MemberRow, Outcome, Reason, RowError, UpsertOptions, Violation,
};

/// The memory of a result, in bytes: as texts, and as it is sent.
const RESULT_BYTES: usize = size_of::<Saved>() + 512;

/// What happened to a member.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SavedMember")]
pub struct Saved {
    #[schemars(with = "MemberId")]
    pub id: String,
    #[schemars(with = "Email")]
    email: String,
    #[schemars(extend("enum" = ["created", "updated", "unchanged"]))]
    outcome: &'static str,
}

/// Saves the members of rows; their results are in the order of the rows. `arrival` is the room for the rows.
pub async fn save(
    directory: &Directory,
    base: BaseNumber,
    Rows { rows, names }: Rows,
    arrival: Option<Arrival>,
) -> Result<Vec<Saved>, Failure> {
    untaken::reserve(rows.len().saturating_mul(RESULT_BYTES), arrival.is_some()).await?;
    // The table counts the rows from here on.
    drop(arrival);
    let emails: Vec<String> = rows.iter().zip(names).map(|(row, sent)| address(row, sent)).collect();
    let options = UpsertOptions { match_by: MatchBy::Email, needs_name: true, ..UpsertOptions::default() };
    let rows = directory::Upsert { rows, options, mode: WriteMode::Atomic, deadline: None };
    let reply = directory.bulk_upsert(base, rows).await.map_err(too_large)?;
    let id = |row| directory.sealer().member_id(base, row);
    if let Some(refused) = none_applied(&reply.outcomes, id) {
        return Err(refuse(refused));
    }
    let saved = |(outcome, email): (&RowOutcome, String)| {
        let nowhere = || Error::Internal { private: "a saved member has no row".to_owned() };
        let row = outcome.row.ok_or_else(nowhere)?;
        Ok(Saved { id: id(row), email, outcome: word(outcome.outcome) })
    };
    let size = Size::of_items(reply.outcomes.len());
    let all = || reply.outcomes.iter().zip(emails).map(saved).collect::<Result<_, Error>>();
    Ok(compute::here(size, all).await?)
}

/// The e-mail address of a row as it was parsed, or as it was sent.
fn address(row: &Result<MemberRow, RowError>, sent: Option<String>) -> String {
    let parsed = row.as_ref().ok().and_then(|row| row.patch.email.as_set());
    parsed.cloned().map(Email::into_string).or(sent).unwrap_or_default()
}

/// The word for the outcome of a row that was applied. No row of this call brings an inactive member back.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Updated | Outcome::Reactivated | Outcome::Failed => "updated",
        Outcome::Unchanged => "unchanged",
    }
}

/// The failure of a request that is larger than a commit: this door has no atomic calls beside others.
fn too_large(error: Error) -> Failure {
    let text = match &error {
        Error::AtomicRows { rows, max_rows } => {
            format!("{ROWS} may have at most {max_rows} rows; this request has {rows}")
        }
        Error::AtomicBytes { bytes, max_bytes } => {
            format!(
                "a request may change at most {max_bytes} bytes of stored data; this one would change {bytes}"
            )
        }
        _ => return error.into(),
    };
    Failure::faulty(error.reason(), text, Vec::new())
}

/// The failure that lists the faults of the first rows that cannot be applied.
fn refuse(refused: NoneApplied<'_>) -> Failure {
    let reason = refused.rows.first().map_or(Reason::FieldInvalid, |bad| bad.error.reason);
    let faults = refused.rows.iter().flat_map(faults).collect();
    Failure::faulty(reason, refused.message, faults)
}

/// The faults of a row that cannot be applied.
fn faults(bad: &BadRow<'_>) -> Vec<Fault> {
    let path = |field: &str| {
        let separator = if field.is_empty() { "" } else { "." };
        format!("{ROWS}[{}]{separator}{}", bad.index, named(field))
    };
    let fault = |fault: &Violation| Fault { path: path(&fault.field), message: fault.description.clone() };
    match bad.error.violations.as_slice() {
        [] => vec![Fault { path: path(""), message: bad.message.clone() }],
        violations => violations.iter().map(fault).collect(),
    }
}
