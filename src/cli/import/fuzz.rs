//! A door for fuzzing the readers of files, see [`crate::fuzz`].

use super::columns::Columns;
use super::rows::{Collector, Row};
use super::{MatchKey, RowFailure, csv, ndjson, records};
use crate::api::grpc::v1;

/// Reads `bytes` as a CSV file with its header, as one without, and as NDJSON.
pub(crate) fn files(bytes: &[u8]) {
    let mut reader = records::Records::new(bytes, b',');
    if let Ok(header) = reader.header()
        && let Ok(columns) = Columns::from_header(&header, MatchKey::Ref)
    {
        members(|rows| reader.next(rows), |row| csv::member(&columns, row));
    }
    let header = ["ref", "email", "attributes", "attributes.n:number", "enable_payroll", "iban"];
    if let Ok(columns) = Columns::from_header(&header.map(str::to_owned), MatchKey::Email) {
        let mut reader = records::Records::new(bytes, b';');
        members(|rows| reader.next(rows), |row| csv::member(&columns, row));
    }
    let mut lines = ndjson::Lines::new(bytes);
    members(|rows| lines.next(rows), ndjson::member);
}

fn members(
    mut next: impl FnMut(&mut Collector) -> Result<bool, crate::cli::Error>,
    member: impl Fn(Row<'_>) -> Result<v1::MemberInput, RowFailure>,
) {
    let mut rows = Collector::default();
    while let Ok(true) = next(&mut rows) {}
    if let Ok(rows) = rows.finish() {
        rows.iter().for_each(|row| drop(member(row)));
    }
}
