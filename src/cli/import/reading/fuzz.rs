//! The entry for fuzzing the readers of files, see [`crate::fuzz`].

use super::cells::Reading;
use super::columns::Columns;
use super::csv_rows::CsvRows;
use super::match_key::MatchKey;
use super::missing::Keys;
use super::rows::{Collector, Row, Rows};
use super::{csv, ndjson};
use crate::api::grpc::v1;
use crate::cli::import::failure::RowFailure;

/// Reads `bytes` as a CSV file with its header, as one without, and as NDJSON. If a CSV file can be read, its
/// cells are the same after they were written and read again.
pub(crate) fn files(bytes: &[u8]) {
    let mut reader = CsvRows::new(bytes, b',');
    if let Ok(header) = reader.header()
        && let Ok(columns) = Columns::from_header(&header, MatchKey::Ref, Reading::Cleaned)
    {
        members(&read(|rows| reader.next(rows)), |row| csv::member(&columns, row));
    }
    let mut reader = CsvRows::new(bytes, b';');
    let rows = read(|rows| reader.next(rows));
    let header = ["ref", "email", "attributes", "attributes.n:number", "enable_payroll", "iban"];
    if let Ok(columns) = Columns::from_header(&header.map(str::to_owned), MatchKey::Email, Reading::Exact) {
        members(&rows, |row| csv::member(&columns, row));
    }
    come_back(&rows);
    let mut lines = ndjson::Lines::new(bytes);
    members(&read(|rows| lines.next(rows)), |row| ndjson::member(&Keys::NONE, row));
}

/// The rows before the first that cannot be read; none if some bytes are not valid UTF-8.
fn read(mut next: impl FnMut(&mut Collector) -> Result<bool, crate::cli::Error>) -> Rows {
    let mut rows = Collector::default();
    while let Ok(true) = next(&mut rows) {}
    rows.finish().unwrap_or_default()
}

fn members(rows: &Rows, member: impl Fn(Row<'_>) -> Result<v1::MemberInput, RowFailure>) {
    rows.iter().for_each(|row| drop(member(row)));
}

fn come_back(rows: &Rows) {
    let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows.iter() {
        let written = writer.write_record(row.cells());
        assert!(written.is_ok(), "a row cannot be written: {written:?}");
    }
    let bytes = writer.into_inner().unwrap_or_default();
    let mut reader = CsvRows::new(bytes.as_slice(), b',');
    reader.take_backslash();
    let again = read(|rows| reader.next(rows));
    assert!(again.len() == rows.len(), "rows are lost or made");
    for (row, again) in rows.iter().zip(again.iter()) {
        assert!(row.cells().eq(again.cells()), "a row changed");
    }
}
